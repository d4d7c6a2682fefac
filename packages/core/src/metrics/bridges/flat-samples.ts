import { quantilesOf } from '../quantile-bins';
import { type FamilySnapshot, fromJsonNumber, type SeriesSnapshot } from '../snapshot';
import { canonicalNumber } from '../text';

/** One number of a series, for systems that know no more than numbers under names and labels. */
export interface FlatSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The name of a flat sample, and whether it only grows. */
export interface FlatName {
  readonly name: string;
  readonly isCumulative: boolean;
}

/** The names under which a family's samples come. */
export function flatNamesOf({ name, type, buckets }: Omit<FamilySnapshot, 'series'>): FlatName[] {
  const cumulative = (suffix: string): FlatName => ({ name: name + suffix, isCumulative: true });
  const level = (suffix: string): FlatName => ({ name: name + suffix, isCumulative: false });
  switch (type) {
    case 'counter':
      return [cumulative('')];
    case 'histogram':
      // A sum of signed values can shrink.
      if ((buckets?.[0] ?? 0) < 0) return [cumulative('_bucket'), cumulative('_count')];
      return [cumulative('_bucket'), cumulative('_count'), cumulative('_sum')];
    case 'gaugehistogram':
      return [level('_bucket'), level('_gcount'), level('_gsum')];
    case 'summary':
      return [level(''), cumulative('_count'), cumulative('_sum')];
    case 'info':
      return [level('_info')];
    case 'gauge':
    case 'stateset':
      return [level('')];
  }
}

/** The labels of a series by name, without empty ones. */
export function labelsOfSeries({ labels }: FamilySnapshot, series: SeriesSnapshot): Record<string, string> {
  const pairs = labels.map((name, index) => [name, series.labels[index] ?? ''] as const);
  return Object.fromEntries(pairs.filter(([, value]) => value !== ''));
}

/** The quantiles of a summary, whoever computed them. */
export function quantileValuesOf({ quantiles = [] }: FamilySnapshot, series: SeriesSnapshot): number[] {
  if (series.bins === undefined) return (series.quantileValues ?? []).map(fromJsonNumber);
  const counts = new Map<number, number>();
  for (let index = 0; index + 1 < series.bins.length; index += 2) {
    counts.set(series.bins[index] as number, series.bins[index + 1] as number);
  }
  return quantilesOf(counts, quantiles);
}

/** A series as flat samples, under the names of {@link flatNamesOf}. */
export function flatSamplesOf(family: FamilySnapshot, series: SeriesSnapshot): FlatSample[] {
  const { name, type, buckets = [], quantiles = [], states = [] } = family;
  const labels = labelsOfSeries(family, series);
  const sum = fromJsonNumber(series.sum);
  switch (type) {
    case 'counter':
    case 'gauge':
      return [{ name, labels, value: fromJsonNumber(series.value) }];
    case 'histogram':
    case 'gaugehistogram': {
      const bounds = [...buckets, Number.POSITIVE_INFINITY];
      let count = 0;
      const samples = bounds.map((bound, index): FlatSample => {
        count += series.counts?.[index] ?? 0;
        return { name: `${name}_bucket`, labels: { ...labels, le: canonicalNumber(bound) }, value: count };
      });
      const prefix = type === 'histogram' ? '' : 'g';
      samples.push({ name: `${name}_${prefix}count`, labels, value: count });
      const hasSum = type === 'gaugehistogram' || (buckets[0] ?? 0) >= 0;
      return hasSum ? [...samples, { name: `${name}_${prefix}sum`, labels, value: sum }] : samples;
    }
    case 'summary': {
      const values = quantileValuesOf(family, series);
      const samples = values.map((value, index): FlatSample => {
        return { name, labels: { ...labels, quantile: canonicalNumber(quantiles[index] as number) }, value };
      });
      const count = { name: `${name}_count`, labels, value: series.count ?? 0 };
      return [...samples, count, { name: `${name}_sum`, labels, value: sum }];
    }
    case 'info':
      return [{ name: `${name}_info`, labels, value: 1 }];
    case 'stateset':
      return states.map((state) => ({
        name,
        labels: { ...labels, [name]: state },
        value: state === series.state ? 1 : 0,
      }));
  }
}
