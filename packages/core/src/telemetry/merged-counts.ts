import { type FeatureLayout, tallySlots } from '../monitoring/sketches/feature-layout';
import type { Mergeable } from '../monitoring/windows/window';
import { varianceOfNoise } from './noise';
import { failureCodes, latencyBounds, type TelemetryReport } from './report';

/**
 * What reports of one model counted, added up. Counts are whole numbers in doubles, so that merging in any order and any
 * grouping gives the same; with noise they may be negative, and the variance of the noise is added up beside them.
 */
export class MergedCounts implements Mergeable<MergedCounts> {
  readonly layout: FeatureLayout;
  /** `layout.slots` a feature: bins, unused ones, then NaN, −∞ and +∞. */
  readonly counts: Float64Array;
  /** Variance of the noise of each count, by feature. */
  readonly featureVariance: Float64Array;
  /** By class, then of no known class; empty where predictions are not counted. */
  readonly predictions: Float64Array;
  readonly latency = new Float64Array(latencyBounds.length + 1);
  /** By the code's place. */
  readonly failures = new Float64Array(failureCodes.length);
  reports = 0;
  rows = 0;
  /** Variance of the noise of `rows`, and of each prediction. */
  otherVariance = 0;
  /** Reports with noise, and the sum of their ε. */
  noised = 0;

  constructor(layout: FeatureLayout, classes: number) {
    this.layout = layout;
    this.counts = new Float64Array(layout.features.length * layout.slots);
    this.featureVariance = new Float64Array(layout.features.length);
    this.predictions = new Float64Array(classes === 0 ? 0 : classes + 1);
  }

  /** Adds a report, whose shape must fit. */
  add(report: TelemetryReport): void {
    const { slots, binSlots } = this.layout;
    const { noise } = report;
    const variance = noise === undefined ? 0 : varianceOfNoise(noise.featureScale);
    report.features.forEach((feature, index) => {
      const cells = report.counts[index] as readonly number[];
      const bins = cells.length - tallySlots;
      const start = feature * slots;
      cells.forEach((count, cell) => {
        const slot = start + (cell < bins ? cell : binSlots + cell - bins);
        this.counts[slot] = (this.counts[slot] as number) + count;
      });
      this.featureVariance[feature] = (this.featureVariance[feature] as number) + variance;
    });
    addTo(this.predictions, report.predictions);
    addTo(this.latency, report.latency);
    failureCodes.forEach((code, place) => {
      this.failures[place] = (this.failures[place] as number) + (report.failures[code] ?? 0);
    });
    this.reports++;
    this.rows += report.rows;
    if (noise === undefined) return;
    this.noised++;
    // The second of two reports of one window has no noise beside its features.
    if (report.latency.length > 0) this.otherVariance += varianceOfNoise(noise.otherScale);
  }

  merge(other: MergedCounts): void {
    addTo(this.counts, other.counts);
    addTo(this.featureVariance, other.featureVariance);
    addTo(this.predictions, other.predictions);
    addTo(this.latency, other.latency);
    addTo(this.failures, other.failures);
    this.reports += other.reports;
    this.rows += other.rows;
    this.otherVariance += other.otherVariance;
    this.noised += other.noised;
  }

  reset(): void {
    for (const counts of [this.counts, this.featureVariance, this.predictions, this.latency, this.failures])
      counts.fill(0);
    this.reports = 0;
    this.rows = 0;
    this.otherVariance = 0;
    this.noised = 0;
  }
}

function addTo(sum: Float64Array, added: ArrayLike<number>): void {
  for (let i = 0; i < added.length; i++) sum[i] = (sum[i] as number) + (added[i] as number);
}
