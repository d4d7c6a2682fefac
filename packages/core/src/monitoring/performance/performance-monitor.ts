import type { Events } from '../../events';
import type { CallOptions, Closeable } from '../../lifecycle';
import type { ModelInfo } from '../../runner/runner';
import type { PredictionLog } from '../predictions/prediction-log';
import type { PredictionRecord } from '../predictions/prediction-record';
import type { PerformanceEventMap } from './performance-events';
import type { PerformanceReference } from './performance-reference';
import type { PerformanceSnapshot } from './performance-report';
import type { ClassLabel, Prediction } from './prediction';
import type { PredictionReader } from './read-record';

/** Measures how well a model predicts, by labels that come late, and estimates it where none came. */
export interface PerformanceMonitor extends Closeable {
  readonly events: Events<PerformanceEventMap>;
  /**
   * Takes a prediction, which waits for its label.
   * @param id unique, 1 to 256 characters
   * @returns `matched` where the label was there first; `duplicate` where the id is known, and the first prediction stays
   * @throws FairleadError `INVALID_INPUT`, `CLOSED`
   */
  predict(id: string, prediction: Prediction): 'waiting' | 'matched' | 'duplicate';
  /**
   * Takes the label of a prediction: the class, or the value.
   *
   * @param options `at`: when it was known, in milliseconds since 1970-01-01 UTC. @default now
   * @returns `matched`; `early` where no prediction of that id is known, so that the label waits for one and counts as unknown
   * when none comes in time; `duplicate` where the id has this label already; `changed` where it had another: the latest counts,
   * as long as the row is in the window
   * @throws FairleadError `INVALID_INPUT`, `CLOSED`
   */
  label(
    id: string,
    value: ClassLabel,
    options?: { readonly at?: number },
  ): 'matched' | 'early' | 'duplicate' | 'changed';
  /**
   * Begins anew with another model: its window is empty, episodes end, and labels of predictions made before are matched and not
   * measured.
   * @param reference the new model's; without one, margins and estimates rest
   * @throws FairleadError `INVALID_OPTION` for a reference of another task or other classes, `STORE_CORRUPT`
   */
  adopt(model: ModelInfo, reference?: PerformanceReference): void;
  /**
   * Takes every prediction that a log records from now on, until closed. What cannot be read is counted as rejected.
   * @param read makes a prediction of a record. @default reads the first output that fits the task
   */
  attach(log: Pick<PredictionLog, 'events'>, read?: PredictionReader): Closeable;
  /**
   * Takes predictions from a log's past, oldest first: after a restart, for example. What cannot be read is counted.
   * @returns how many were taken, duplicates included
   * @throws FairleadError `ABORTED`, and what reading the log rejects with
   */
  replay(
    records: Iterable<PredictionRecord> | AsyncIterable<PredictionRecord>,
    read?: PredictionReader,
    options?: CallOptions,
  ): Promise<number>;
  /** What it knows now. Sorts the window for the AUC, so it takes a millisecond or so for a thousand rows and ten parts. */
  snapshot(): PerformanceSnapshot;
}
