import type { FullDriftReport } from '../monitoring/full-report';
import type { QualityReport } from '../monitoring/quality/quality-report';
import type { RolloutDescription, RolloutStats } from '../rollouts/result';

/** What a page shows; a section that is absent is left out. */
export interface ReportSections {
  /** `monitor.report({ format: 'full' })` of a drift monitor. */
  readonly drift?: FullDriftReport;
  /** `monitor.report()` of a quality monitor. */
  readonly quality?: QualityReport;
  readonly performance?: PerformanceSection;
  /** `rollout.describe()` of each rollout, alone or with its counts. */
  readonly rollouts?: readonly RolloutSection[];
  /** Alerts of any source, in any order. Without them, the episodes of `drift` are listed. */
  readonly alerts?: readonly AlertRow[];
}

/** A rollout: what `describe()` of it gives, and `rolloutStats()` where that is to be shown too. */
export interface RolloutSection extends RolloutDescription {
  readonly stats?: RolloutStats;
}

/** How a page is written. */
export interface ReportOptions {
  /** Heading of the page. @default the model's name and version, or `Model monitoring` */
  readonly title?: string;
  /** Milliseconds since 1970-01-01 UTC that the page says it was made at. @default now */
  readonly generatedAtMs?: number;
  /**
   * Features that get a chart, those that matter most; the others are listed. From 0 to 100.
   * @default 24
   */
  readonly charts?: number;
}

/** How well a model does, as measured by labels or estimated without. */
export interface PerformanceSection {
  /** What the numbers go by, in words: `labels of 14 May` … */
  readonly summary?: string;
  readonly metrics: readonly PerformanceMetric[];
  /** Drawn one chart each, at most 12. */
  readonly series?: readonly PerformanceSeries[];
  /** What else there is to know, such as how many predictions have labels. */
  readonly facts?: readonly PerformanceFact[];
}

/** One number with what it is compared with. */
export interface PerformanceMetric {
  /** `accuracy` … */
  readonly name: string;
  readonly value: number | null;
  /** Lower end of its confidence interval. */
  readonly lower?: number;
  /** Upper end of its confidence interval. */
  readonly upper?: number;
  /** The same metric on the reference. */
  readonly reference?: number;
  /** Rows behind it. */
  readonly rows?: number;
  /** Estimated without labels. @default false */
  readonly estimated?: boolean;
  /** The slice of rows that it is of. @default all rows */
  readonly slice?: string;
}

/** A metric over time. */
export interface PerformanceSeries {
  readonly name: string;
  /** In time order, at most 2000. */
  readonly points: readonly PerformancePoint[];
  /** Drawn as a line across. */
  readonly reference?: number;
}

/** A metric at a time. */
export interface PerformancePoint {
  readonly epochMs: number;
  /** `null` leaves a gap. */
  readonly value: number | null;
  /** Lower end of its confidence interval. */
  readonly lower?: number;
  /** Upper end of its confidence interval. */
  readonly upper?: number;
}

/** A name and its value, shown as they are. */
export interface PerformanceFact {
  readonly name: string;
  readonly value: number | string;
}

/** One alert. */
export interface AlertRow {
  /** Milliseconds since 1970-01-01 UTC when it was raised. */
  readonly atMs: number;
  /** Milliseconds since 1970-01-01 UTC when it was over; `null` while it lasts. @default null */
  readonly endedAtMs?: number | null;
  readonly level: 'ok' | 'warning' | 'drift' | 'failed';
  /** `drift`, `quality`, or what raised it. */
  readonly source: string;
  /** What happened, in a sentence. */
  readonly text: string;
}
