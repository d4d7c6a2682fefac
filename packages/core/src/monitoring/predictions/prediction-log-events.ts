import type { PredictionRecord } from './prediction-record';
import type { SinkUsage } from './prediction-sink';

/**
 * What became of a prediction:
 *
 * - `logged`: the sink has it.
 * - `sampled-out`: its id is not among those that are kept.
 * - `redacted`: the redaction answered that it may not be kept, or failed.
 * - `erased`: its key was erased, and later records of it are refused.
 * - `too-large`: even its summary has more than `maxRecordBytes`.
 * - `refused`: the sink had no room in its buffer.
 */
export type RecordOutcome = 'logged' | 'sampled-out' | 'redacted' | 'erased' | 'too-large' | 'refused';

/** What a log has done so far. */
export interface PredictionLogStats {
  /** Predictions by what became of them. */
  readonly outcomes: Readonly<Record<RecordOutcome, number>>;
  /** Rows of attached runners that were passed over to keep within `maxCpuShare`. */
  readonly skipped: number;
  /** Rows of attached runners that could not be recorded, as `describe` threw or answered nonsense. */
  readonly failed: number;
  /** Records kept as a summary, as they were too large in full. */
  readonly summarised: number;
  /** Records that `erase` took out. */
  readonly erasedRecords: number;
  /** What the sink says. */
  readonly sink: SinkUsage;
}

/** What a prediction log tells. */
export interface PredictionLogEventMap {
  /** A record went to the sink. */
  record: { readonly record: PredictionRecord };
}
