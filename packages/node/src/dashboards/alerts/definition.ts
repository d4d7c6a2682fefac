import type { Families } from '../families';
import type { KnownName } from '../known-families';
import { aggregate, type Queries } from '../promql';
import type { AlertName, AlertSeverity } from './model';
import type { AlertThresholds } from './options';

/** The labels that tell alerts about models apart. */
export const alertLabels = ['job', 'model_name', 'model_version'] as const;

/** What a definition is written with. */
export interface AlertContext {
  readonly families: Families;
  readonly queries: Queries;
  readonly thresholds: Required<AlertThresholds>;
  /** Conditions on series that no family describes, such as `up`. */
  readonly where: readonly string[];
  /** Minutes for which the condition must hold, rounded up. Windows that look back must be longer. */
  readonly forMinutes: number;
  /** The series of a test: the sample name of a family, and labels beside those of a model. */
  series(family: string, values: SeriesValues, labels?: Readonly<Record<string, string>>, suffix?: string): TestSeries;
  /** The series of a test by their full name, with the labels of a scraped target alone. */
  target(metric: string, values: SeriesValues): TestSeries;
}

/** A series of a test, in the notation of promtool. */
export interface TestSeries {
  readonly series: string;
  readonly values: string;
}

/** Values once a minute, for so many minutes. */
export type SeriesValues = (minutes: number) => string;

/** An alert: when it is raised, what it says, and a course of events in which it must be raised. */
export interface AlertDefinition {
  readonly alert: AlertName;
  readonly group: 'server' | 'serving' | 'rollouts' | 'drift' | 'quality' | 'scrape';
  readonly severity: AlertSeverity;
  readonly for: string;
  /** Families without which there is no such alert, by their names without a prefix. */
  readonly families: readonly KnownName[];
  readonly define: (context: AlertContext) => AlertBody;
}

/** An alert in full. */
export interface AlertBody {
  readonly expr: string;
  readonly summary: string;
  readonly description: string;
  readonly example: {
    /** Which labels of the series the alert has. */
    readonly labels: readonly string[];
    /** Labels that the alert has from elsewhere. */
    readonly moreLabels?: Readonly<Record<string, string>>;
    /** How `$value` is written in the texts. */
    readonly value?: string;
    readonly raised: readonly TestSeries[];
    readonly quiet: readonly TestSeries[];
  };
}

/** Minute at which something happens in a test, if anything does. */
export const eventMinute = 60;

/** Grows steadily from 0. */
export const growing =
  (perMinute: number): SeriesValues =>
  (minutes) =>
    `0+${perMinute}x${minutes}`;

/** Stays as it is. */
export const constant =
  (value: number): SeriesValues =>
  (minutes) =>
    `${value}+0x${minutes}`;

/** Changes at {@link eventMinute}. */
export const changing =
  (before: number, after: number): SeriesValues =>
  (minutes) =>
    `${before}+0x${eventMinute - 1} ${after}+0x${minutes - eventMinute}`;

/** Is there until {@link eventMinute} only. */
export const ending =
  (value: number): SeriesValues =>
  (minutes) =>
    `${value}+0x${eventMinute - 1} _x${minutes - eventMinute}`;

/** Appears at {@link eventMinute}, as a counter does whose first event is its first sample. */
export const beginning =
  (value: number): SeriesValues =>
  (minutes) =>
    `_x${eventMinute} ${value}+0x${minutes - eventMinute}`;

/** A ratio as Prometheus' `humanizePercentage` writes it. */
export function percentage(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(4))}%`;
}

/**
 * How far a counter has grown, also where its first sample already was an event, which `increase` cannot see. Series by
 * series, so that a process which began anew takes nothing from the others.
 * @param where further conditions on the series. @default none
 */
export function grown(
  queries: Queries,
  family: string,
  by: readonly string[],
  minutes: number,
  where: readonly string[] = [],
): string {
  const now = queries.select(family, { where });
  return aggregate('sum', by, `clamp_min(${now} - (${now} offset ${minutes}m or ${now} * 0), 0)`);
}

/** A window in minutes that is long enough for what happened once to be seen as long as `for` asks. */
export function lookBack(usualMinutes: number, forMinutes: number): number {
  return Math.max(usualMinutes, 2 * forMinutes + 10);
}

/** The condition that a monitor looks at too small a part of the rows that go by. */
export function seesTooLittle({ queries, series, thresholds }: AlertContext, seen: string, observed: string) {
  const limit = thresholds.observedRatio;
  const [counted, all] = [observed, seen].map((family) => queries.rate(family, alertLabels, { window: '15m' }));
  const share = limit / 2;
  return {
    expr: `${counted} / ${all} < ${limit}`,
    example: {
      labels: alertLabels,
      value: percentage(share),
      raised: [series(seen, growing(6000)), series(observed, growing(6000 * share))],
      quiet: [series(seen, growing(6000)), series(observed, growing(6000))],
    },
  };
}
