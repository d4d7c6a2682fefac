import * as z from 'zod/mini';
import { type Clock, systemClock } from '../../clock';
import { parseOptions } from '../../config';
import type { Registry } from '../registry';
import { type FamilySnapshot, fromJsonNumber, type SeriesSnapshot } from '../snapshot';
import { labelsOfSeries, quantileValuesOf } from './flat-samples';

/** Options of {@link createEmfWriter}. */
export interface EmfOptions {
  /** CloudWatch's namespace, 1 to 255 characters. */
  readonly namespace: string;
  /** Seconds that CloudWatch resolves: 1 or 60. @default 60 */
  readonly storageResolution?: 1 | 60;
  /** Dates the lines. @default systemClock */
  readonly clock?: Clock;
}

/** Writes a registry in CloudWatch's embedded metric format. */
export interface EmfWriter {
  /**
   * The lines to log now, without line feeds: one JSON object each, with a set of dimensions and at most 100 metrics. What
   * was counted since the call before, or since it began; levels as they are.
   */
  lines(): string[];
  /** Numbers left out so far, because CloudWatch does not take them: see {@link createEmfWriter}. */
  readonly skipped: number;
}

/** CloudWatch's limits, by its documentation of the format and of PutMetricData. */
const limits = { metrics: 100, dimensions: 30, values: 100, nameChars: 1024, dimensionChars: 250, valueChars: 1024 };

/** Characters of a line: an event may have 256 KB. */
const lineChars = 200_000;

/** What lies nearer to 0, or further from it, CloudWatch refuses. */
const smallest = 8.51592e-109;
const largest = 1.174271e108;

const unitNames: Readonly<Record<string, string>> = {
  seconds: 'Seconds',
  milliseconds: 'Milliseconds',
  microseconds: 'Microseconds',
  bytes: 'Bytes',
  percent: 'Percent',
};

const schema = z.strictObject({
  namespace: z
    .string()
    .check(z.regex(/^[\w./#: -]{1,255}$/, 'a namespace of 1 to 255 letters, digits, or one of "._/#: -"')),
  storageResolution: z.optional(z.union([z.literal(1), z.literal(60)])),
  clock: z.optional(z.custom<Clock>((value) => typeof value === 'object' && value !== null, 'a clock')),
});

interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly value: number | readonly number[];
}

/** The metrics of one set of dimensions. */
interface Group {
  readonly dimensions: Readonly<Record<string, string>>;
  readonly metrics: Metric[];
}

/**
 * Makes a writer of a registry in CloudWatch's embedded metric format (EMF): log its lines, for example to stdout in Lambda,
 * and CloudWatch makes metrics of them.
 *
 * Labels are dimensions. Counters come as what was added since the last call. A histogram comes as `_count` and `_sum` of
 * what is new, and under its own name as at most 100 values that lie as evenly as its buckets tell; a summary as `_count`,
 * `_sum` and `_p50` … for its quantiles; an info family as `_info`, a state set as 1 and 0 under the dimension `<name>_state`.
 *
 * Left out, and counted in `skipped`: what is not finite or beyond CloudWatch's range; a series with more than 30 labels, a
 * label value that is longer than 1024 characters, blank or not ASCII, or a label that is called like the metric.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createEmfWriter(registry: Registry, options: EmfOptions): EmfWriter {
  const { namespace, storageResolution = 60, clock = systemClock } = parseOptions(schema, options, 'createEmfWriter');
  const before = new Map<string, SeriesSnapshot>();
  let skipped = 0;

  const directiveOf = ({ dimensions, metrics }: Group, timestamp: number): string => {
    const definitions = metrics.map(({ name, unit }) => ({
      Name: name,
      Unit: unit,
      StorageResolution: storageResolution,
    }));
    const directive = { Namespace: namespace, Dimensions: [Object.keys(dimensions)], Metrics: definitions };
    return JSON.stringify({
      _aws: { Timestamp: timestamp, CloudWatchMetrics: [directive] },
      ...dimensions,
      ...Object.fromEntries(metrics.map(({ name, value }) => [name, value])),
    });
  };

  return {
    get skipped() {
      return skipped;
    },
    lines() {
      const timestamp = Math.round(clock.epochMs());
      const groups = new Map<string, Group>();
      const add = (dimensions: Readonly<Record<string, string>>, metric: Metric): void => {
        if (!isLegal(dimensions, metric)) {
          skipped++;
          return;
        }
        const key = JSON.stringify(Object.entries(dimensions).sort());
        const group = groups.get(key) ?? { dimensions, metrics: [] };
        groups.set(key, group);
        group.metrics.push(metric);
      };
      const { families } = registry.snapshot();
      for (const family of families) {
        for (const series of family.series) {
          const key = JSON.stringify([family.name, series.labels]);
          for (const { dimensions, metric } of metricsOf(family, series, before.get(key))) add(dimensions, metric);
          before.set(key, series);
        }
      }
      return [...groups.values()].flatMap(split).map((group) => directiveOf(group, timestamp));
    },
  };
}

function isLegal(dimensions: Readonly<Record<string, string>>, { name, value }: Metric): boolean {
  const entries = Object.entries(dimensions);
  const values = typeof value === 'number' ? [value] : value;
  return (
    name.length <= limits.nameChars &&
    entries.length <= limits.dimensions &&
    !Object.hasOwn(dimensions, name) &&
    !Object.hasOwn(dimensions, '_aws') &&
    entries.every(([key, text]) => {
      return (
        key.length <= limits.dimensionChars && text.length <= limits.valueChars && /^(?=.*[!-~])[ -~]+$/.test(text)
      );
    }) &&
    values.every((each) => each === 0 || (Math.abs(each) >= smallest && Math.abs(each) <= largest))
  );
}

/** Several lines where one would hold too much. */
function split({ dimensions, metrics }: Group): Group[] {
  const groups: Group[] = [];
  let chars = Number.POSITIVE_INFINITY;
  for (const metric of metrics) {
    const more = 2 * metric.name.length + 80 + JSON.stringify(metric.value).length;
    if (groups.length === 0 || groups.at(-1)?.metrics.length === limits.metrics || chars + more > lineChars) {
      groups.push({ dimensions, metrics: [] });
      chars = JSON.stringify(dimensions).length * 2;
    }
    groups.at(-1)?.metrics.push(metric);
    chars += more;
  }
  return groups;
}

/** What was added to a number since it was looked at; all of it where the series began anew. */
function added(now: number, then: number | undefined): number {
  return then === undefined || now < then ? now : now - then;
}

function metricsOf(
  family: FamilySnapshot,
  series: SeriesSnapshot,
  earlier: SeriesSnapshot | undefined,
): { readonly dimensions: Readonly<Record<string, string>>; readonly metric: Metric }[] {
  const { name, type, unit: familyUnit, quantiles = [], states = [], buckets = [] } = family;
  const dimensions = labelsOfSeries(family, series);
  const unit = unitNames[familyUnit] ?? 'None';
  const metric = (suffix: string, value: Metric['value'], ownUnit = unit) => {
    return { dimensions, metric: { name: name + suffix, unit: ownUnit, value } };
  };
  const numberOf = (each: SeriesSnapshot): number => fromJsonNumber(each.value);
  const sumOf = (each: SeriesSnapshot): number => fromJsonNumber(each.sum);
  switch (type) {
    case 'counter':
      return [metric('', added(numberOf(series), earlier && numberOf(earlier)), familyUnit === '' ? 'Count' : unit)];
    case 'gauge':
      return [metric('', numberOf(series))];
    case 'histogram': {
      const counts = series.counts ?? [];
      const isNew = counts.some((count, index) => count < (earlier?.counts?.[index] ?? 0));
      const fresh = counts.map((count, index) => (isNew ? count : count - (earlier?.counts?.[index] ?? 0)));
      const count = fresh.reduce((total, each) => total + each, 0);
      const sum = isNew || earlier === undefined ? sumOf(series) : sumOf(series) - sumOf(earlier);
      const values = spread(fresh, buckets);
      return [
        metric('_count', count, 'Count'),
        metric('_sum', sum),
        ...(values.length > 0 ? [metric('', values)] : []),
      ];
    }
    case 'gaugehistogram': {
      const values = spread(series.counts ?? [], buckets);
      return [metric('_gsum', sumOf(series)), ...(values.length > 0 ? [metric('', values)] : [])];
    }
    case 'summary': {
      // Of an empty window there is nothing to tell.
      const shown = quantileValuesOf(family, series).flatMap((value, index) =>
        Number.isNaN(value) ? [] : [metric(`_p${Number(((quantiles[index] as number) * 100).toPrecision(12))}`, value)],
      );
      const count = added(series.count ?? 0, earlier?.count);
      return [
        metric('_count', count, 'Count'),
        metric('_sum', added(sumOf(series), earlier && sumOf(earlier))),
        ...shown,
      ];
    }
    case 'info':
      return [metric('_info', 1)];
    case 'stateset':
      return states.map((state) => ({
        dimensions: { ...dimensions, [`${name}_state`]: state },
        metric: { name, unit: 'None', value: state === series.state ? 1 : 0 },
      }));
  }
}

/** At most 100 values that are spread as a histogram tells: each stands for as many observations. */
function spread(counts: readonly number[], bounds: readonly number[]): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const size = Math.min(limits.values, total);
  const values: number[] = [];
  let bucket = 0;
  let below = 0;
  for (let index = 0; index < size; index++) {
    const rank = ((index + 0.5) / size) * total;
    while (bucket < counts.length - 1 && below + (counts[bucket] as number) < rank) below += counts[bucket++] as number;
    const upper = bounds[bucket] ?? (bounds.at(-1) as number);
    const lower = bounds[bucket - 1] ?? Math.min(0, upper);
    // What lies above all bounds, or below a negative one, lies nobody knows where.
    const isOpen = bucket >= bounds.length || (bucket === 0 && upper < 0);
    values.push(isOpen ? upper : lower + ((rank - below) / (counts[bucket] as number)) * (upper - lower));
  }
  return values;
}
