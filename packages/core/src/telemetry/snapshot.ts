import type { ErrorCode } from '../errors';
import type { Aggregates, KnownModel, TelemetryRefusal } from './aggregates';
import { type DeviceFeature, driftOfFeature, largestDistances } from './device-drift';
import { MergedCounts } from './merged-counts';
import { failureCodes, latencyBounds } from './report';

/** Sums of the reports of a window. With noise, every count is an estimate that may be negative. */
export interface DeviceSums {
  readonly reports: number;
  /** How many of them had noise. */
  readonly reportsWithNoise: number;
  readonly rows: number;
  /** Standard deviation that noise gives to `rows` and to each count that is no feature's; 0 without noise. */
  readonly countDeviation: number;
  /** Rows by class, and of no known class by `other`; empty where they are not counted. */
  readonly predictions: readonly { readonly class: string; readonly rows: number }[];
  /** Batches by compute time: upper bounds in milliseconds, and one count more than there are bounds. */
  readonly latency: { readonly boundsMs: readonly number[]; readonly counts: readonly number[] };
  readonly failures: Readonly<Partial<Record<ErrorCode, number>>>;
}

/** The sums of one variant on one device. */
export interface DeviceGroup extends DeviceSums {
  readonly variant: string;
  readonly device: string;
  /** The largest distances of any feature from the reference, as {@link DeviceFeature} has them. */
  readonly largest: { readonly psi: number; readonly ks: number };
}

/** What devices reported about one model. */
export interface DeviceModel extends DeviceSums {
  readonly name: string;
  readonly version: string;
  /** In the order of the reference. */
  readonly features: readonly DeviceFeature[];
  readonly groups: readonly DeviceGroup[];
}

/** What devices reported, in the last window; no part of any monitor's state. */
export interface TelemetrySnapshot {
  readonly source: 'device';
  readonly windowMs: number;
  /** Reports that were merged since the beginning. */
  readonly accepted: number;
  /** Reports that were not, by reason, since the beginning. */
  readonly refused: Readonly<Record<TelemetryRefusal, number>>;
  /** Requests that were refused whole, by reason, since the beginning. */
  readonly requestsRefused: Readonly<Record<'unauthenticated' | 'malformed' | 'too_large' | 'rate', number>>;
  readonly models: readonly DeviceModel[];
}

function sumsOf(merged: MergedCounts, { classes }: KnownModel): DeviceSums {
  const failures: Partial<Record<ErrorCode, number>> = {};
  failureCodes.forEach((code, place) => {
    const times = merged.failures[place] as number;
    if (times !== 0) failures[code] = times;
  });
  return {
    reports: merged.reports,
    reportsWithNoise: merged.noised,
    rows: merged.rows,
    countDeviation: Math.sqrt(merged.otherVariance),
    predictions: Array.from(merged.predictions, (rows, place) => ({ class: classes[place] ?? 'other', rows })),
    latency: { boundsMs: latencyBounds, counts: Array.from(merged.latency) },
    failures,
  };
}

/** The sums of every model with a report in the window. */
export function modelsOf({ models, series }: Aggregates): DeviceModel[] {
  return models.flatMap((known) => {
    const all = new MergedCounts(known.layout, known.classes.length);
    const groups: DeviceGroup[] = [];
    for (const each of series) {
      if (each.known !== known) continue;
      const total = each.window.total();
      if (total.reports === 0) continue;
      all.merge(total);
      groups.push({
        variant: each.variant,
        device: each.device,
        ...sumsOf(total, known),
        largest: largestDistances(total),
      });
    }
    if (groups.length === 0) return [];
    const { name, version } = known.model;
    const features = known.layout.features.map((_, feature) => driftOfFeature(all, feature));
    return [{ name, version, ...sumsOf(all, known), features, groups }];
  });
}
