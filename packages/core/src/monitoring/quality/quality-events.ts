import type { ModelInfo } from '../../runner/runner';
import type { CheckReport, QualitySnapshot, QualityState } from './quality-report';

/** The state of one rule on one field changed. */
export interface CheckChangeEvent {
  readonly rule: string;
  readonly feature: string;
  readonly from: QualityState;
  readonly to: QualityState;
  readonly rowsSeen: number;
  /** What is known of it, with examples. */
  readonly check: CheckReport;
}

/** The worst state of all rules changed. */
export interface QualityStateChangeEvent {
  readonly from: QualityState;
  readonly to: QualityState;
  readonly rowsSeen: number;
}

/** The runner went over to another model: states and windows start anew. */
export interface QualityModelChangeEvent {
  readonly model: ModelInfo;
  /** The numbers just before, under the model of before. */
  readonly previous: QualitySnapshot;
}

/** What a quality monitor tells. */
export interface QualityEventMap {
  'check-change': CheckChangeEvent;
  'state-change': QualityStateChangeEvent;
  'model-change': QualityModelChangeEvent;
}
