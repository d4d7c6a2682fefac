import type { Registry } from '../../metrics';
import type { ModelInfo } from '../../runner/runner';
import type { QualityMonitor } from './quality-monitor';
import type { QualitySnapshot } from './quality-report';

const states = ['ok', 'warning', 'failed'] as const;
const modelLabels = ['model_name', 'model_version'] as const;

/** The name that stands for a model nobody named. */
const unknownModel = 'unknown';

/**
 * Writes a quality monitor's numbers to a registry, each time it is collected:
 *
 * | Family | Type | Labels beside `model_name`, `model_version` |
 * |---|---|---|
 * | `ml_data_quality_state` | state set of `ok`, `warning`, `failed` | |
 * | `ml_data_quality_check_state` | state set of `ok`, `warning`, `failed` | `rule`, `feature` |
 * | `ml_data_quality_violations_total` | counter | `rule`, `feature` |
 * | `ml_data_quality_tested_total` | counter | `rule`, `feature` |
 * | `ml_data_quality_rows_seen_total` | counter | |
 * | `ml_data_quality_rows_checked_total` | counter | |
 * | `ml_data_quality_rows_unchecked_total` | counter | `reason` |
 * | `ml_data_quality_test_errors_total` | counter | |
 * | `ml_data_quality_cpu_share_ratio` | gauge | |
 * | `ml_data_freshness_seconds` | gauge | `rule`, `feature` |
 *
 * After a swap the gauges and states of the model before are taken out; its counters stay.
 *
 * @returns a function that ends the writing; what was written stays
 * @throws FairleadError `ALREADY_EXISTS` when the registry holds other families of these names
 */
export function instrumentQuality(
  registry: Registry,
  monitor: Pick<QualityMonitor, 'snapshot' | 'events'>,
): () => void {
  const families = registerFamilies(registry);
  let written: Pick<QualitySnapshot, 'rowsSeen' | 'rowsChecked' | 'rowsUnchecked' | 'testErrors' | 'checks'> = {
    rowsSeen: 0,
    rowsChecked: 0,
    rowsUnchecked: { budget: 0, rejected: 0, otherModel: 0 },
    testErrors: 0,
    checks: [],
  };

  const write = (now: QualitySnapshot): void => {
    const model = labelsOf(now.model);
    families.state.bind(model).set(now.state);
    families.rowsSeen.bind(model).inc(now.rowsSeen - written.rowsSeen);
    families.rowsChecked.bind(model).inc(now.rowsChecked - written.rowsChecked);
    for (const [reason, rows] of Object.entries(now.rowsUnchecked)) {
      const before = written.rowsUnchecked[reason as keyof QualitySnapshot['rowsUnchecked']];
      families.rowsUnchecked.bind({ ...model, reason: snakeCase(reason) }).inc(rows - before);
    }
    families.testErrors.bind(model).inc(now.testErrors - written.testErrors);
    families.cpuShare.bind(model).set(now.cpuShare);
    // A monitor's checks are the same for ever, and in the same order.
    now.checks.forEach(({ rule, feature, state, violations, tested }, index) => {
      const labels = { ...model, rule, feature };
      const before = written.checks[index];
      families.checkState.bind(labels).set(state);
      families.violations.bind(labels).inc(violations - (before?.violations ?? 0));
      families.tested.bind(labels).inc(tested - (before?.tested ?? 0));
    });
    for (const { rule, feature, ageMs } of now.freshness) {
      families.freshness.bind({ ...model, rule, feature }).set(ageMs / 1000);
    }
    written = now;
  };

  const removeGauges = (before: QualitySnapshot): void => {
    const model = labelsOf(before.model);
    families.state.remove(model);
    families.cpuShare.remove(model);
    for (const { rule, feature } of before.checks) families.checkState.remove({ ...model, rule, feature });
    for (const { rule, feature } of before.freshness) families.freshness.remove({ ...model, rule, feature });
  };

  const removeCollector = registry.onCollect(() => write(monitor.snapshot()));
  const removeListener = monitor.events.on('model-change', ({ previous }) => {
    write(previous);
    removeGauges(previous);
  });
  return () => {
    removeCollector();
    removeListener();
  };
}

function registerFamilies(registry: Registry) {
  const checkLabels = [...modelLabels, 'rule', 'feature'] as const;
  return {
    state: registry.stateSet({
      name: 'ml_data_quality_state',
      help: 'The worst state of all data quality rules.',
      labels: modelLabels,
      states,
    }),
    checkState: registry.stateSet({
      name: 'ml_data_quality_check_state',
      help: 'What the data quality monitor says of a rule on a feature.',
      labels: checkLabels,
      states,
    }),
    violations: registry.counter({
      name: 'ml_data_quality_violations',
      help: 'Values that broke a data quality rule.',
      labels: checkLabels,
    }),
    tested: registry.counter({
      name: 'ml_data_quality_tested',
      help: 'Values that a data quality rule was applied to.',
      labels: checkLabels,
    }),
    rowsSeen: registry.counter({
      name: 'ml_data_quality_rows_seen',
      help: 'Rows that went by the data quality monitor.',
      labels: modelLabels,
    }),
    rowsChecked: registry.counter({
      name: 'ml_data_quality_rows_checked',
      help: 'Rows that the data quality monitor checked.',
      labels: modelLabels,
    }),
    rowsUnchecked: registry.counter({
      name: 'ml_data_quality_rows_unchecked',
      help: 'Rows that the data quality monitor saw and did not check, by reason.',
      labels: [...modelLabels, 'reason'],
    }),
    testErrors: registry.counter({
      name: 'ml_data_quality_test_errors',
      help: 'Calls of tests of data quality rules that threw.',
      labels: modelLabels,
    }),
    cpuShare: registry.gauge({
      name: 'ml_data_quality_cpu_share_ratio',
      unit: 'ratio',
      help: 'Part of the time that the data quality monitor has spent.',
      labels: modelLabels,
      aggregation: 'max',
    }),
    freshness: registry.gauge({
      name: 'ml_data_freshness_seconds',
      unit: 'seconds',
      help: 'Age of the newest event time, or time since the last row.',
      labels: checkLabels,
      aggregation: 'min',
    }),
  };
}

function labelsOf(model: ModelInfo | null): Readonly<Record<(typeof modelLabels)[number], string>> {
  return { model_name: model?.name ?? unknownModel, model_version: model?.version ?? unknownModel };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
