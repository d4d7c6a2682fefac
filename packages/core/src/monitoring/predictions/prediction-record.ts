import type { ModelInfo } from '../../runner/runner';
import type { DType } from '../../tensor/dtype';
import type { Tensor } from '../../tensor/tensor';

/** A tensor of which only a summary is kept. */
export interface TensorSummary {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Elements in all. */
  readonly count: number;
  /** Elements that are NaN. */
  readonly missing: number;
  /** Elements that are infinite. */
  readonly infinite: number;
  /** Least, greatest and mean of the finite elements; absent where there is none, and for strings. */
  readonly least?: number;
  readonly greatest?: number;
  readonly mean?: number;
  /** Lengths of the strings together; for strings only. */
  readonly characters?: number;
}

/** What is kept of an input or output: all of it, a summary, or that it was redacted. */
export type LoggedValue =
  | { readonly form: 'full'; readonly tensor: Tensor }
  | { readonly form: 'summary'; readonly summary: TensorSummary }
  | { readonly form: 'redacted' };

/** Inputs or outputs by name. */
export type LoggedValues = Readonly<Record<string, LoggedValue>>;

/** One prediction as it is kept. A plain object. */
export interface PredictionRecord {
  /** Unique; by it labels find the prediction. */
  readonly id: string;
  /** When it was made, in milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  /** The model that made it. */
  readonly model: ModelInfo;
  /** The row's inputs, with 1 as the size of the batch axis; empty where none are kept. */
  readonly inputs: LoggedValues;
  /** The row's outputs, likewise. */
  readonly outputs: LoggedValues;
  /** What was decided upon the prediction. */
  readonly decision?: string | number | boolean;
  /** The chance with which that decision was taken, above 0 and at most 1: what off-policy estimates divide by. */
  readonly propensity?: number;
  /** Whom it concerns: what `erase` goes by. */
  readonly key?: string;
  /** Texts by name, for slices and filters. */
  readonly tags?: Readonly<Record<string, string>>;
}
