/** What a model is asked for. */
export type PerformanceTask = 'binary' | 'multiclass' | 'regression';

/**
 * A measure of performance.
 *
 * - `accuracy`: share of rows whose class was predicted; for many classes it is also micro precision, recall and F1.
 * - `precision`, `recall`, `f1`: of the positive class; for many classes their mean over the classes (macro).
 * - `auc`: area under the ROC curve; for many classes the mean over each against the rest.
 * - `logLoss`: mean −ln of the probability of the actual class.
 * - `calibrationError`: expected calibration error of the positive class; for many classes of the most probable one.
 * - `mae`, `rmse`, `r2`, `mape`: mean absolute error, root of the mean square, coefficient of determination, and mean
 *   absolute error as a share of the actual value (rows whose actual value is 0 are left out).
 */
export type PerformanceMetric =
  | 'accuracy'
  | 'precision'
  | 'recall'
  | 'f1'
  | 'auc'
  | 'logLoss'
  | 'calibrationError'
  | 'mae'
  | 'rmse'
  | 'r2'
  | 'mape';

const classification = ['accuracy', 'precision', 'recall', 'f1', 'auc', 'logLoss', 'calibrationError'] as const;

/** The metrics of each task. */
export const metricsOf: Readonly<Record<PerformanceTask, readonly PerformanceMetric[]>> = {
  binary: classification,
  multiclass: classification,
  regression: ['mae', 'rmse', 'r2', 'mape'],
};

const smallIsGood: ReadonlySet<PerformanceMetric> = new Set(['logLoss', 'calibrationError', 'mae', 'rmse', 'mape']);

/** Whether less of a metric is better. */
export function isLoss(metric: PerformanceMetric): boolean {
  return smallIsGood.has(metric);
}
