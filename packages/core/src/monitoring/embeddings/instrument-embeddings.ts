import type { Registry } from '../../metrics';
import type { EmbeddingMonitor } from './embedding-monitor';
import type { EmbeddingSnapshot } from './embedding-report';

const modelLabels = ['model_name', 'model_version'] as const;
const unknownModel = 'unknown';

type Counts = Pick<
  EmbeddingSnapshot,
  | 'alarms'
  | 'rowsSeen'
  | 'rowsObserved'
  | 'nonFiniteRows'
  | 'mmdTests'
  | 'mmdTestsSkipped'
  | 'mmdTestsFailed'
  | 'rowsSkipped'
>;

/**
 * Writes an embedding monitor's numbers to a registry, each time it is collected:
 *
 * | Family | Type | Labels beside `model_name`, `model_version` |
 * |---|---|---|
 * | `ml_embedding_drift_state` | state set of `ok`, `warning`, `drift` | |
 * | `ml_embedding_drift_alarms_total` | counter | |
 * | `ml_embedding_drift_evidence_log10` | gauge | |
 * | `ml_embedding_drift_alarm_level_log10` | gauge | |
 * | `ml_embedding_mmd_squared` | gauge | |
 * | `ml_embedding_mmd_p_value` | gauge | |
 * | `ml_embedding_mmd_tests_total` | counter | `outcome` (`done`, `skipped`, `failed`) |
 * | `ml_embedding_rows_seen_total` | counter | |
 * | `ml_embedding_rows_observed_total` | counter | |
 * | `ml_embedding_rows_skipped_total` | counter | `reason` |
 * | `ml_embedding_non_finite_rows_total` | counter | |
 * | `ml_embedding_cpu_share_ratio` | gauge | |
 *
 * @returns a function that ends the writing; what was written stays
 * @throws FairleadError `ALREADY_EXISTS` when the registry holds other families of these names
 */
export function instrumentEmbeddings(registry: Registry, monitor: Pick<EmbeddingMonitor, 'snapshot'>): () => void {
  const families = registerFamilies(registry);
  let written: Counts = {
    alarms: 0,
    rowsSeen: 0,
    rowsObserved: 0,
    nonFiniteRows: 0,
    mmdTests: 0,
    mmdTestsSkipped: 0,
    mmdTestsFailed: 0,
    rowsSkipped: { budget: 0, rejected: 0, otherModel: 0 },
  };
  let labelled: Readonly<Record<(typeof modelLabels)[number], string>> | undefined;

  return registry.onCollect(() => {
    const now = monitor.snapshot();
    const model = { model_name: now.model?.name ?? unknownModel, model_version: now.model?.version ?? unknownModel };
    const isOther = labelled?.model_name !== model.model_name || labelled.model_version !== model.model_version;
    if (labelled !== undefined && isOther) for (const gauge of families.gauges) gauge.remove(labelled);
    labelled = model;
    families.state.bind(model).set(now.state);
    families.evidence.bind(model).set(now.evidenceLog10);
    families.alarmLevel.bind(model).set(now.alarmLevelLog10);
    families.cpuShare.bind(model).set(now.cpuShare);
    if (now.mmd !== null) {
      families.mmd.bind(model).set(now.mmd.mmd2);
      families.pValue.bind(model).set(now.mmd.pValue);
    }
    families.alarms.bind(model).inc(now.alarms - written.alarms);
    families.rowsSeen.bind(model).inc(now.rowsSeen - written.rowsSeen);
    families.rowsObserved.bind(model).inc(now.rowsObserved - written.rowsObserved);
    families.nonFiniteRows.bind(model).inc(now.nonFiniteRows - written.nonFiniteRows);
    families.tests.bind({ ...model, outcome: 'done' }).inc(now.mmdTests - written.mmdTests);
    families.tests.bind({ ...model, outcome: 'skipped' }).inc(now.mmdTestsSkipped - written.mmdTestsSkipped);
    families.tests.bind({ ...model, outcome: 'failed' }).inc(now.mmdTestsFailed - written.mmdTestsFailed);
    const reasons = { budget: 'budget', rejected: 'rejected', otherModel: 'other_model' } as const;
    for (const [key, reason] of Object.entries(reasons) as [keyof typeof reasons, string][]) {
      families.rowsSkipped.bind({ ...model, reason }).inc(now.rowsSkipped[key] - written.rowsSkipped[key]);
    }
    written = now;
  });
}

function registerFamilies(registry: Registry) {
  const gauge = (name: string, help: string, aggregation: 'max' | 'min' = 'max') =>
    registry.gauge({ name, help, labels: modelLabels, aggregation });
  const counter = (name: string, help: string) => registry.counter({ name, help, labels: modelLabels });
  const state = registry.stateSet({
    name: 'ml_embedding_drift_state',
    help: 'What the embedding monitor says about live embeddings.',
    labels: modelLabels,
    states: ['ok', 'warning', 'drift'] as const,
  });
  const evidence = gauge(
    'ml_embedding_drift_evidence_log10',
    'Decimal logarithm of the evidence that the projections drifted.',
  );
  const alarmLevel = gauge(
    'ml_embedding_drift_alarm_level_log10',
    'Decimal logarithm of the evidence that raises an alarm.',
  );
  const mmd = gauge(
    'ml_embedding_mmd_squared',
    'Squared maximum mean discrepancy between the reference and the last window that was tested.',
  );
  const pValue = gauge('ml_embedding_mmd_p_value', 'Permutation p-value of the last two-sample test.', 'min');
  const cpuShare = registry.gauge({
    name: 'ml_embedding_cpu_share_ratio',
    unit: 'ratio',
    help: 'Part of the time that the embedding monitor has spent.',
    labels: modelLabels,
    aggregation: 'max',
  });
  return {
    state,
    evidence,
    alarmLevel,
    mmd,
    pValue,
    cpuShare,
    gauges: [state, evidence, alarmLevel, mmd, pValue, cpuShare],
    alarms: counter('ml_embedding_drift_alarms', 'Episodes of drift of embeddings that began.'),
    rowsSeen: counter('ml_embedding_rows_seen', 'Rows that went by the embedding monitor.'),
    rowsObserved: counter('ml_embedding_rows_observed', 'Rows that the embedding monitor projected.'),
    nonFiniteRows: counter('ml_embedding_non_finite_rows', 'Embeddings with a value that is NaN or infinite.'),
    tests: registry.counter({
      name: 'ml_embedding_mmd_tests',
      help: 'Two-sample tests of windows, by what became of them.',
      labels: [...modelLabels, 'outcome'],
    }),
    rowsSkipped: registry.counter({
      name: 'ml_embedding_rows_skipped',
      help: 'Rows that the embedding monitor saw and did not observe, by reason.',
      labels: [...modelLabels, 'reason'],
    }),
  };
}
