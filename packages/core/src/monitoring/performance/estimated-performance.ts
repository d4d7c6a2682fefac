import { type Confusion, correctOf, countsOf, emptyConfusion, macroRatio, ratioOf, totalOf } from './confusion';
import { type MetricEstimate, normalEstimate } from './intervals';
import type { MetricEstimates } from './measure';
import { orderOf } from './ranking';

/*
 * Confidence-based performance estimation: where p is the probability that a row is of a class, a row that was predicted
 * to be of it is a hit in p of all cases. Sums of such parts are the confusion matrix to be expected, and ratios of them
 * the metrics. It holds as long as the calibrated probabilities are right for the rows at hand: it sees shifts of the
 * inputs that move rows to where the model is less sure, and cannot see that the same inputs now mean something else.
 */

/** Rows without labels, in columns, as the estimate takes them. */
export interface UnlabelledRows {
  readonly classes: number;
  readonly rows: number;
  /** Index of the class that was predicted, for each row. */
  readonly predicted: ArrayLike<number>;
  /** Calibrated probabilities, one for each class of each row, which add up to 1. */
  readonly calibrated: ArrayLike<number>;
  /** The scores that the model ranks by, in the same layout. */
  readonly scores: ArrayLike<number>;
}

/**
 * Accuracy, precision, recall, F1 and AUC that the rows are expected to have, each with an interval: that of the metric of
 * these rows, whose labels are still drawn by chance. Two classes: those of class 1. More: means over the classes.
 *
 * @param z quantile of the standard normal law, 1.96 for 95 %
 */
export function estimatePerformance(data: UnlabelledRows, z: number): MetricEstimates {
  const { classes, rows } = data;
  if (rows === 0) return {};
  const confusion = expectedConfusion(data);
  const binary = classes === 2;
  const gradient = new Float64Array(classes * classes);
  const estimates: [keyof MetricEstimates, MetricEstimate][] = [];

  for (let index = 0; index < classes; index++) gradient[index * (classes + 1)] = 1 / rows;
  const accuracy = correctOf(confusion) / totalOf(confusion);
  estimates.push(['accuracy', normalEstimate(accuracy, labelVariance(data, gradient), rows, z, 0, 1)]);

  for (const ratio of ['precision', 'recall', 'f1'] as const) {
    const value = binary ? positiveRatio(confusion, ratio, gradient) : macroRatio(confusion, ratio, gradient);
    if (value === undefined) continue;
    estimates.push([ratio, normalEstimate(value, labelVariance(data, gradient), rows, z, 0, 1)]);
  }

  const auc = binary ? expectedAuc(data, 1) : macroAuc(data);
  if (auc !== undefined) estimates.push(['auc', normalEstimate(auc.value, auc.variance, rows, z, 0, 1)]);
  return Object.fromEntries(estimates);
}

/** The confusion matrix to be expected. */
export function expectedConfusion({ classes, rows, predicted, calibrated }: UnlabelledRows): Confusion {
  const confusion = emptyConfusion(classes);
  const { cells } = confusion;
  for (let row = 0; row < rows; row++) {
    for (let actual = 0; actual < classes; actual++) {
      const cell = actual * classes + (predicted[row] as number);
      cells[cell] = (cells[cell] as number) + (calibrated[row * classes + actual] as number);
    }
  }
  return confusion;
}

function positiveRatio(
  confusion: Confusion,
  ratio: 'precision' | 'recall' | 'f1',
  gradient: Float64Array,
): number | undefined {
  gradient.fill(0);
  const { part, whole } = ratioOf(countsOf(confusion, 1), ratio);
  if (whole <= 0) return undefined;
  const weight = ratio === 'f1' ? 2 : 1;
  const miss = -part / (whole * whole);
  gradient[3] = weight * (1 / whole + miss);
  if (ratio !== 'recall') gradient[1] = miss;
  if (ratio !== 'precision') gradient[2] = miss;
  return part / whole;
}

/**
 * Variance of a function of the confusion matrix when each row's label is drawn by its probabilities, apart from the others:
 * Σ over rows of the variance of the gradient in the column of what was predicted.
 */
function labelVariance({ classes, rows, predicted, calibrated }: UnlabelledRows, gradient: Float64Array): number {
  let variance = 0;
  for (let row = 0; row < rows; row++) {
    let mean = 0;
    let square = 0;
    for (let actual = 0; actual < classes; actual++) {
      const probability = calibrated[row * classes + actual] as number;
      const slope = gradient[actual * classes + (predicted[row] as number)] as number;
      mean += probability * slope;
      square += probability * slope * slope;
    }
    variance += Math.max(0, square - mean * mean);
  }
  return variance;
}

interface ExpectedAuc {
  readonly value: number;
  readonly variance: number;
}

/**
 * The area under the curve of expected true against expected false positives. Rows of one score are passed together, as
 * in an AUC whose ties count half.
 */
function expectedAuc({ classes, rows, calibrated, scores }: UnlabelledRows, index: number): ExpectedAuc | undefined {
  const score = Float64Array.from({ length: rows }, (_, row) => scores[row * classes + index] as number);
  const probability = Float64Array.from({ length: rows }, (_, row) => calibrated[row * classes + index] as number);
  let positives = 0;
  for (const p of probability) positives += p;
  const negatives = rows - positives;
  if (!(positives > 0 && negatives > 0)) return undefined;
  const order = orderOf(score);
  // For each row: expected negatives below it, and expected positives above it; those of its own score count half.
  const below = new Float64Array(rows);
  const above = new Float64Array(rows);
  let positivesPassed = 0;
  let negativesPassed = 0;
  let wins = 0;
  for (let start = 0; start < rows; ) {
    let end = start;
    let tiedPositives = 0;
    while (end < rows && score[order[end] as number] === score[order[start] as number]) {
      tiedPositives += probability[order[end] as number] as number;
      end++;
    }
    const tiedNegatives = end - start - tiedPositives;
    const negativesBelow = negativesPassed + tiedNegatives / 2;
    wins += tiedPositives * negativesBelow;
    for (let place = start; place < end; place++) {
      below[order[place] as number] = negativesBelow;
      above[order[place] as number] = positives - positivesPassed - tiedPositives / 2;
    }
    positivesPassed += tiedPositives;
    negativesPassed += tiedNegatives;
    start = end;
  }
  const pairs = positives * negatives;
  const value = wins / pairs;
  let variance = 0;
  for (let row = 0; row < rows; row++) {
    const p = probability[row] as number;
    const slope = ((below[row] as number) - (above[row] as number)) / pairs - value * (1 / positives - 1 / negatives);
    variance += p * (1 - p) * slope * slope;
  }
  return { value, variance };
}

function macroAuc(data: UnlabelledRows): ExpectedAuc | undefined {
  const found = Array.from({ length: data.classes }, (_, index) => expectedAuc(data, index)).filter(
    (auc) => auc !== undefined,
  );
  if (found.length === 0) return undefined;
  let value = 0;
  let standardError = 0;
  for (const auc of found) {
    value += auc.value / found.length;
    standardError += Math.sqrt(auc.variance) / found.length;
  }
  return { value, variance: standardError ** 2 };
}
