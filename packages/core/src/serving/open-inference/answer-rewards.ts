import { FairleadError } from '../../errors';
import { describeGiven } from '../../tensor/json/describe-given';
import { readJson } from '../../tensor/json/lenient-json';
import { decodeText, readBody } from '../answer-body';
import type { ServiceRequest, ServiceResponse } from '../exchange';
import type { Call } from '../host/call';
import type { ModelHost } from '../host/model-host';
import type { Reward } from '../host/served-rollout';
import { describeError, jsonResponse } from '../http-error';

/** Bytes of a body, and rewards in it: telling a bandit of one costs time, and nobody else is answered meanwhile. */
const maxBytes = 1024 * 1024;
const maxRewards = 256;
/** Longer ids are nobody's. */
const maxIdLength = 16_384;

/** One reward as it travels. */
interface RewardMessage {
  readonly id: string;
  readonly value: number;
  readonly at: number | undefined;
}

/** Answers what decisions of a rollout earned: one reward, or a list of them, of which each is answered by itself. */
export async function answerRewards(host: ModelHost, request: ServiceRequest, call: Call): Promise<ServiceResponse> {
  find(host, call);
  const place = host.admission.enter();
  try {
    const body = await readBody(request, Math.min(maxBytes, host.limits.maxBodyBytes), place);
    const message = readJson(decodeText(body), (value) => value);
    // Asked again: while the body came, the model may have been loaded anew.
    const reward = find(host, call);
    if (!Array.isArray(message)) return jsonResponse(200, JSON.stringify(await tell(reward, message, '')));
    if (message.length > maxRewards) throw tooMany(message.length);
    const answers: object[] = [];
    for (const [index, item] of message.entries()) answers.push(await tellOrFail(reward, item, `[${index}].`));
    return jsonResponse(200, JSON.stringify(answers));
  } finally {
    place.leave();
  }
}

/** @throws FairleadError `NOT_FOUND`, `UNSUPPORTED` for a model whose decisions nobody remembers */
function find({ catalog }: ModelHost, call: Call): Reward {
  const { model: name = '' } = call;
  const { rollout } = catalog.find(name);
  call.reach(name);
  if (rollout?.reward !== undefined) return rollout.reward;
  throw new FairleadError(
    'UNSUPPORTED',
    `Model "${name}" takes no rewards: it is no rollout, or one that remembers no decisions. Serve what createRollout made, with "rewards: {}" or a strategy that learns.`,
    { details: { field: 'model', expected: 'a rollout that remembers decisions', given: name } },
  );
}

/** @throws what is wrong with the reward, and what the rollout says to it */
async function tell(reward: Reward, message: unknown, at: string): Promise<object> {
  const { id, value, at: earnedAt } = readReward(message, at);
  const outcome = await reward(id, value, earnedAt === undefined ? {} : { at: earnedAt });
  return { outcome };
}

/** What fails for no reason of the reward's fails the list: it may be sent again, for no reward counts twice. */
async function tellOrFail(reward: Reward, message: unknown, at: string): Promise<object> {
  try {
    return await tell(reward, message, at);
  } catch (error) {
    const { status, body } = describeError(error);
    if (status >= 500) throw error;
    return body;
  }
}

/** A field that is not known may be one that matters under another name, such as a time that would then be now. */
function readReward(message: unknown, at: string): RewardMessage {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw invalid(at === '' ? 'the body' : at.slice(0, -1), '{decision_id, value, at?}', describeGiven(message));
  }
  const { decision_id: id, value, at: earnedAt, ...others } = message as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined)
    throw invalid(`${at}${other.slice(0, 40)}`, 'no field beside decision_id, value and at', 'one');
  if (typeof id !== 'string') throw invalid(`${at}decision_id`, 'the decision id of an answer', describeGiven(id));
  if (id.length > maxIdLength) {
    throw invalid(`${at}decision_id`, `at most ${maxIdLength} characters`, String(id.length));
  }
  if (!isFiniteNumber(value)) throw invalid(`${at}value`, 'a finite number', describeGiven(value));
  if (earnedAt !== undefined && !isFiniteNumber(earnedAt)) {
    throw invalid(`${at}at`, 'milliseconds since 1970, or nothing for now', describeGiven(earnedAt));
  }
  return { id, value, at: earnedAt };
}

function isFiniteNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

function tooMany(given: number): FairleadError {
  const expected = `at most ${maxRewards} rewards`;
  return new FairleadError(
    'LIMIT_EXCEEDED',
    `The list has ${given} rewards: expected ${expected}. Send the rest apart.`,
    {
      details: { field: 'the body', expected, given: String(given) },
    },
  );
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Reward ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
