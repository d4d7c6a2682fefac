import { describeValue } from '../../config';
import { FairleadError, messageOf, throwIfAborted } from '../../errors';
import type { LoggedValues, PredictionRecord } from '../../monitoring/predictions/prediction-record';
import { codeOf } from '../../resilience/remedies';
import type { Tensors } from '../../tensor/tensor';
import type { CompareOutputsOptions } from '../compare/compare-outputs';
import { createOffPolicyEstimator, type OffPolicyReport } from '../off-policy/estimator';
import type { LoggedDecision } from '../rewards/logged-decision';
import { parseReplayOptions, type ReplayDecision, type ReplayOptions, type ReplaySource } from './options';
import { createReplayTally, type ReplayAgreement } from './replay-tally';

/** What a candidate would have answered, and earned. A plain object that survives JSON. */
export interface ReplayReport {
  /** Records read. */
  readonly records: number;
  /** Those that the candidate answered. */
  readonly answered: number;
  /** Those it was not asked: their inputs were logged as a summary, redacted, or not at all. */
  readonly withoutInputs: number;
  /** Those it failed on, by code. */
  readonly failed: Readonly<Record<string, number>>;
  /** What the first of those failures said. */
  readonly firstFailure?: string;
  /** Its answers beside those that were logged in full. */
  readonly agreement: ReplayAgreement;
  /** Its decisions beside those that were logged; absent without `decide`. */
  readonly decisions?: {
    /** Records with a decision, where the candidate made one. */
    readonly compared: number;
    /** Sum of the chances with which the candidate decides as it was decided, as a share of those. */
    readonly agreeing: number;
    /** Records that say nothing of what would be earned: they have no decision or no propensity. */
    readonly withoutPropensity: number;
  };
  /** What its decisions would have earned, each; absent without `decide` and `rewardOf`, or where no reward is known. */
  readonly earned?: OffPolicyReport;
}

type Answered =
  | { readonly kind: 'skipped'; readonly record: PredictionRecord }
  | { readonly kind: 'failed'; readonly record: PredictionRecord; readonly error: unknown }
  | {
      readonly kind: 'answered';
      readonly record: PredictionRecord;
      readonly outputs: Tensors;
    };

/** Failures after which it is no use to ask further. */
const fatal: ReadonlySet<string> = new Set(['CLOSED', 'ABORTED']);

/**
 * Asks a candidate what was asked yesterday, and compares: its answers with the logged ones, its decisions with the logged ones, and
 * what they would have earned, by off-policy estimates of the logged decisions with their propensities and rewards.
 *
 * Records are read one after another and `concurrency` of them are held at once, so a log of any length will do. The estimate is one of
 * decisions that were tried: where the candidate decides what was never decided, `earned.unsupported` and its warnings say so.
 *
 * @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT`; `ABORTED`; `CLOSED` by the candidate or the log; `STORE_FAILED`; and what
 * `decide`, `rewardOf` and `contextOf` throw
 */
export async function replay(log: ReplaySource, options: ReplayOptions): Promise<ReplayReport> {
  const { settings, filter } = parseReplayOptions(options);
  const { candidate, decide, rewardOf, contextOf, concurrency, priority, onAnswer, onProgress, progressEvery } =
    settings;
  if (typeof log?.read !== 'function') {
    const given = describeValue(log);
    throw new FairleadError('INVALID_ARGUMENT', `replay: "log" is wrong: expected a prediction log, given ${given}.`, {
      details: { field: 'log', expected: 'a prediction log', given },
    });
  }
  const { signal } = filter;
  throwIfAborted(signal, 'replay');
  const runOptions = { priority, ...(signal === undefined ? {} : { signal }) };
  const names = candidate.signature.inputs.map(({ name }) => name);

  const ask = async (record: PredictionRecord): Promise<Answered> => {
    const inputs = fullValues(record.inputs, names);
    if (inputs === undefined) return { kind: 'skipped', record };
    try {
      const { outputs } = await candidate.run(inputs, runOptions);
      return { kind: 'answered', record, outputs };
    } catch (error) {
      return { kind: 'failed', record, error };
    }
  };

  let current: Readonly<Record<string, number>> = {};
  const estimator = createOffPolicyEstimator({ ...estimateOf(settings.estimate), policy: () => current });
  const tally = createReplayTally(settings.compare as CompareOutputsOptions);
  let records = 0;
  let answered = 0;
  let withoutInputs = 0;
  let compared = 0;
  let agreeing = 0;
  let withoutPropensity = 0;
  let hasRewards = false;
  const failed: Record<string, number> = {};
  let firstFailure: string | undefined;

  const judge = (record: PredictionRecord, decision: ReplayDecision, reward: number | undefined): void => {
    current = chancesOf(decision);
    const logged = record.decision === undefined ? undefined : String(record.decision);
    if (logged !== undefined) {
      compared++;
      agreeing += Object.hasOwn(current, logged) ? (current[logged] as number) : 0;
    }
    if (logged === undefined || record.propensity === undefined) {
      withoutPropensity++;
      return;
    }
    const context = contextOf?.(record);
    const known: LoggedDecision = {
      id: record.id,
      at: record.at,
      arm: logged,
      propensity: record.propensity,
      ...(context === undefined ? {} : { context }),
      ...(reward === undefined ? {} : { reward }),
    };
    estimator.add(known);
    hasRewards ||= reward !== undefined || settings.estimate.missingReward !== undefined;
  };

  const settle = async (result: Answered): Promise<void> => {
    records++;
    if (result.kind === 'skipped') withoutInputs++;
    else if (result.kind === 'failed') {
      const code = codeOf(result.error);
      if (fatal.has(code)) throw result.error;
      failed[code] = (failed[code] ?? 0) + 1;
      firstFailure ??= messageOf(result.error);
    } else {
      answered++;
      const { record, outputs } = result;
      tally.add(fullValues(record.outputs), outputs);
      onAnswer?.({ record, outputs });
      if (decide !== undefined) judge(record, decide({ record, outputs }), await rewardOf?.(record));
    }
    if (records % progressEvery === 0) onProgress?.({ records, answered, at: result.record.at });
  };

  // In the order of the log, whichever answer comes first, so that the same log gives the same report.
  const underWay: Promise<Answered>[] = [];
  for await (const record of log.read(filter)) {
    throwIfAborted(signal, 'replay');
    underWay.push(ask(record));
    if (underWay.length === concurrency) await settle(await (underWay.shift() as Promise<Answered>));
  }
  for (const rest of underWay) await settle(await rest);
  throwIfAborted(signal, 'replay');

  return {
    records,
    answered,
    withoutInputs,
    failed,
    ...(firstFailure === undefined ? {} : { firstFailure }),
    agreement: tally.read(),
    ...(decide === undefined
      ? {}
      : { decisions: { compared, agreeing: compared === 0 ? 0 : agreeing / compared, withoutPropensity } }),
    ...(decide !== undefined && hasRewards ? { earned: estimator.report() } : {}),
  };
}

/** Values that were logged in full: all of them, or those that are named; `undefined` where one was not. */
function fullValues(values: LoggedValues, names: readonly string[] = Object.keys(values)): Tensors | undefined {
  const tensors: [string, Tensors[string]][] = [];
  for (const name of names) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value?.form !== 'full') return undefined;
    tensors.push([name, value.tensor]);
  }
  return tensors.length === 0 ? undefined : Object.fromEntries(tensors);
}

function chancesOf(decision: ReplayDecision): Readonly<Record<string, number>> {
  return typeof decision === 'object' && decision !== null ? decision : { [String(decision)]: 1 };
}

/** The options without those that are absent. */
function estimateOf({ missingReward, ...rest }: ReturnType<typeof parseReplayOptions>['settings']['estimate']) {
  return missingReward === undefined ? rest : { ...rest, missingReward };
}
