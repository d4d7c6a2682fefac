import type { ModelInfo } from '../runner/runner';
import type { DriftEpisode, DriftState } from './alerts';
import type { FeatureReport } from './attribution';

/** Rows that were seen and not observed, by why. */
export interface SkippedRows {
  /** The monitor kept within its share of the time. */
  readonly budget: number;
  /** The batch did not fit the reference: another width, dtype, or an input missing. */
  readonly rejected: number;
  /** There was no reference to compare with. */
  readonly noReference: number;
  /** A reference is learned from them. */
  readonly learning: number;
  /** The reference of a new model was being read. */
  readonly loading: number;
  /** The batch was computed by a model that a swap has replaced. */
  readonly otherModel: number;
}

/** The state of a monitor in numbers, for metrics. Plain data. */
export interface DriftSnapshot {
  readonly state: DriftState;
  /** The model whose inputs are watched, where it is known. */
  readonly model: ModelInfo | null;
  /** Rows of the reference; `null` without one. */
  readonly referenceRows: number | null;
  /** Rows that went by since the monitor was made: observed and skipped together. */
  readonly rowsSeen: number;
  /** Rows that were counted. */
  readonly rowsObserved: number;
  readonly rowsSkipped: SkippedRows;
  /** Rows of the window. */
  readonly windowRows: number;
  /** Times that the window slid on: at each it is looked at whether an episode or a warning is over. */
  readonly looks: number;
  /** Episodes of drift that began. */
  readonly alarms: number;
  /** Alarms that were held back during a cool-down. */
  readonly suppressedAlarms: number;
  /**
   * log₁₀ of the evidence that something drifted, over all features. It starts at 0, and once more after each alarm; without a
   * drift, it reaches the alarm level once in the stated mean time.
   */
  readonly evidenceLog10: number;
  /** `evidenceLog10` that raises an alarm: log₁₀ of the stated mean time between false alarms. */
  readonly alarmLevelLog10: number;
  /** `evidenceLog10` that raises a warning. */
  readonly warningLevelLog10: number;
  /** What that time is counted in. */
  readonly alarmUnit: 'rows' | 'ms';
  /** Part of the time since the monitor was made that counting and comparing took, 0 to 1. */
  readonly cpuShare: number;
  readonly features: readonly FeatureSnapshot[];
}

/** One feature in numbers, for metrics. */
export interface FeatureSnapshot {
  readonly name: string;
  /** log₁₀ of its own evidence: the evidence of all features is their mean. */
  readonly evidenceLog10: number;
  /** Population stability index of the window. */
  readonly psi: number;
  /** Kolmogorov–Smirnov distance of the window, on the reference's bins. */
  readonly ks: number;
  /** NaN values that were observed since the monitor was made. */
  readonly missing: number;
}

/** What a person wants to know about the live rows. Plain data that survives JSON. */
export interface DriftReport extends Omit<DriftSnapshot, 'features'> {
  /** The episode that lasts; `null` outside of one. */
  readonly episode: DriftEpisode | null;
  /** The hour or day whose reference and window the features are of; `null` where there are no seasons. */
  readonly season: number | null;
  /** All features, the strongest evidence first. */
  readonly features: readonly FeatureReport[];
  /** The features that have a part in the evidence, at most ten, the greatest part first. */
  readonly topMovers: readonly FeatureReport[];
}
