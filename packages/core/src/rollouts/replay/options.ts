import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import type { CallOptions } from '../../lifecycle';
import type { PredictionFilter, PredictionLog } from '../../monitoring/predictions/prediction-log';
import type { PredictionRecord } from '../../monitoring/predictions/prediction-record';
import type { ModelRunner, Priority } from '../../runner/runner';
import type { Tensors } from '../../tensor/tensor';
import { type CompareOutputsOptions, compareField } from '../compare/compare-outputs';
import { type EstimateOptions, estimateFields } from '../off-policy/options';

/** What a candidate answered to a logged request. */
export interface ReplayedAnswer {
  readonly record: PredictionRecord;
  /** The candidate's outputs, one row. */
  readonly outputs: Tensors;
}

/** A decision, or the chance of each: those are texts then, as logged decisions that are no texts are written. */
export type ReplayDecision = string | number | boolean | Readonly<Record<string, number>>;

/** Options of {@link replay}. */
export interface ReplayOptions extends CallOptions, Omit<PredictionFilter, 'signal'> {
  /** What is asked; the caller closes it. */
  readonly candidate: ModelRunner;
  /**
   * What would have been decided upon the candidate's answer, in the terms of the log's `decision`. With it, what the decisions
   * would have earned is estimated from those whose propensity and reward are known.
   */
  readonly decide?: (answer: ReplayedAnswer) => ReplayDecision;
  /** What a logged decision earned; `undefined` where that is not known, which is no 0. */
  readonly rewardOf?: (record: PredictionRecord) => number | undefined | Promise<number | undefined>;
  /** What a reward model may go by. */
  readonly contextOf?: (record: PredictionRecord) => readonly number[] | undefined;
  /** How estimates are made. */
  readonly estimate?: EstimateOptions;
  /** How answers are compared with those that were logged. */
  readonly compare?: CompareOutputsOptions;
  /** Requests that the candidate has at once; also what is held of the log. 1 to 4096. @default 64 */
  readonly concurrency?: number;
  /** Of the candidate's requests, so that a runner which others use serves them first. @default 'low' */
  readonly priority?: Priority;
  /** Told of every answer, in the order of the log. */
  readonly onAnswer?: (answer: ReplayedAnswer) => void;
  /** Called after every `progressEvery` records. */
  readonly onProgress?: (progress: ReplayProgress) => void;
  /** 1 or more. @default 1000 */
  readonly progressEvery?: number;
}

/** How far a replay is. */
export interface ReplayProgress {
  /** Records read and done with. */
  readonly records: number;
  readonly answered: number;
  /** Time of the last of them, in milliseconds since 1970-01-01 UTC. */
  readonly at: number;
}

const aFunction = <T>() => z.optional(z.custom<T>((value) => typeof value === 'function', 'a function'));

const schema = z.strictObject({
  candidate: z.custom<ModelRunner>(
    (value) => typeof (value as ModelRunner | undefined)?.run === 'function',
    'a ModelRunner',
  ),
  decide: aFunction<NonNullable<ReplayOptions['decide']>>(),
  rewardOf: aFunction<NonNullable<ReplayOptions['rewardOf']>>(),
  contextOf: aFunction<NonNullable<ReplayOptions['contextOf']>>(),
  estimate: z.prefault(z.strictObject(estimateFields), {}),
  compare: compareField,
  concurrency: z._default(z.int().check(z.gte(1), z.lte(4096)), 64),
  priority: z._default(z.enum(['high', 'normal', 'low']), 'low'),
  onAnswer: aFunction<NonNullable<ReplayOptions['onAnswer']>>(),
  onProgress: aFunction<NonNullable<ReplayOptions['onProgress']>>(),
  progressEvery: z._default(z.int().check(z.gte(1)), 1000),
});

/** The options, complete, beside what the log is asked. @throws FairleadError `INVALID_OPTION` */
export function parseReplayOptions(options: ReplayOptions): {
  readonly settings: z.output<typeof schema>;
  readonly filter: PredictionFilter;
} {
  const { from, to, version, name, id, key, limit, signal, ...rest } = options ?? {};
  const filter = Object.entries({ from, to, version, name, id, key, limit, signal });
  return {
    settings: parseOptions(schema, rest, 'replay'),
    // The log checks these itself.
    filter: Object.fromEntries(filter.filter(([, value]) => value !== undefined)) as PredictionFilter,
  };
}

/** Where records are read from: a prediction log, or anything that reads like one. */
export type ReplaySource = Pick<PredictionLog, 'read'>;
