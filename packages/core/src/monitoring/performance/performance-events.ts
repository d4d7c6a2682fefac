import type { ModelInfo } from '../../runner/runner';
import type { PerformanceAlert, PerformanceEpisode } from './alert-board';
import type { PerformanceSnapshot } from './performance-report';

/** Performance fell beneath a bound, or came back to it. */
export interface PerformanceAlertEvent {
  readonly episode: PerformanceEpisode;
  /** How the rule stands now. */
  readonly alert: PerformanceAlert;
  /** The model that was measured; `null` where the monitor was told of none. */
  readonly model: ModelInfo | null;
}

/** What a performance monitor tells. */
export interface PerformanceEventMap {
  'alert-start': PerformanceAlertEvent;
  'alert-end': PerformanceAlertEvent;
  /** A label met its prediction. */
  'label-join': { readonly id: string; readonly lagSeconds: number };
  /** The monitor was told of another model, and began anew; `previous` is what it knew of the one before. */
  'model-change': { readonly from: ModelInfo | null; readonly to: ModelInfo; readonly previous: PerformanceSnapshot };
}
