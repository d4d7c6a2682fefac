import type { LaneTuning } from './lane-tuning';

/** What `lanes: 'auto'` measured, to be remembered; it survives JSON. */
export type TuningRecord = Omit<LaneTuning, 'source'>;

/**
 * Remembers what `lanes: 'auto'` measured, so that a model that is loaded again on the same cores is not measured again.
 * A store that fails never fails the loading of a model: that is logged, and the lanes are measured. What it answers is
 * checked, and measured anew where it cannot be.
 */
export interface TuningStore {
  /**
   * What was last written under a key; `undefined` where nothing was.
   * @param key a line of text: the model's digest, the backend, the cores, the rows of a batch
   */
  read(key: string): TuningRecord | undefined | Promise<TuningRecord | undefined>;
  /** Keeps a record under a key, in place of the one before. */
  write(key: string, record: TuningRecord): void | Promise<void>;
}
