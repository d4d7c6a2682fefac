import type { Closeable } from '../lifecycle';
import type { CounterHandle, GaugeHandle, Registry } from '../metrics';
import { followStats, type StatSource } from '../metrics/follow-stats';
import { modelLabelNames } from '../metrics/model-labels';
import type { ModelRunner } from '../runner/runner';
import { type CascadeDescription, type CascadeStats, cloudReasons, edgeReasons } from './result';

/** A runner of {@link cascade}. */
export interface InstrumentableCascade extends Pick<ModelRunner, 'model' | 'events'> {
  cascadeStats(): CascadeStats;
  describe(): CascadeDescription;
}

/**
 * Keeps metrics of a cascade, filled whenever the registry is collected. Every family has the labels `model_name` and
 * `model_version`, of the model on the device; what was counted until a swap counts for the version before it.
 *
 * | Family | Meaning |
 * |---|---|
 * | `ml_cascade_rows_total{where,reason}` | rows of answers, by where they were computed and why |
 * | `ml_cascade_sent_rows_total` | rows that were sent to the cloud, answered or not |
 * | `ml_cascade_failures_total` | requests that got no answer |
 * | `ml_cascade_cloud_failures_total` | requests to the cloud that failed |
 * | `ml_cascade_hedges_total` | requests for which both were asked at once |
 * | `ml_cascade_cloud_available` | 1 while the cloud may be asked, 0 while it is left alone or there is none |
 *
 * @returns closing it stops the recording and takes back the gauge; counters stay
 * @throws FairleadError `ALREADY_EXISTS` when the registry has other families of these names
 */
export function instrumentCascade(registry: Registry, cascaded: InstrumentableCascade): Closeable {
  const labels = modelLabelNames;
  const counter = (name: string, help: string, read: (stats: CascadeStats) => number): StatSource<CounterHandle> => {
    const family = registry.counter({ name, help, labels });
    return { read: () => read(cascaded.cascadeStats()), bind: (of) => family.bind(of) };
  };
  const rows = registry.counter({
    name: 'ml_cascade_rows',
    help: 'Rows of answers, by where they were computed and why.',
    labels: [...labels, 'where', 'reason'],
  });
  const onDevice = edgeReasons.map(
    (reason): StatSource<CounterHandle> => ({
      read: () => cascaded.cascadeStats().rows.edge[reason],
      bind: (of) => rows.bind({ ...of, where: 'edge', reason }),
    }),
  );
  const inCloud = cloudReasons.map(
    (reason): StatSource<CounterHandle> => ({
      read: () => cascaded.cascadeStats().rows.cloud[reason],
      bind: (of) => rows.bind({ ...of, where: 'cloud', reason }),
    }),
  );
  const available = registry.gauge({
    name: 'ml_cascade_cloud_available',
    help: 'Whether the cloud may be asked.',
    labels,
    aggregation: 'min',
  });
  const isAvailable: StatSource<GaugeHandle> = {
    read() {
      const { cloud, cloudRetryAfterMs } = cascaded.describe();
      return cloud !== 'none' && cloudRetryAfterMs === 0 ? 1 : 0;
    },
    bind: (of) => available.bind(of),
  };
  return followStats(registry, cascaded, {
    counters: [
      ...onDevice,
      ...inCloud,
      counter('ml_cascade_sent_rows', 'Rows that were sent to the cloud.', ({ sentRows }) => sentRows),
      counter('ml_cascade_failures', 'Requests that got no answer.', ({ failures }) => failures),
      counter('ml_cascade_cloud_failures', 'Requests to the cloud that failed.', ({ cloudFailures }) => cloudFailures),
      counter('ml_cascade_hedges', 'Requests for which both were asked at once.', ({ hedges }) => hedges),
    ],
    gauges: [isAvailable],
  });
}
