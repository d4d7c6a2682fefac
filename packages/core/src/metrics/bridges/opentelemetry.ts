import { type Closeable, closeable } from '../../lifecycle';
import type { Registry } from '../registry';
import { flatNamesOf, flatSamplesOf } from './flat-samples';

/** What the bridge needs of a `Meter` of @opentelemetry/api, for which its own fits. */
export interface OpenTelemetryMeter<Observable> {
  createObservableCounter(name: string, options?: InstrumentOptions): Observable;
  createObservableGauge(name: string, options?: InstrumentOptions): Observable;
  addBatchObservableCallback(callback: ObservableCallback<Observable>, observables: Observable[]): void;
  removeBatchObservableCallback(callback: ObservableCallback<Observable>, observables: Observable[]): void;
}

/** What an instrument is made with. */
export interface InstrumentOptions {
  description?: string;
  unit?: string;
}

/** Called by OpenTelemetry when it collects. */
export type ObservableCallback<Observable> = (result: {
  observe(observable: Observable, value: number, attributes?: Record<string, string>): void;
}) => void | Promise<void>;

/** Units as OpenTelemetry writes them; another one stays as it is. */
const units: Readonly<Record<string, string>> = {
  seconds: 's',
  milliseconds: 'ms',
  bytes: 'By',
  ratio: '1',
  percent: '%',
  celsius: 'Cel',
  meters: 'm',
  grams: 'g',
  volts: 'V',
  amperes: 'A',
  joules: 'J',
};

/**
 * Shows every family of a registry to OpenTelemetry, by observable instruments that read the registry whenever OpenTelemetry
 * collects; nothing is written twice. Counters become observable counters, gauges observable gauges, and so do info families
 * and state sets. OpenTelemetry has no observable histogram: histograms become observable counters `_bucket` (by `le`),
 * `_count` and `_sum`, as Prometheus has them; summaries a gauge by `quantile` and two counters. What is not finite, such as
 * the quantile of an empty window, is not observed.
 *
 * A family that is registered later is shown from the second collection on that comes after it.
 *
 * @returns closing it takes the callback away; OpenTelemetry itself forgets no instrument
 */
export function bridgeOpenTelemetry<Observable>(registry: Registry, meter: OpenTelemetryMeter<Observable>): Closeable {
  const instruments = new Map<string, Observable>();
  let observed: Observable[] = [];
  let isClosed = false;

  const observe: ObservableCallback<Observable> = async (result) => {
    await registry.refresh();
    for (const family of registry.snapshot().families) {
      for (const { name, labels, value } of family.series.flatMap((series) => flatSamplesOf(family, series))) {
        const instrument = instruments.get(name);
        if (instrument !== undefined && Number.isFinite(value)) result.observe(instrument, value, labels);
      }
    }
    register();
  };

  /** Makes the instruments that are missing, and lists them anew. */
  const register = (): void => {
    for (const family of registry.describe()) {
      const options = {
        description: family.help,
        ...(family.unit !== '' && { unit: units[family.unit] ?? family.unit }),
      };
      for (const { name, isCumulative } of flatNamesOf(family)) {
        if (instruments.has(name)) continue;
        const counted = name.endsWith('_count') || name.endsWith('_bucket') ? { description: family.help } : options;
        instruments.set(
          name,
          isCumulative ? meter.createObservableCounter(name, counted) : meter.createObservableGauge(name, counted),
        );
      }
    }
    if (isClosed || instruments.size === observed.length) return;
    meter.removeBatchObservableCallback(observe, observed);
    observed = [...instruments.values()];
    meter.addBatchObservableCallback(observe, observed);
  };

  register();
  return closeable(async () => {
    isClosed = true;
    meter.removeBatchObservableCallback(observe, observed);
  });
}
