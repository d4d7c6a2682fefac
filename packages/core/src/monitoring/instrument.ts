import type { Registry } from '../metrics';
import type { ModelInfo } from '../runner/runner';
import type { DriftMonitor } from './monitor';
import type { DriftSnapshot } from './report';

const states = ['ok', 'warning', 'drift'] as const;
const modelLabels = ['model_name', 'model_version'] as const;
type ModelLabels = Readonly<Record<(typeof modelLabels)[number], string>>;

/** The name that stands for a model nobody named. */
const unknownModel = 'unknown';

/**
 * Writes a drift monitor's numbers to a registry, each time it is collected:
 *
 * | Family | Type | Labels beside `model_name`, `model_version` |
 * |---|---|---|
 * | `ml_feature_drift_score` | gauge | `method` (`psi`, `ks`), `feature` |
 * | `ml_drift_state` | state set of `ok`, `warning`, `drift` | |
 * | `ml_drift_evidence_log10` | gauge | |
 * | `ml_drift_alarm_level_log10` | gauge | |
 * | `ml_drift_warning_level_log10` | gauge | |
 * | `ml_feature_drift_evidence_log10` | gauge | `feature` |
 * | `ml_drift_alarms_total` | counter | |
 * | `ml_drift_rows_seen_total` | counter | |
 * | `ml_drift_rows_observed_total` | counter | |
 * | `ml_drift_rows_skipped_total` | counter | `reason` |
 * | `ml_drift_cpu_share_ratio` | gauge | |
 * | `ml_feature_missing_total` | counter | `feature` |
 *
 * After a swap the gauges of the model before are taken out; its counters stay.
 *
 * @returns a function that ends the writing; what was written stays
 * @throws FairleadError `ALREADY_EXISTS` when the registry holds other families of these names
 */
export function instrumentMonitor(registry: Registry, monitor: DriftMonitor): () => void {
  const families = registerFamilies(registry);
  let written = emptySnapshot();

  const write = (now: DriftSnapshot): void => {
    const model = labelsOf(now.model);
    families.alarms.bind(model).inc(now.alarms - written.alarms);
    families.rowsSeen.bind(model).inc(now.rowsSeen - written.rowsSeen);
    families.rowsObserved.bind(model).inc(now.rowsObserved - written.rowsObserved);
    for (const [reason, rows] of Object.entries(now.rowsSkipped)) {
      const before = written.rowsSkipped[reason as keyof DriftSnapshot['rowsSkipped']];
      families.rowsSkipped.bind({ ...model, reason: snakeCase(reason) }).inc(rows - before);
    }
    families.state.bind(model).set(now.state);
    families.evidence.bind(model).set(now.evidenceLog10);
    families.alarmLevel.bind(model).set(now.alarmLevelLog10);
    families.warningLevel.bind(model).set(now.warningLevelLog10);
    families.cpuShare.bind(model).set(now.cpuShare);
    const missingBefore = new Map(written.features.map(({ name, missing }) => [name, missing]));
    for (const { name: feature, psi, ks, evidenceLog10, missing } of now.features) {
      families.featureEvidence.bind({ ...model, feature }).set(evidenceLog10);
      families.score.bind({ ...model, method: 'psi', feature }).set(psi);
      families.score.bind({ ...model, method: 'ks', feature }).set(ks);
      families.missing.bind({ ...model, feature }).inc(missing - (missingBefore.get(feature) ?? 0));
    }
    written = now;
  };

  const removeGauges = (before: DriftSnapshot): void => {
    const model = labelsOf(before.model);
    families.state.remove(model);
    families.evidence.remove(model);
    families.alarmLevel.remove(model);
    families.warningLevel.remove(model);
    families.cpuShare.remove(model);
    for (const { name: feature } of before.features) {
      families.featureEvidence.remove({ ...model, feature });
      families.score.remove({ ...model, method: 'psi', feature });
      families.score.remove({ ...model, method: 'ks', feature });
    }
  };

  const removeCollector = registry.onCollect(() => write(monitor.snapshot()));
  const removeListener = monitor.events.on('reference-change', ({ previous }) => {
    write(previous);
    removeGauges(previous);
  });
  return () => {
    removeCollector();
    removeListener();
  };
}

function registerFamilies(registry: Registry) {
  return {
    score: registry.gauge({
      name: 'ml_feature_drift_score',
      help: 'Distance of the window from the reference, by method.',
      labels: [...modelLabels, 'method', 'feature'],
      aggregation: 'max',
    }),
    state: registry.stateSet({
      name: 'ml_drift_state',
      help: 'What the drift monitor says about the live rows.',
      labels: modelLabels,
      states,
    }),
    evidence: registry.gauge({
      name: 'ml_drift_evidence_log10',
      help: 'Decimal logarithm of the evidence that something drifted, over all features.',
      labels: modelLabels,
      aggregation: 'max',
    }),
    alarmLevel: registry.gauge({
      name: 'ml_drift_alarm_level_log10',
      help: 'Decimal logarithm of the evidence that raises an alarm.',
      labels: modelLabels,
      aggregation: 'max',
    }),
    warningLevel: registry.gauge({
      name: 'ml_drift_warning_level_log10',
      help: 'Decimal logarithm of the evidence that raises a warning.',
      labels: modelLabels,
      aggregation: 'max',
    }),
    featureEvidence: registry.gauge({
      name: 'ml_feature_drift_evidence_log10',
      help: 'Decimal logarithm of the evidence of one feature, whose mean over all features is the evidence.',
      labels: [...modelLabels, 'feature'],
      aggregation: 'max',
    }),
    alarms: registry.counter({
      name: 'ml_drift_alarms',
      help: 'Episodes of drift that began.',
      labels: modelLabels,
    }),
    rowsSeen: registry.counter({
      name: 'ml_drift_rows_seen',
      help: 'Rows that went by the drift monitor.',
      labels: modelLabels,
    }),
    rowsObserved: registry.counter({
      name: 'ml_drift_rows_observed',
      help: 'Rows that the drift monitor counted.',
      labels: modelLabels,
    }),
    rowsSkipped: registry.counter({
      name: 'ml_drift_rows_skipped',
      help: 'Rows that the drift monitor saw and did not count, by reason.',
      labels: [...modelLabels, 'reason'],
    }),
    cpuShare: registry.gauge({
      name: 'ml_drift_cpu_share_ratio',
      unit: 'ratio',
      help: 'Part of the time that the drift monitor has spent.',
      labels: modelLabels,
      aggregation: 'max',
    }),
    missing: registry.counter({
      name: 'ml_feature_missing',
      help: 'NaN values that the drift monitor counted.',
      labels: [...modelLabels, 'feature'],
    }),
  };
}

function labelsOf(model: ModelInfo | null): ModelLabels {
  return { model_name: model?.name ?? unknownModel, model_version: model?.version ?? unknownModel };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function emptySnapshot(): Pick<DriftSnapshot, 'alarms' | 'rowsSeen' | 'rowsObserved' | 'rowsSkipped' | 'features'> {
  const rowsSkipped = { budget: 0, rejected: 0, noReference: 0, learning: 0, loading: 0, otherModel: 0 };
  return { alarms: 0, rowsSeen: 0, rowsObserved: 0, rowsSkipped, features: [] };
}
