import type { ModelInfo } from '../runner/runner';
import type { DriftEpisode, DriftState } from './alerts';
import type { Reference } from './reference';
import type { DriftReport, DriftSnapshot } from './report';

/** The live rows began to differ from the reference. */
export interface DriftStartEvent {
  readonly episode: DriftEpisode;
  /** What differs, and how much. */
  readonly report: DriftReport;
}

/** An episode of drift is over. */
export interface DriftEndEvent {
  readonly episode: DriftEpisode;
  /** The window looks like the reference again, or there is another reference now. */
  readonly reason: 'recovered' | 'reference-change';
  /** Rows that were seen during the episode. */
  readonly rows: number;
  readonly durationMs: number;
}

/** The state changed. */
export interface StateChangeEvent {
  readonly from: DriftState;
  readonly to: DriftState;
  readonly rowsSeen: number;
  /** log₁₀ of the evidence that changed it. */
  readonly evidenceLog10: number;
}

/** Another model or reference is watched, and the evidence starts anew. */
export interface ReferenceChangeEvent {
  readonly model: ModelInfo | undefined;
  /** `undefined` when the model brought none: nothing is watched until the next one. */
  readonly reference: Reference | undefined;
  /** The numbers just before the change, under the model and reference of before. */
  readonly previous: DriftSnapshot;
}

/** The reference of a model could not be read, does not fit its inputs, is too small, or could not be learned. */
export interface ReferenceFailEvent {
  /** `undefined` when it could not be learned from rows of no known model. */
  readonly model: ModelInfo | undefined;
  readonly error: unknown;
}

/** What a drift monitor tells. */
export interface DriftEventMap {
  'drift-start': DriftStartEvent;
  'drift-end': DriftEndEvent;
  'state-change': StateChangeEvent;
  'reference-change': ReferenceChangeEvent;
  'reference-fail': ReferenceFailEvent;
}
