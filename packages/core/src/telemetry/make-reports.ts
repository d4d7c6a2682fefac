import type { ErrorCode } from '../errors';
import { discreteLaplace, type NoisePlan, planNoise, type UniformBelow } from './noise';
import { failureCodes, type TelemetryReport } from './report';
import type { TelemetryWindow, WindowCounts } from './telemetry-window';
import { featureSize } from './wire';

/** How a window becomes reports. */
export interface ReportRules {
  /** No count that leaves is smaller, unless noise covers it. 1: none is held back. */
  readonly minimumCount: number;
  /** ε for the noise of one window; without it there is none. */
  readonly epsilon: number | undefined;
  /** Rows whose presence the noise hides together. */
  readonly protectedRows: number;
  /** Features that are told, chosen anew by chance for each window; the others wait, or with noise are forgotten. */
  readonly featuresPerReport: number;
  readonly hasPredictions: boolean;
}

/** What a report says beside its counts. */
export type ReportHead = Pick<
  TelemetryReport,
  'modelName' | 'modelVersion' | 'reference' | 'variant' | 'device' | 'fromEpochMs' | 'toEpochMs'
>;

/** Bytes of counts that one report has at most; the rest of 65,536 is for its head, the token and what surrounds them. */
const mostCountBytes = 57_000;

/** So many of the numbers below `size`, each equally likely, ascending. */
function choose(count: number, size: number, uniform: UniformBelow): number[] {
  const all = Array.from({ length: size }, (_, index) => index);
  if (count >= size) return all;
  for (let i = 0; i < count; i++) {
    const other = i + uniform(size - i);
    [all[i], all[other]] = [all[other] as number, all[i] as number];
  }
  return all.slice(0, count).sort((left, right) => left - right);
}

function addNoise(counts: WindowCounts, plan: NoisePlan, uniform: UniformBelow): WindowCounts {
  const other = (value: number): number => value + discreteLaplace(plan.otherScale, uniform);
  // Which codes occurred would tell too, so that each of them gets its noise.
  const failures: Partial<Record<ErrorCode, number>> = {};
  for (const code of failureCodes) failures[code] = other(counts.failures[code] ?? 0);
  return {
    rows: other(counts.rows),
    features: counts.features,
    counts: counts.counts.map((cells) => cells.map((cell) => cell + discreteLaplace(plan.featureScale, uniform))),
    predictions: counts.predictions.map(other),
    latency: counts.latency.map(other),
    failures,
  };
}

/** Cuts features into parts that fit into a report each. */
function partsOf({ counts }: WindowCounts, unit: number, isNoised: boolean): [from: number, to: number][] {
  const parts: [number, number][] = [];
  let from = 0;
  let size = 0;
  counts.forEach((cells, index) => {
    const own = featureSize(unit === 1 ? cells : cells.map((cell) => cell / unit), isNoised);
    if (size + own > mostCountBytes && index > from) {
      parts.push([from, index]);
      [from, size] = [index, 0];
    }
    size += own;
  });
  return [...parts, [from, counts.length]];
}

const isAnything = (counts: WindowCounts): boolean =>
  counts.rows > 0 ||
  Object.keys(counts.failures).length > 0 ||
  counts.counts.some((cells) => cells.some((cell) => cell > 0));

/**
 * Takes out of a window what may be told now: usually one report, several where a reference has so many features that one
 * would be too large, none where no count is large enough.
 *
 * @param nextId makes the id of a report
 */
export function makeReports(
  window: TelemetryWindow,
  head: ReportHead,
  rules: ReportRules,
  uniform: UniformBelow,
  nextId: () => string,
): TelemetryReport[] {
  const { minimumCount, epsilon } = rules;
  const features = choose(rules.featuresPerReport, window.layout.features.length, uniform);
  const isNoised = epsilon !== undefined;
  const unit = isNoised ? 1 : minimumCount;
  const bare = window.take(features, unit);
  // What lies in features that were not chosen would otherwise spend a second budget in the next window.
  if (isNoised) window.reset();
  if (!isNoised && !isAnything(bare)) return [];
  const plan = isNoised ? planNoise(epsilon, rules.protectedRows, features.length, rules.hasPredictions) : undefined;
  const counts = plan === undefined ? bare : addNoise(bare, plan, uniform);
  return partsOf(counts, unit, isNoised).map(([from, to], index) => ({
    id: nextId(),
    ...head,
    minimumCount: unit,
    ...(plan === undefined ? {} : { noise: plan }),
    rows: index === 0 ? counts.rows : 0,
    features: counts.features.slice(from, to),
    counts: counts.counts.slice(from, to),
    predictions: index === 0 ? counts.predictions : [],
    latency: index === 0 ? counts.latency : [],
    failures: index === 0 ? counts.failures : {},
  }));
}
