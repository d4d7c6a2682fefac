import { FairleadError } from '../../errors';
import { checkFamily } from '../check-family';
import type { MetricFamily } from '../family';
import type { FamilySource } from '../family-sources';
import type { Registry } from '../registry';
import { restoreFamily } from '../restore-family';
import { type ExemplarSnapshot, type FamilySnapshot, type SeriesValues, toJsonNumber } from '../snapshot';

/** What the bridge needs of a registry of prom-client 14 and 15, or of its successor @prometheus-io/client. */
export interface PromClientRegistry {
  getMetricsAsJSON(): Promise<readonly unknown[]>;
}

/** A metric as `getMetricsAsJSON` answers it. */
interface PromMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator?: string;
  readonly values: readonly PromValue[];
}

interface PromValue {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly exemplar?: {
    readonly labelSet?: Readonly<Record<string, string | number>>;
    readonly value?: number;
    readonly timestamp?: number;
  } | null;
}

/** The same series under the labels that prom-client gave it. */
interface PromSeries {
  readonly labels: readonly string[];
  readonly values: PromValue[];
}

/**
 * Shows the metrics of an existing prom-client registry in one exposition with a registry's own, pulled anew by each
 * `pullMetrics`, `answerScrape` or `refresh()`. Nothing is imported: pass the registry that you have.
 *
 * Names stay as they are, but for counters: those end in `_total` in both formats, whether prom-client's name does or not.
 * What OpenMetrics forbids is left out: `_sum` and `_count` of a histogram with a negative bound or sum, `_sum` of a summary
 * where it is negative; negative quantiles are NaN.
 *
 * @returns a function that takes the bridge away
 * @throws FairleadError (rejects) `ALREADY_EXISTS` when a name of prom-client's is taken here; `INVALID_ARGUMENT` for what is
 * no registry of prom-client, or a metric that cannot be shown. The same, later, is logged and counted in
 * `fairlead_metrics_collect_failures_total`, and what was pulled before is shown instead.
 */
export async function bridgePromClient(registry: Registry, theirs: PromClientRegistry): Promise<() => void> {
  if (typeof theirs?.getMetricsAsJSON !== 'function') {
    throw wrong('registry', 'a registry of prom-client, such as its `register`', typeof theirs);
  }
  let families: readonly MetricFamily[] = [];
  const source: FamilySource = {
    async refresh() {
      const metrics = (await theirs.getMetricsAsJSON()) as readonly PromMetric[];
      const snapshots = metrics.map(familyOf);
      for (const family of snapshots)
        checkFamily(family, 'bridgePromClient', 'Mend the metric, or take it out of that registry.');
      families = snapshots.map(restoreFamily);
    },
    families: () => families,
  };
  await source.refresh?.();
  return registry.addSource(source);
}

function wrong(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_ARGUMENT', `bridgePromClient: "${field}": expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}

const aggregations: Readonly<Record<string, FamilySnapshot['aggregation']>> = {
  sum: 'sum',
  max: 'max',
  min: 'min',
  first: 'last',
  omit: 'by-process',
  average: 'by-process',
};

function familyOf({ name, help, type, aggregator, values }: PromMetric): FamilySnapshot {
  const common = { help: help === '' ? name : help, unit: '' };
  switch (type) {
    case 'counter': {
      const { labels, series } = group(values, []);
      const all = series.map((each) => ({ labels: each.labels, ...counterValues(each.values) }));
      return { ...common, name: name.replace(/_total$/, ''), type, labels, series: all };
    }
    case 'gauge': {
      const { labels, series } = group(values, []);
      const all = series.map((each) => ({
        labels: each.labels,
        value: toJsonNumber(each.values[0]?.value ?? Number.NaN),
      }));
      return { ...common, name, type, labels, aggregation: aggregations[aggregator ?? 'sum'] ?? 'sum', series: all };
    }
    case 'histogram': {
      const { labels, series } = group(values, ['le']);
      const buckets = numbersOf(values, 'le').filter(Number.isFinite);
      const all = series.map((each) => ({ labels: each.labels, ...histogramValues(name, each.values, buckets) }));
      return { ...common, name, type, labels, buckets, series: all };
    }
    case 'summary': {
      const { labels, series } = group(values, ['quantile']);
      const quantiles = numbersOf(values, 'quantile');
      const all = series.map((each) => ({ labels: each.labels, ...summaryValues(name, each.values, quantiles) }));
      return { ...common, name, type, labels, quantiles, series: all };
    }
    default:
      throw wrong(name, 'a counter, gauge, histogram or summary', `a metric of type ${type}`);
  }
}

/** The values by series; label names are those that any series has, since prom-client's series may lack some. */
function group(
  values: readonly PromValue[],
  reserved: readonly string[],
): { readonly labels: readonly string[]; readonly series: readonly PromSeries[] } {
  const names = new Set(values.flatMap((value) => Object.keys(value.labels)));
  const labels = [...names].filter((name) => !reserved.includes(name));
  const series = new Map<string, PromSeries>();
  for (const value of values) {
    const own = labels.map((name) => String(value.labels[name] ?? ''));
    const key = JSON.stringify(own);
    const known = series.get(key);
    if (known === undefined) series.set(key, { labels: own, values: [value] });
    else known.values.push(value);
  }
  return { labels, series: [...series.values()] };
}

function numberOf(label: string | number | undefined): number {
  return label === '+Inf' ? Number.POSITIVE_INFINITY : Number(label);
}

/** What a label tells as a number, ascending, each once. */
function numbersOf(values: readonly PromValue[], label: string): number[] {
  const found = values.flatMap(({ labels }) => (labels[label] === undefined ? [] : [numberOf(labels[label])]));
  return [...new Set(found)].sort((a, b) => a - b);
}

function exemplarOf({ exemplar }: PromValue): ExemplarSnapshot | undefined {
  if (!exemplar?.labelSet || exemplar.value === undefined || exemplar.timestamp === undefined) return undefined;
  const labels = Object.fromEntries(Object.entries(exemplar.labelSet).map(([name, value]) => [name, String(value)]));
  return { labels, value: exemplar.value, timestamp: exemplar.timestamp };
}

function counterValues([first]: readonly PromValue[]): SeriesValues {
  const exemplar = first && exemplarOf(first);
  return { value: toJsonNumber(first?.value ?? 0), ...(exemplar && { exemplar }) };
}

function histogramValues(name: string, values: readonly PromValue[], buckets: readonly number[]): SeriesValues {
  const bounds = [...buckets, Number.POSITIVE_INFINITY];
  const cumulative = new Map(values.map((value) => [numberOf(value.labels.le), value]));
  const counts: number[] = [];
  let before = 0;
  for (const bound of bounds) {
    const total = cumulative.get(bound)?.value ?? before;
    counts.push(total - before);
    before = total;
  }
  const exemplars = bounds.map((bound) => {
    const bucket = cumulative.get(bound);
    return (bucket && exemplarOf(bucket)) ?? null;
  });
  const sum = toJsonNumber(values.find(({ metricName }) => metricName === `${name}_sum`)?.value ?? 0);
  return { counts, sum, ...(exemplars.some((exemplar) => exemplar !== null) && { exemplars }) };
}

function summaryValues(name: string, values: readonly PromValue[], quantiles: readonly number[]): SeriesValues {
  const partOf = (suffix: string): number => values.find(({ metricName }) => metricName === name + suffix)?.value ?? 0;
  const shown = new Map(values.map((value) => [numberOf(value.labels.quantile), value.value]));
  const count = partOf('_count');
  // prom-client says 0 for the quantiles of nothing.
  const quantileValues = quantiles.map((q) => toJsonNumber(count === 0 ? Number.NaN : (shown.get(q) ?? Number.NaN)));
  return { count, sum: toJsonNumber(partOf('_sum')), quantileValues };
}
