import type { FairleadError } from '../errors';
import type { ModelInfo } from '../runner/runner';

/**
 * What a feature was at its use:
 *
 * - `used`: its value went to the model.
 * - `missing`: the store had none, and the default went to the model, or the request failed.
 * - `stale`: the store's was older than allowed; the same.
 * - `unread`: the store failed, and the default went to the model.
 */
export type FeatureOutcome = 'used' | 'missing' | 'stale' | 'unread';

/** The features of a request were joined to its inputs, or the request failed for want of one. */
export interface FeaturesJoinEvent {
  readonly model: ModelInfo;
  readonly store: string;
  readonly rows: number;
  /** Each feature of each row: rows after one another, in each the features as `features` names them. */
  readonly features: readonly string[];
  readonly outcomes: readonly FeatureOutcome[];
  /** Milliseconds between a value's own time and its use; not a number where the store does not tell, or had none. */
  readonly agesMs: Float64Array;
  /** Milliseconds that the request waited for its features. */
  readonly waitedMs: number;
}

/** The store was read, well or not. */
export interface StoreReadEvent {
  readonly store: string;
  readonly entities: number;
  readonly durationMs: number;
  /** Why it failed; absent when it did not. */
  readonly error?: FairleadError;
}

/** What a runner with features tells beside what the runner inside tells. */
export interface FeatureEventMap {
  'features-join': FeaturesJoinEvent;
  'store-read': StoreReadEvent;
}
