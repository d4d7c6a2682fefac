import { calibrationError } from './calibration-error';
import {
  type ClassReport,
  type Confusion,
  correctOf,
  countsOf,
  emptyConfusion,
  macroRatio,
  reportOf,
  totalOf,
} from './confusion';
import { f1Estimate, type MetricEstimate, normalEstimate, rootEstimate, shareEstimate } from './intervals';
import { LossTally, logLossOf, regressionErrors } from './losses';
import type { PerformanceMetric, PerformanceTask } from './metric-names';
import { rankScores } from './ranking';

/** Rows whose labels are known, in columns. */
export interface LabelledRows {
  readonly task: PerformanceTask;
  /** Classes; 2 for `binary`, 0 for `regression`. */
  readonly classes: number;
  readonly rows: number;
  /** For each row the index of its class, or its value. */
  readonly actual: ArrayLike<number>;
  /** The same as it was predicted. */
  readonly predicted: ArrayLike<number>;
  /**
   * Probabilities: of the positive class for `binary`, one for each class of each row for `multiclass`; empty for
   * `regression`, and where a row brought none NaN.
   */
  readonly probabilities: ArrayLike<number>;
}

/** Metrics by name; those that the rows do not define are absent. */
export type MetricEstimates = Readonly<Partial<Record<PerformanceMetric, MetricEstimate>>>;

/** How metrics are measured. */
export interface MeasureSettings {
  /** Quantile of the standard normal law: 1.96 for intervals of 95 %. */
  readonly z: number;
  /** Bins of the calibration error. */
  readonly calibrationBins: number;
  /** Measures these only. @default all */
  readonly only?: ReadonlySet<PerformanceMetric>;
}

/** Every metric that the rows define. */
export function measure(data: LabelledRows, settings: MeasureSettings): MetricEstimates {
  if (data.rows === 0) return {};
  if (data.task === 'regression') return measureRegression(data, settings);
  const wants = (metric: PerformanceMetric): boolean => settings.only === undefined || settings.only.has(metric);
  return {
    ...ratios(confusionOf(data), data.task, settings),
    ...(wants('auc') ? entry('auc', ranking(data, settings.z)) : {}),
    ...(wants('logLoss') ? entry('logLoss', logLoss(data, settings.z)) : {}),
    ...(wants('calibrationError') ? entry('calibrationError', calibration(data, settings)) : {}),
  };
}

/** How often each class was taken for each. */
export function confusionOf({ classes, rows, actual, predicted }: LabelledRows): Confusion {
  const confusion = emptyConfusion(classes);
  const { cells } = confusion;
  for (let row = 0; row < rows; row++) {
    const cell = (actual[row] as number) * classes + (predicted[row] as number);
    cells[cell] = (cells[cell] as number) + 1;
  }
  return confusion;
}

/** Precision, recall and F1 of each class. */
export function classReports(confusion: Confusion): readonly ClassReport[] {
  return Array.from({ length: confusion.classes }, (_, index) => reportOf(countsOf(confusion, index)));
}

function entry(metric: PerformanceMetric, estimate: MetricEstimate | undefined): MetricEstimates {
  return estimate === undefined ? {} : { [metric]: estimate };
}

/** Accuracy, precision, recall and F1. */
function ratios(confusion: Confusion, task: PerformanceTask, { z }: MeasureSettings): MetricEstimates {
  const accuracy = { accuracy: shareEstimate(correctOf(confusion), totalOf(confusion), z) };
  if (task === 'multiclass') {
    return {
      ...accuracy,
      ...macro(confusion, 'precision', z),
      ...macro(confusion, 'recall', z),
      ...macro(confusion, 'f1', z),
    };
  }
  const { truePositives, falsePositives, falseNegatives } = countsOf(confusion, 1);
  const share = (whole: number) => (whole > 0 ? shareEstimate(truePositives, whole, z) : undefined);
  const involved = truePositives + falsePositives + falseNegatives;
  return {
    ...accuracy,
    ...entry('precision', share(truePositives + falsePositives)),
    ...entry('recall', share(truePositives + falseNegatives)),
    ...entry('f1', involved > 0 ? f1Estimate(truePositives, involved, z) : undefined),
  };
}

/** A macro mean, its variance by the delta method on the multinomial law of the cells. */
function macro(confusion: Confusion, ratio: 'precision' | 'recall' | 'f1', z: number): MetricEstimates {
  const gradient = new Float64Array(confusion.cells.length);
  const value = macroRatio(confusion, ratio, gradient);
  if (value === undefined) return {};
  const rows = totalOf(confusion);
  let mean = 0;
  let square = 0;
  for (const [cell, count] of confusion.cells.entries()) {
    const slope = gradient[cell] as number;
    mean += count * slope;
    square += count * slope * slope;
  }
  const variance = Math.max(0, square - (mean * mean) / rows);
  return { [ratio]: normalEstimate(value, variance, rows, z, 0, 1) };
}

/** The probability that row gave to a class, by the layout of the task. */
function probabilityOf({ task, classes, probabilities }: LabelledRows, row: number, index: number): number {
  if (task === 'multiclass') return probabilities[row * classes + index] as number;
  const positive = probabilities[row] as number;
  return index === 1 ? positive : 1 - positive;
}

/** Rows that brought probabilities. */
function rowsWithProbabilities(data: LabelledRows): number[] {
  const rows: number[] = [];
  for (let row = 0; row < data.rows; row++) if (!Number.isNaN(probabilityOf(data, row, 0))) rows.push(row);
  return rows;
}

function ranking(data: LabelledRows, z: number): MetricEstimate | undefined {
  const rows = rowsWithProbabilities(data);
  const rank = (index: number) =>
    rankScores(
      rows.map((row) => probabilityOf(data, row, index)),
      rows.map((row) => (data.actual[row] === index ? 1 : 0)),
    );
  const indices = data.task === 'binary' ? [1] : Array.from({ length: data.classes }, (_, index) => index);
  const found = indices.map(rank).filter((ranked) => ranked !== undefined);
  if (found.length === 0) return undefined;
  let auc = 0;
  // Of estimates that hang together, the mean has at most the mean of their standard errors.
  let standardError = 0;
  let fewest = Number.POSITIVE_INFINITY;
  for (const ranked of found) {
    auc += ranked.auc / found.length;
    standardError += Math.sqrt(ranked.variance) / found.length;
    fewest = Math.min(fewest, ranked.positives, ranked.negatives);
  }
  const estimate = normalEstimate(auc, standardError ** 2, rows.length, z, 0, 1);
  if (standardError > 0) return estimate;
  // Without a fault there is no spread to go by: the rule of three, on the smaller class, says how far it may be.
  const slack = Math.min(1, (z * z) / fewest);
  return { ...estimate, low: Math.max(0, auc - slack), high: Math.min(1, auc + slack) };
}

function logLoss(data: LabelledRows, z: number): MetricEstimate | undefined {
  const tally = new LossTally();
  for (const row of rowsWithProbabilities(data))
    tally.add(logLossOf(probabilityOf(data, row, data.actual[row] as number)));
  const loss = tally.result();
  return loss === undefined ? undefined : normalEstimate(loss.mean, loss.variance, loss.rows, z, 0);
}

function calibration(data: LabelledRows, { z, calibrationBins }: MeasureSettings): MetricEstimate | undefined {
  const rows = rowsWithProbabilities(data);
  const binary = data.task === 'binary';
  const top = binary ? rows.map(() => 1) : rows.map((row) => likeliest(data, row));
  const error = calibrationError(
    rows.map((row, place) => probabilityOf(data, row, top[place] as number)),
    rows.map((row, place) => (data.actual[row] === top[place] ? 1 : 0)),
    calibrationBins,
  );
  return error === undefined ? undefined : normalEstimate(error.value, error.variance, rows.length, z, 0, 1);
}

function likeliest(data: LabelledRows, row: number): number {
  let best = 0;
  for (let index = 1; index < data.classes; index++) {
    if (probabilityOf(data, row, index) > probabilityOf(data, row, best)) best = index;
  }
  return best;
}

function measureRegression({ actual, predicted }: LabelledRows, { z }: MeasureSettings): MetricEstimates {
  const errors = regressionErrors(actual, predicted);
  if (errors === undefined) return {};
  const { mae, mse, r2, mape } = errors;
  return {
    mae: normalEstimate(mae.mean, mae.variance, mae.rows, z, 0),
    rmse: rootEstimate(mse.mean, mse.variance, mse.rows, z),
    ...entry('r2', r2 && normalEstimate(r2.value, r2.variance, mse.rows, z, Number.NEGATIVE_INFINITY, 1)),
    ...entry('mape', mape && normalEstimate(mape.mean, mape.variance, mape.rows, z, 0)),
  };
}
