import { type FeatureLayout, layOut, tallySlots } from '../monitoring/sketches/feature-layout';
import { createWindow, type RollingWindow } from '../monitoring/windows/window';
import { fingerprintOf } from './fingerprint';
import { classesOf, type TelemetryHandlerSettings, type TelemetryModel } from './handler-options';
import { MergedCounts } from './merged-counts';
import type { TelemetryReport } from './report';

/** Why a report was not merged. */
export type TelemetryRefusal =
  | 'duplicate'
  | 'unknown_model'
  | 'other_reference'
  | 'implausible'
  | 'too_old'
  | 'row_limit'
  | 'series_limit';

/** A model, and what is needed to take its reports. */
export interface KnownModel {
  readonly model: TelemetryModel;
  readonly layout: FeatureLayout;
  readonly fingerprint: string;
  readonly classes: readonly string[];
}

/** The sums of one model, variant and device. */
export interface SeriesOfDevices {
  readonly known: KnownModel;
  readonly variant: string;
  readonly device: string;
  readonly window: RollingWindow<MergedCounts>;
}

/** Buckets of a window: few, since each holds the counts of all features. */
const buckets = 6;
/** Scales of noise beyond which it does not come in the life of the universe: exp(−40) is 4e-18. */
const mostScales = 40;

/** The sums of all reports, apart by model, variant and device. */
export interface Aggregates {
  readonly models: readonly KnownModel[];
  readonly series: Iterable<SeriesOfDevices>;
  /**
   * Why a report cannot be merged; `undefined` where it can.
   * @param takeRows books its rows; false where the sender has none left
   */
  add(report: TelemetryReport, ageMs: number, takeRows: (rows: number) => boolean): TelemetryRefusal | undefined;
}

/** Makes empty sums. */
export function createAggregates(settings: TelemetryHandlerSettings): Aggregates {
  const { clock, windowMs, maxSeries, maxReportAgeMs, maxRowsPerDevice, maxNoiseScale } = settings;
  const models = settings.references.map((model) => ({
    model,
    layout: layOut(model.reference),
    fingerprint: fingerprintOf(model.reference),
    classes: classesOf(model),
  }));
  const byKey = new Map(models.map((known) => [keyOf(known.model.name, known.model.version), known]));
  const variants = new Set(settings.variants);
  const devices = new Set(settings.devices);
  const series = new Map<string, SeriesOfDevices>();

  const seriesOf = (known: KnownModel, variant: string, device: string): SeriesOfDevices | undefined => {
    const key = keyOf(known.model.name, known.model.version, variant, device);
    const found = series.get(key);
    if (found !== undefined) return found;
    if (series.size >= maxSeries) return undefined;
    const create = (): MergedCounts => new MergedCounts(known.layout, known.classes.length);
    const window = createWindow({ create, by: 'time', size: windowMs, buckets, clock });
    const made = { known, variant, device, window };
    series.set(key, made);
    return made;
  };

  return {
    models,
    series: { [Symbol.iterator]: () => series.values() },
    add(report, ageMs, takeRows) {
      const known = byKey.get(keyOf(report.modelName, report.modelVersion));
      if (known === undefined) return 'unknown_model';
      if (report.reference !== known.fingerprint || !fits(report, known)) return 'other_reference';
      if (ageMs > maxReportAgeMs) return 'too_old';
      if (!isPlausible(report, maxRowsPerDevice, maxNoiseScale)) return 'implausible';
      const variant = variants.has(report.variant) ? report.variant : 'other';
      const device = devices.has(report.device) ? report.device : 'other';
      const target = seriesOf(known, variant, device);
      if (target === undefined) return 'series_limit';
      if (!takeRows(weightOf(report))) return 'row_limit';
      target.window.bucket().add(report);
      target.window.addRows(1);
      return undefined;
    },
  };
}

const keyOf = (...parts: readonly string[]): string => JSON.stringify(parts);

/** Whether the counts have the shape of the reference and the classes. */
function fits(report: TelemetryReport, { layout, classes }: KnownModel): boolean {
  if (report.predictions.length !== 0 && (classes.length === 0 || report.predictions.length !== classes.length + 1))
    return false;
  return report.features.every(
    (feature, index) =>
      report.counts[index]?.length === (layout.features[feature]?.counts.length ?? Number.NaN) + tallySlots,
  );
}

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

/** Rows that a report stands for: those it claims, or has counts for. */
function weightOf({ rows, counts }: TelemetryReport): number {
  const sums = counts.map(sumOf);
  return Math.max(0, rows, sums.length === 0 ? 0 : sumOf(sums) / sums.length);
}

/** Whether one device can have counted this in one window: no feature more than its rows, no count below what noise explains. */
function isPlausible(report: TelemetryReport, mostRows: number, maxNoiseScale: number): boolean {
  const { noise } = report;
  const { featureScale = 0, otherScale = 0 } = noise ?? {};
  if (Math.max(featureScale, otherScale) > maxNoiseScale) return false;
  const within = (counts: readonly number[], scale: number): boolean => {
    const slack = mostScales * scale;
    // The noise of a sum grows with its root; each single one is bounded too.
    return (
      sumOf(counts) <= mostRows + slack * Math.sqrt(counts.length) &&
      counts.every((count) => count >= -slack && count <= mostRows + slack)
    );
  };
  return (
    within([report.rows], otherScale) &&
    report.counts.every((cells) => within(cells, featureScale)) &&
    [report.predictions, report.latency, Object.values(report.failures)].every((counts) => within(counts, otherScale))
  );
}
