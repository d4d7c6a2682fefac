import { describeValue } from '../../config';
import { FairleadError } from '../../errors';
import type { Tally } from '../contracts';
import { DecisionRing } from './decision-ring';
import type { LoggedDecision } from './logged-decision';
import { type DecisionLogOptions, parseDecisionLogOptions } from './options';

/** A decision as it is taken. */
export interface DecisionDraft {
  /** What was chosen. Memory is held for every name ever given, so take arms and not ids. */
  readonly arm: string;
  /** The chance with which it was chosen. More than 0, at most 1. */
  readonly propensity: number;
  /** What it was chosen by; copied. */
  readonly context?: readonly number[];
  /**
   * Whether chance had a say in it. What was fixed beforehand, as for testers or a holdout, may get its reward as well, but teaches
   * nothing and is not read: it would speak for people whom no other arm could have had. @default true
   */
  readonly randomised?: boolean;
}

/**
 * What became of a reward.
 *
 * - `counted`: it is the decision's.
 * - `duplicate`: the decision has its reward, so this one changes nothing, whatever its value.
 * - `late`: it was earned after the attribution window.
 * - `gone`: the decision is held no longer: its time was over, or it gave way to newer ones. The statistics tell how many were
 *   `missing` and how many `dropped`; more are held with a greater `maxDecisions`.
 */
export type RewardOutcome = 'counted' | 'duplicate' | 'late' | 'gone';

/** What became of decisions and rewards; all but `waiting` only grow. A plain object. */
export interface DecisionLogStats {
  /** Decisions taken. */
  readonly decisions: number;
  /** Decisions without a reward that wait for one now. */
  readonly waiting: number;
  /** Decisions whose time was over before a reward came. */
  readonly missing: number;
  /** Decisions that gave way to newer ones before a reward came. */
  readonly dropped: number;
  /** Rewards by outcome. */
  readonly rewards: Readonly<Record<RewardOutcome, number>>;
  /** Duplicates whose value was another than that which counts. */
  readonly contradicted: number;
}

/** Options of one reward. */
export interface RewardTime {
  /** When it was earned, in milliseconds since 1970-01-01 UTC. @default now */
  readonly at?: number;
}

/** Holds decisions until their rewards come. */
export interface DecisionLog {
  /**
   * Takes a decision.
   * @returns its id
   * @throws FairleadError `INVALID_ARGUMENT`
   */
  add(decision: DecisionDraft): string;
  /**
   * Tells what a decision earned. The first reward counts, once.
   * @param reward any finite number
   * @throws FairleadError `NOT_FOUND` for an id that this log never gave; `INVALID_ARGUMENT` for a value that is no number, or a
   * time before the decision or after now (by more than a second, as clocks differ)
   */
  reward(decisionId: string, reward: number, time?: RewardTime): RewardOutcome;
  /** Lets go of decisions whose time is over; so does every call of `add` and `reward`. */
  expire(): void;
  /** The decisions that are held and had something of chance, oldest first. */
  read(): IterableIterator<LoggedDecision>;
  /**
   * Sums by arm over what had something of chance, since the beginning or the last call of this: `<arm>/decisions`, `<arm>/rewards` (those that counted, missing
   * ones that were given a value among them), `<arm>/total` and `<arm>/squares` of the rewards, `<arm>/weighted` of reward /
   * propensity. They are additive, so those of replicas are added by `mergeTallies`.
   */
  takeTally(): Tally;
  stats(): DecisionLogStats;
}

/** How much the clocks of those who report rewards may differ from this one. */
const clockSkewMs = 1000;

/**
 * Makes a log of decisions in bounded memory. A missing reward is not a zero, unless `missingReward` says so.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createDecisionLog(options: DecisionLogOptions = {}): DecisionLog {
  const { replica, clock, onReward, ...settings } = parseDecisionLogOptions(options);
  const { attributionWindowMs, lateArrivalMs, missingReward, maxDecisions } = settings;
  const ring = new DecisionRing(maxDecisions);
  const prefix = `${replica}:`;
  const rewards: Record<RewardOutcome, number> = { counted: 0, duplicate: 0, late: 0, gone: 0 };
  let waiting = 0;
  let missing = 0;
  let dropped = 0;
  let contradicted = 0;
  let tally: Record<string, number> = {};

  const idOf = (number: number): string => prefix + number.toString(36);
  const count = (arm: string, name: string, value: number): void => {
    const key = `${arm}/${name}`;
    tally[key] = (tally[key] ?? 0) + value;
  };

  const settle = (number: number, value: number): void => {
    const decision = ring.read(number, idOf(number));
    const isRandomised = ring.isRandomised(number);
    // First of all: where it throws, the reward does not count.
    if (isRandomised) onReward?.({ ...decision, reward: value });
    ring.setReward(number, value);
    if (!isRandomised) return;
    count(decision.arm, 'rewards', 1);
    count(decision.arm, 'total', value);
    count(decision.arm, 'squares', value * value);
    count(decision.arm, 'weighted', value / decision.propensity);
  };

  const release = (reason: 'expired' | 'dropped'): void => {
    const number = ring.oldest;
    if (Number.isNaN(ring.reward(number))) {
      waiting--;
      if (reason === 'dropped') dropped++;
      else {
        missing++;
        if (missingReward !== undefined) settle(number, missingReward);
      }
    }
    ring.drop();
  };

  const expire = (now: number): void => {
    while (ring.oldest < ring.next && now - ring.at(ring.oldest) > attributionWindowMs + lateArrivalMs) {
      release('expired');
    }
  };

  /** The number in an id of this log. */
  const numberOf = (decisionId: string): number => {
    const number = decisionId.startsWith(prefix) ? Number.parseInt(decisionId.slice(prefix.length), 36) : Number.NaN;
    if (number >= 0 && number < ring.next && idOf(number) === decisionId) return number;
    throw new FairleadError(
      'NOT_FOUND',
      `decision log: no decision "${decisionId}" was taken here: expected an id that begins with "${prefix}". Report a reward to the process that took the decision: the id begins with its name.`,
      { details: { field: 'decisionId', expected: `an id of this log, "${prefix}…"`, given: decisionId } },
    );
  };

  const outcomeOf = (number: number, value: number, at: number): RewardOutcome => {
    if (number < ring.oldest) return 'gone';
    const decidedAt = ring.at(number);
    if (at < decidedAt - clockSkewMs) throw invalid('at', `${decidedAt} or later, when the decision was taken`, at);
    const known = ring.reward(number);
    if (!Number.isNaN(known)) {
      if (known !== value) contradicted++;
      return 'duplicate';
    }
    if (at - decidedAt > attributionWindowMs) return 'late';
    settle(number, value);
    waiting--;
    return 'counted';
  };

  return {
    add({ arm, propensity, context, randomised = true }) {
      if (typeof arm !== 'string' || arm === '') throw invalid('arm', 'a text that is not empty', arm);
      if (!(propensity > 0 && propensity <= 1)) throw invalid('propensity', 'more than 0, at most 1', propensity);
      if (context !== undefined && !(Array.isArray(context) && context.every(Number.isFinite))) {
        throw invalid('context', 'finite numbers', context);
      }
      const now = clock.epochMs();
      expire(now);
      if (ring.isFull) release('dropped');
      waiting++;
      if (randomised) count(arm, 'decisions', 1);
      return idOf(ring.add(now, arm, propensity, context?.slice(), randomised));
    },
    reward(decisionId, value, { at } = {}) {
      if (typeof decisionId !== 'string') throw invalid('decisionId', 'the id of a decision', decisionId);
      if (!Number.isFinite(value)) throw invalid('reward', 'a finite number', value);
      const now = clock.epochMs();
      if (at !== undefined && !(at <= now + clockSkewMs))
        throw invalid('at', `milliseconds since 1970, at most ${now}`, at);
      const number = numberOf(decisionId);
      expire(now);
      const outcome = outcomeOf(number, value, at ?? now);
      rewards[outcome]++;
      return outcome;
    },
    expire: () => expire(clock.epochMs()),
    *read() {
      for (let number = ring.oldest; number < ring.next; number++) {
        // What was let go since the last one is passed over.
        if (number >= ring.oldest && ring.isRandomised(number)) yield ring.read(number, idOf(number));
      }
    },
    takeTally() {
      const taken = tally;
      tally = {};
      return taken;
    },
    stats: () => ({
      decisions: ring.next,
      waiting,
      missing,
      dropped,
      rewards: { ...rewards },
      contradicted,
    }),
  };
}

function invalid(field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  const message = `decision log: "${field}" is wrong: expected ${expected}, given ${given}.`;
  return new FairleadError('INVALID_ARGUMENT', message, { details: { field, expected, given } });
}
