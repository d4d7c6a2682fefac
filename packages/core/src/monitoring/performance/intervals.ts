/** A measured value with its confidence interval. */
export interface MetricEstimate {
  readonly value: number;
  /** Lower end of the confidence interval. */
  readonly low: number;
  /** Upper end of the confidence interval. */
  readonly high: number;
  /** Standard error of the value, by the delta method. */
  readonly standardError: number;
  /** Rows that the value speaks of: for precision those predicted positive, for recall those that are, else all. */
  readonly rows: number;
}

/**
 * A share with Wilson's score interval, which holds its level for small counts and shares near 0 and 1.
 *
 * @param part of `whole`, which is above 0
 * @param z quantile of the standard normal law, 1.96 for 95 %
 */
export function shareEstimate(part: number, whole: number, z: number): MetricEstimate {
  const share = part / whole;
  const square = (z * z) / whole;
  const centre = (share + square / 2) / (1 + square);
  const half = (z / (1 + square)) * Math.sqrt((share * (1 - share)) / whole + square / (4 * whole));
  return {
    value: share,
    low: part <= 0 ? 0 : centre - half,
    high: part >= whole ? 1 : centre + half,
    standardError: Math.sqrt((share * (1 - share)) / whole),
    rows: whole,
  };
}

/**
 * F1 of one class. With j = TP / (TP + FP + FN), F1 is 2j / (1 + j), which only rises: so the ends of Wilson's interval of j
 * are those of F1's.
 *
 * @param part TP
 * @param whole TP + FP + FN, above 0
 */
export function f1Estimate(part: number, whole: number, z: number): MetricEstimate {
  const jaccard = shareEstimate(part, whole, z);
  const f1 = (j: number): number => (2 * j) / (1 + j);
  return {
    value: f1(jaccard.value),
    low: f1(jaccard.low),
    high: f1(jaccard.high),
    standardError: (jaccard.standardError * 2) / (1 + jaccard.value) ** 2,
    rows: whole,
  };
}

/** A value whose estimate is about normal, its interval cut at the bounds of what the metric can be. */
export function normalEstimate(
  value: number,
  variance: number,
  rows: number,
  z: number,
  least = Number.NEGATIVE_INFINITY,
  most = Number.POSITIVE_INFINITY,
): MetricEstimate {
  const standardError = Math.sqrt(variance);
  return {
    value,
    low: Math.max(least, value - z * standardError),
    high: Math.min(most, value + z * standardError),
    standardError,
    rows,
  };
}

/** The root of a mean square: the ends are the roots of the ends. */
export function rootEstimate(mean: number, variance: number, rows: number, z: number): MetricEstimate {
  const square = normalEstimate(mean, variance, rows, z, 0);
  const value = Math.sqrt(mean);
  return {
    value,
    low: Math.sqrt(square.low),
    high: Math.sqrt(square.high),
    standardError: value === 0 ? 0 : square.standardError / (2 * value),
    rows,
  };
}
