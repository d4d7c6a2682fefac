import { FairleadError } from '../errors';
import { describeFamily, type FamilyDescription, type GaugeAggregation } from './describe';
import type { MetricFamily } from './family';
import { namesOf } from './names';
import { parseSnapshot } from './parse-snapshot';
import { restoreFamily } from './restore-family';
import {
  type ExemplarSnapshot,
  type FamilySnapshot,
  fromJsonNumber,
  type JsonNumber,
  type RegistrySnapshot,
  type SeriesSnapshot,
  type SeriesValues,
  toJsonNumber,
} from './snapshot';

/**
 * Adds up the snapshots of several processes. The order does not matter, but for the rounding of sums and for where a
 * family stands.
 *
 * - counters, histograms, gauge histograms, and the count, sum and window of summaries are added up; `_created` is the
 *   earliest, an exemplar the latest
 * - gauges by their declared `aggregation`
 * - of a state set the state that comes last among its states, so list them from good to bad
 * - info families show every fact that any process tells
 *
 * The quantiles of a summary that another library computed cannot be added up: the merged one has only `_count` and `_sum`.
 *
 * @throws FairleadError `INVALID_ARGUMENT` for what is no snapshot; `CONFLICT` when two processes define a family otherwise
 */
export function mergeSnapshots(snapshots: readonly RegistrySnapshot[]): RegistrySnapshot {
  const merged = new Map<string, MergedFamily>();
  const owners = new Map<string, FamilySnapshot>();
  for (const given of snapshots) {
    for (const family of parseSnapshot(given, 'mergeSnapshots').families) {
      const definition = JSON.stringify(definitionOf(family));
      let into = merged.get(family.name);
      if (into === undefined) {
        into = { family, definition, series: new Map() };
        merged.set(family.name, into);
        for (const name of namesOf(family.type, family.name)) {
          const owner = owners.get(name);
          if (owner !== undefined) throw conflict(family, owner);
          owners.set(name, family);
        }
      }
      if (into.definition !== definition) throw conflict(family, into.family);
      for (const each of family.series) {
        const key = JSON.stringify(each.labels);
        const known = into.series.get(key);
        into.series.set(key, known === undefined ? each : { labels: each.labels, ...mergeValues(family, known, each) });
      }
    }
  }
  const families = Array.from(merged.values(), ({ family, series }) => ({ ...family, series: [...series.values()] }));
  return { version: 1, families };
}

/**
 * Makes a snapshot, merged or not, something to write: `toOpenMetrics`, `renderMetrics` and the bridges take it as they
 * take a registry.
 * @throws FairleadError `INVALID_ARGUMENT` for what is no snapshot
 */
export function restoreSnapshot(snapshot: RegistrySnapshot): {
  collect(): readonly MetricFamily[];
  describe(): readonly FamilyDescription[];
} {
  const families = parseSnapshot(snapshot, 'restoreSnapshot').families.map(restoreFamily);
  return { collect: () => families, describe: () => families.map(describeFamily) };
}

interface MergedFamily {
  readonly family: FamilySnapshot;
  readonly definition: string;
  readonly series: Map<string, SeriesSnapshot>;
}

function definitionOf({ series: _, help: __, ...definition }: FamilySnapshot): FamilyDescription {
  return describeFamily({ ...definition, help: '', labelNames: definition.labels });
}

function conflict(family: FamilySnapshot, other: FamilySnapshot): FairleadError {
  const [given, expected] = [family, other].map((each) => JSON.stringify(definitionOf(each))) as [string, string];
  return new FairleadError(
    'CONFLICT',
    `mergeSnapshots: ${family.name} goes with ${other.name} of another process no more than two definitions of one name: expected ${expected}, given ${given}. Let all processes run the same version.`,
    { details: { field: family.name, expected, given } },
  );
}

function mergeValues(family: FamilySnapshot, a: SeriesValues, b: SeriesValues): SeriesValues {
  switch (family.type) {
    case 'counter': {
      const exemplar = latest(a.exemplar, b.exemplar);
      return { value: add(a.value, b.value), ...earliest(a, b), ...(exemplar && { exemplar }) };
    }
    case 'gauge':
      return mergeGauges(family.aggregation ?? 'sum', a, b);
    case 'histogram':
    case 'gaugehistogram': {
      const counts = a.counts?.map((count, index) => count + (b.counts?.[index] ?? 0)) ?? [];
      const hasExemplars = a.exemplars !== undefined || b.exemplars !== undefined;
      const exemplars = counts.map((_, index) => latest(a.exemplars?.[index], b.exemplars?.[index]) ?? null);
      return { counts, sum: add(a.sum, b.sum), ...earliest(a, b), ...(hasExemplars && { exemplars }) };
    }
    case 'summary': {
      const common = { count: (a.count ?? 0) + (b.count ?? 0), sum: add(a.sum, b.sum), ...earliest(a, b) };
      return a.bins && b.bins ? { ...common, bins: mergeBins(a.bins, b.bins) } : { ...common, quantileValues: [] };
    }
    case 'stateset': {
      const states = family.states ?? [];
      const isWorse = states.indexOf(a.state ?? '') > states.indexOf(b.state ?? '');
      return isWorse ? { state: a.state ?? '' } : { state: b.state ?? '' };
    }
    case 'info':
      return {};
  }
}

function mergeGauges(aggregation: GaugeAggregation, a: SeriesValues, b: SeriesValues): SeriesValues {
  const [first, second] = [fromJsonNumber(a.value), fromJsonNumber(b.value)];
  switch (aggregation) {
    case 'sum':
      return { value: toJsonNumber(first + second) };
    case 'max':
    case 'min': {
      if (Number.isNaN(first) || Number.isNaN(second))
        return { value: toJsonNumber(Number.isNaN(first) ? second : first) };
      return { value: toJsonNumber(aggregation === 'max' ? Math.max(first, second) : Math.min(first, second)) };
    }
    case 'last':
    case 'by-process': {
      // At the same moment, or where the moment is not kept, the larger value, so that the order does not matter.
      const [atA, atB] = [a.setAt ?? 0, b.setAt ?? 0];
      const isFirst = atA !== atB ? atA > atB : first >= second || Number.isNaN(second);
      return isFirst ? a : b;
    }
  }
}

function mergeBins(a: readonly number[], b: readonly number[]): number[] {
  const counts = new Map<number, number>();
  for (const bins of [a, b]) {
    for (let index = 0; index + 1 < bins.length; index += 2) {
      const bin = bins[index] as number;
      counts.set(bin, (counts.get(bin) ?? 0) + (bins[index + 1] as number));
    }
  }
  return [...counts].sort(([left], [right]) => left - right).flat();
}

function add(a: JsonNumber | undefined, b: JsonNumber | undefined): JsonNumber {
  return toJsonNumber(fromJsonNumber(a) + fromJsonNumber(b));
}

function earliest(a: SeriesValues, b: SeriesValues): { readonly created?: number } {
  if (a.created === undefined || b.created === undefined) return {};
  return { created: Math.min(a.created, b.created) };
}

function latest(
  a: ExemplarSnapshot | null | undefined,
  b: ExemplarSnapshot | null | undefined,
): ExemplarSnapshot | undefined {
  if (!a || !b) return a ?? b ?? undefined;
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp ? a : b;
  return JSON.stringify(a) >= JSON.stringify(b) ? a : b;
}
