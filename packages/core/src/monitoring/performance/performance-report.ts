import type { ModelInfo } from '../../runner/runner';
import type { PerformanceAlert } from './alert-board';
import type { ClassReport, Confusion } from './confusion';
import type { LabelCounts, PredictionCounts } from './label-join';
import type { LabelLag } from './lag-histogram';
import type { MetricEstimates } from './measure';
import type { PerformanceTask } from './metric-names';
import type { ClassLabel } from './prediction';
import type { SlicePart } from './slices';

/** One part of a slice, measured on its own. */
export interface PartReport extends SlicePart {
  /** Its labelled rows in the window. */
  readonly rows: number;
  readonly metrics: MetricEstimates;
}

/** What a monitor knows at a moment; a plain object that survives JSON. */
export interface PerformanceSnapshot {
  readonly task: PerformanceTask;
  /** The model that it was told of last; `null` before. */
  readonly model: ModelInfo | null;
  /** Labelled rows in the window. */
  readonly rows: number;
  /** Metrics on the window with their intervals; those that the rows do not define are absent. */
  readonly metrics: MetricEstimates;
  /** Each class against all others; empty for `regression`. */
  readonly perClass: readonly (ClassReport & { readonly label: ClassLabel })[];
  /** Rows by actual and predicted class, `confusion[actual][predicted]`; empty for `regression`. */
  readonly confusion: readonly (readonly number[])[];
  readonly parts: readonly PartReport[];
  /** What the metrics are expected to be on the last predictions, without labels; empty without a reference that can tell. */
  readonly estimated: { readonly rows: number; readonly metrics: MetricEstimates };
  readonly alerts: readonly PerformanceAlert[];
  /** Episodes that began. */
  readonly alertsStarted: number;
  readonly predictions: PredictionCounts & {
    /** Predictions that could not be used; from `attach` and `replay`, as `predict` throws. */
    readonly rejected: number;
    /** Predictions that brought no features although the reference's loss model asks for them. */
    readonly withoutFeatures: number;
    /** Predictions that were put into the part `(other)` of a slice. */
    readonly foldedParts: number;
    /** Calls of slice functions that threw or answered what is no text. */
    readonly sliceFailures: number;
  };
  readonly labels: LabelCounts & {
    /** Changed labels whose row had left the window, so that they corrected nothing. */
    readonly changedTooLate: number;
    /** Labels of predictions that a model before made: matched, and not measured. */
    readonly otherModel: number;
  };
  /** Labels matched as a share of predictions taken; `undefined` before the first. */
  readonly matchRatio: number | undefined;
  readonly labelLag: LabelLag;
}

/** A confusion matrix as rows of numbers. */
export function confusionRows({ classes, cells }: Confusion): number[][] {
  return Array.from({ length: classes }, (_, actual) => [...cells.subarray(actual * classes, (actual + 1) * classes)]);
}
