import { type MetricEstimate, shareEstimate } from './intervals';
import { isLoss, type PerformanceMetric, type PerformanceTask } from './metric-names';
import { binomialAtMost, normalSurvival, normalUpperQuantile } from './normal-law';
import type { PerformanceReference, ReferenceMetric } from './performance-reference';

/*
 * When performance counts as worse than it may be.
 *
 * Each rule names a bound: a level, or the reference's value less a margin. At each look, after every tenth of a window of new
 * labels, each rule and part of a slice is tested against the hypothesis that performance is at the bound or better. The
 * p-value is exact (binomial) for shares of rows: accuracy, and for two classes precision, recall and F1, whose Jaccard index
 * TP / (TP + FP + FN) is such a share. For the others it is that of the normal law with the estimated standard error.
 *
 * A test alarms at p ≤ α / tests, with α = rows between looks / (2 · meanTimeBetweenFalseAlarms). By the union bound the
 * chance of any false alarm in the first t looks is at most α·t, however the tests and the overlapping windows hang together,
 * so the mean number of rows until the first is at least the step times ∫ (1 − α·t) dt = step / (2α) = what was asked for.
 *
 * A reference is itself a sample: its value enters as the end of its one-sided interval of 99 % over all rules and parts
 * together. So in 99 of 100 references the promise holds as it stands, margin by margin.
 */

/** When to alarm. */
export interface PerformanceAlertRule {
  readonly metric: PerformanceMetric;
  /** Alarms when the metric is beneath this; for losses, above it. */
  readonly level?: number;
  /** Alarms when the metric is worse than the reference's by more than this, 0 or more, in the metric's own unit. */
  readonly margin?: number;
}

/** A rule at work: its bound is fixed. */
export interface BoundRule {
  readonly metric: PerformanceMetric;
  readonly bound: number;
}

/** Chance that the reference misleads at all. */
const referenceRisk = 0.01;

/**
 * The bound of a rule.
 *
 * @param reference what the reference says of the rows in question; `undefined` where it says nothing
 * @param bounds how many bounds are made of the reference in all
 * @returns `undefined` where there is no reference to compare with
 */
export function boundOf(
  rule: PerformanceAlertRule,
  task: PerformanceTask,
  reference: ReferenceMetric | undefined,
  bounds: number,
): BoundRule | undefined {
  const { metric } = rule;
  if (rule.level !== undefined) return { metric, bound: rule.level };
  if (reference === undefined) return undefined;
  const z = normalUpperQuantile(referenceRisk / bounds);
  const margin = rule.margin ?? 0;
  if (isLoss(metric)) return { metric, bound: reference.value + z * reference.standardError + margin };
  const worst = isShare(metric, task)
    ? fromShare(metric, shareEstimate(toShare(metric, reference.value) * reference.rows, reference.rows, z).low)
    : reference.value - z * reference.standardError;
  return { metric, bound: worst - margin };
}

/** The reference's metrics of all rows, or of one part. */
export function referenceMetric(
  reference: PerformanceReference | undefined,
  metric: PerformanceMetric,
  slice?: { readonly slice: string; readonly part: string },
): ReferenceMetric | undefined {
  if (slice === undefined) return reference?.metrics[metric];
  const found = reference?.slices.find((known) => known.slice === slice.slice && known.part === slice.part);
  return found?.metrics[metric];
}

/** The chance of an estimate as bad as this or worse where performance is at the bound. */
export function pValueOf({ metric, bound }: BoundRule, task: PerformanceTask, estimate: MetricEstimate): number {
  if (isShare(metric, task)) {
    const hits = Math.round(toShare(metric, estimate.value) * estimate.rows);
    return binomialAtMost(hits, estimate.rows, toShare(metric, Math.min(1, Math.max(0, bound))));
  }
  const worse = isLoss(metric) ? estimate.value - bound : bound - estimate.value;
  if (estimate.standardError === 0) return worse > 0 ? 0 : 1;
  return normalSurvival(worse / estimate.standardError);
}

function isShare(metric: PerformanceMetric, task: PerformanceTask): boolean {
  if (metric === 'accuracy') return true;
  return task === 'binary' && (metric === 'precision' || metric === 'recall' || metric === 'f1');
}

/** F1 as the Jaccard index, of which it is a rising function; the other shares as they are. */
function toShare(metric: PerformanceMetric, value: number): number {
  return metric === 'f1' ? value / (2 - value) : value;
}

function fromShare(metric: PerformanceMetric, share: number): number {
  return metric === 'f1' ? (2 * share) / (1 + share) : share;
}
