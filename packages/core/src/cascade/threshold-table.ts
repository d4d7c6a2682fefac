import { shareEstimate } from '../monitoring/performance/intervals';

/** Rows out of rows, with the 95 % score interval of Wilson (1927), which holds for few rows and for shares near 0 and 1. */
export interface Share {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Rows that it speaks of. */
  readonly rows: number;
}

/** What a threshold would do, on the rows of the calibration. */
export interface ThresholdRow {
  /** Rows whose confidence is below it are escalated. */
  readonly threshold: number;
  /** Share of the rows that are escalated. */
  readonly escalationRate: Share;
  /** How many of the answers are right: the cloud's for rows that are escalated, the device's for the others. Absent without a cloud. */
  readonly accuracy?: Share;
  /** How many of the rows that stay the device gets right; absent where none stays. */
  readonly keptAccuracy?: Share;
  /** Cost of a row on average, in the units of option `cost`. */
  readonly cost: number;
}

/** What a row costs, in units of the user's own: money, energy, milliseconds. */
export interface RowCost {
  /** On the device; every row is computed there. 0 or more. @default 0 */
  readonly edge?: number;
  /** In the cloud, for those that are escalated. 0 or more. @default 1 */
  readonly cloud?: number;
}

/** What is known of each row. */
export interface JudgedRows {
  readonly confidences: Float64Array;
  /** Whether the device was right, 1 or 0. */
  readonly edge: Uint8Array;
  /** Whether the cloud was; undefined without one. */
  readonly cloud: Uint8Array | undefined;
}

/** Quantile of the standard normal law for 95 %. */
const z = 1.959963984540054;
/** A table of more rows is read by nobody. */
const maxThresholds = 101;

/** A share with its interval. */
export function shareOf(part: number, whole: number): Share {
  const { value, low, high, rows } = shareEstimate(part, whole, z);
  return { value, low, high, rows };
}

/**
 * What thresholds would do, from one that escalates nothing (but rows of NaN) to one that escalates everything. They lie
 * half-way between confidences, so that a rounding on another machine moves no row across.
 */
export function thresholdTable({ confidences, edge, cloud }: JudgedRows, cost: RowCost): ThresholdRow[] {
  const count = confidences.length;
  // A row of NaN is escalated by every threshold, as if it were below all.
  const rank = (row: number): number => {
    const confidence = confidences[row] as number;
    return Number.isNaN(confidence) ? Number.NEGATIVE_INFINITY : confidence;
  };
  const order = [...confidences.keys()].sort((a, b) => rank(a) - rank(b));
  const sums = (correct: Uint8Array | undefined): Float64Array => {
    const sum = new Float64Array(count + 1);
    for (const [index, row] of order.entries()) sum[index + 1] = (sum[index] as number) + (correct?.[row] ?? 0);
    return sum;
  };
  const [edgeSums, cloudSums] = [sums(edge), sums(cloud)];
  const sorted = order.map(rank);
  const whole = edgeSums[count] as number;
  return thresholdsOf(sorted).map((threshold) => {
    const escalated = countBelow(sorted, threshold);
    const kept = count - escalated;
    const keptRight = whole - (edgeSums[escalated] as number);
    const escalationRate = shareOf(escalated, count);
    return {
      threshold,
      escalationRate,
      ...(cloud === undefined ? {} : { accuracy: shareOf((cloudSums[escalated] as number) + keptRight, count) }),
      ...(kept === 0 ? {} : { keptAccuracy: shareOf(keptRight, kept) }),
      cost: (cost.edge ?? 0) + (cost.cloud ?? 1) * escalationRate.value,
    };
  });
}

function thresholdsOf(sorted: readonly number[]): number[] {
  const finite = sorted.filter((value) => value !== Number.NEGATIVE_INFINITY);
  const distinct = finite.filter((value, index) => index === 0 || value !== finite[index - 1]);
  const [least, most] = [distinct[0] ?? 0, distinct.at(-1) ?? 0];
  const between = distinct.slice(1).map((value, index) => (value + (distinct[index] as number)) / 2);
  const all = [least, ...between, most + (most === 0 ? Number.MIN_VALUE : Math.abs(most) * 2 ** -52)];
  if (all.length <= maxThresholds) return all;
  const step = (all.length - 1) / (maxThresholds - 1);
  return Array.from({ length: maxThresholds }, (_, index) => all[Math.round(index * step)] as number);
}

function countBelow(sorted: readonly number[], threshold: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}
