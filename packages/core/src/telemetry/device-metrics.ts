import { modelLabelNames } from '../metrics/model-labels';
import type { Registry } from '../metrics/registry';
import { latencyBounds } from './report';
import type { DeviceGroup, DeviceModel, DeviceSums, TelemetrySnapshot } from './snapshot';

const sourced = [...modelLabelNames, 'source'] as const;
const grouped = [...sourced, 'variant', 'device'] as const;

/**
 * Writes what devices reported to a registry, each time it is collected. All families begin with `ml_device_` and have the
 * label `source="device"`: no rule that reads the server's own `ml_drift_…` series can take them for those.
 */
export function exposeDevices(
  registry: Registry,
  snapshot: () => TelemetrySnapshot,
  maxFeatureSeries: number,
): () => void {
  const families = register(registry);
  let removals: (() => void)[] = [];
  let before: Pick<TelemetrySnapshot, 'accepted'> & { readonly refused: Readonly<Record<string, number>> } = {
    accepted: 0,
    refused: {},
  };

  const writeModel = (model: DeviceModel): void => {
    const labels = { model_name: model.name, model_version: model.version, source: 'device' };
    const most = [...model.features].sort((left, right) => right.psi - left.psi).slice(0, maxFeatureSeries);
    for (const { name: feature, psi, ks } of most) {
      for (const [method, score] of Object.entries({ psi, ks })) {
        const own = { ...labels, method, feature };
        families.score.bind(own).set(score);
        removals.push(() => families.score.remove(own));
      }
    }
    for (const { class: label, rows } of model.predictions) {
      const own = { ...labels, class: label };
      families.predictions.bind(own).set(rows);
      removals.push(() => families.predictions.remove(own));
    }
    for (const [code, times] of Object.entries(model.failures)) {
      const own = { ...labels, code };
      families.failures.bind(own).set(times);
      removals.push(() => families.failures.remove(own));
    }
    for (const group of model.groups) writeGroup(labels, group);
  };

  const writeGroup = (
    model: { model_name: string; model_version: string; source: string },
    group: DeviceGroup,
  ): void => {
    const labels = { ...model, variant: group.variant, device: group.device };
    families.rows.bind(labels).set(group.rows);
    families.windowReports.bind(labels).set(group.reports);
    families.duration.bind(labels).set(...durationOf(group));
    removals.push(
      () => families.rows.remove(labels),
      () => families.windowReports.remove(labels),
      () => families.duration.remove(labels),
    );
    for (const method of ['psi', 'ks'] as const) {
      const own = { ...labels, method };
      families.most.bind(own).set(group.largest[method]);
      removals.push(() => families.most.remove(own));
    }
  };

  return registry.onCollect(() => {
    const now = snapshot();
    // What left the window, or is no longer among the first, is taken out.
    for (const remove of removals) remove();
    removals = [];
    for (const model of now.models) writeModel(model);
    const refused: Record<string, number> = { ...now.refused, ...now.requestsRefused };
    families.reports.bind({ source: 'device', outcome: 'accepted' }).inc(now.accepted - before.accepted);
    for (const [outcome, times] of Object.entries(refused)) {
      families.reports.bind({ source: 'device', outcome }).inc(times - (before.refused[outcome] ?? 0));
    }
    before = { accepted: now.accepted, refused };
  });
}

/** Counts by bucket, negative ones of noise taken as 0, and the sum of the times in seconds as the middles of the buckets tell it. */
function durationOf({ latency }: DeviceSums): [counts: number[], sum: number] {
  const counts = latency.counts.map((count) => Math.max(0, count));
  const sum = counts.reduce((total, count, bucket) => {
    const upper = latencyBounds[bucket] ?? (latencyBounds[bucket - 1] as number) * 1.5;
    return total + (count * (upper + upper / 1.5)) / 2000;
  }, 0);
  return [counts, sum];
}

function register(registry: Registry) {
  return {
    reports: registry.counter({
      name: 'ml_device_reports',
      help: 'Reports of devices, by what became of them.',
      labels: ['source', 'outcome'],
    }),
    rows: registry.gauge({
      name: 'ml_device_rows',
      help: 'Rows that devices counted, in the window.',
      labels: grouped,
    }),
    windowReports: registry.gauge({
      name: 'ml_device_window_reports',
      help: 'Reports of devices that were merged, in the window.',
      labels: grouped,
    }),
    score: registry.gauge({
      name: 'ml_device_feature_drift_score',
      help: 'Distance of what devices counted from the reference, by method, of the features that drifted most.',
      labels: [...sourced, 'method', 'feature'],
      aggregation: 'max',
    }),
    most: registry.gauge({
      name: 'ml_device_drift_score_max',
      help: 'The largest distance of any feature from the reference, by method.',
      labels: [...grouped, 'method'],
      aggregation: 'max',
    }),
    predictions: registry.gauge({
      name: 'ml_device_prediction_rows',
      help: 'Rows that devices predicted, by class, in the window.',
      labels: [...sourced, 'class'],
    }),
    failures: registry.gauge({
      name: 'ml_device_failed_requests',
      help: 'Requests that failed on devices, by code, in the window.',
      labels: [...sourced, 'code'],
    }),
    duration: registry.gaugeHistogram({
      name: 'ml_device_prediction_duration_seconds',
      unit: 'seconds',
      help: 'Compute times of batches on devices, in the window.',
      labels: grouped,
      buckets: latencyBounds.map((bound) => bound / 1000),
    }),
  };
}
