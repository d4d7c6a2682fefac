import type { IsotonicCurve } from './isotonic';
import type { LossModel } from './loss-model';
import type { PerformanceMetric, PerformanceTask } from './metric-names';
import type { ClassLabel } from './prediction';

/** A metric as it was on the labelled reference. */
export interface ReferenceMetric {
  readonly value: number;
  readonly standardError: number;
  /** Rows that the value speaks of. */
  readonly rows: number;
}

/** Metrics of the reference by name. */
export type ReferenceMetrics = Readonly<Partial<Record<PerformanceMetric, ReferenceMetric>>>;

/**
 * How a model performed on labelled rows it was not trained on, and what is needed to estimate its performance where no
 * labels are. Plain data, which survives JSON.
 */
export interface PerformanceReference {
  readonly format: 'fairlead-performance-reference';
  readonly version: 1;
  readonly task: PerformanceTask;
  readonly classes: readonly ClassLabel[];
  readonly threshold: number;
  /** Labelled rows it was fitted on. */
  readonly rows: number;
  readonly metrics: ReferenceMetrics;
  /** Metrics of the parts of its slices. */
  readonly slices: readonly { readonly slice: string; readonly part: string; readonly metrics: ReferenceMetrics }[];
  /** `binary`: the curve of the positive class; `multiclass`: one for each class. Empty where no row had probabilities. */
  readonly calibration: readonly IsotonicCurve[];
  /** `regression` with features: models of the absolute and the squared error. */
  readonly losses?: { readonly absolute: LossModel; readonly squared: LossModel };
}

/** Bounds on what a reference may hold. */
export const performanceReferenceLimits = {
  /** Classes of a task. */
  classes: 1000,
  /** Knots of a calibration curve. */
  knots: 100_000,
  /** Features of a loss model. */
  features: 10_000,
  /** Trees of a loss model. */
  trees: 1000,
  /** Parts of slices. */
  parts: 10_000,
  /** Bytes of a serialised reference. */
  bytes: 64 * 2 ** 20,
} as const;
