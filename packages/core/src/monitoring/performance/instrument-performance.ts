import type { BindArguments, Gauge, Labels, Registry } from '../../metrics';
import type { PredictionLog } from '../predictions/prediction-log';
import { lagBounds } from './lag-histogram';
import type { MetricEstimates } from './measure';
import type { PerformanceMonitor } from './performance-monitor';
import type { PerformanceSnapshot } from './performance-report';
import type { SlicePart } from './slices';

/** The name that stands for a model nobody named. */
const unknownModel = 'unknown';
const modelLabels = ['model_name', 'model_version'] as const;

/**
 * Writes a performance monitor's numbers to a registry, each time it is collected, and a prediction log's where one is given:
 *
 * | Family | Type | Labels beside `model_name`, `model_version` |
 * |---|---|---|
 * | `ml_performance_ratio`, `ml_performance_loss` | gauge | `metric`, `slice` (such as `country=ch`; empty for all rows) |
 * | `ml_performance_low_ratio`, `ml_performance_high_ratio`, `ml_performance_low_loss`, `ml_performance_high_loss` | gauge | the same |
 * | `ml_estimated_performance_ratio`, `ml_estimated_performance_loss` | gauge | `metric` |
 * | `ml_performance_rows` | gauge | `slice` |
 * | `ml_performance_alert_state` | state set of `ok`, `alert` | `metric`, `slice` |
 * | `ml_performance_alerts_total` | counter | |
 * | `ml_labels_total` | counter | `outcome`: `matched`, `duplicate`, `changed`, `changed_too_late`, `unknown` |
 * | `ml_labels_waiting`, `ml_predictions_waiting` | gauge | |
 * | `ml_predictions_unlabelled_total` | counter | `reason`: `expired`, `evicted`, `rejected`, `duplicate` |
 * | `ml_label_match_ratio` | gauge | |
 * | `ml_label_lag_seconds` | histogram | |
 *
 * and of the log, without those labels: `ml_prediction_log_records_total{outcome}`, `ml_prediction_log_held_records`,
 * `ml_prediction_log_held_bytes`, `ml_prediction_log_lost_total{reason}`.
 *
 * The losses are MAE and RMSE, in the unit of what is predicted, and the log loss; every other metric is a ratio. A metric that the rows no longer define is taken out, and so are the gauges of a model that was replaced; counters stay.
 *
 * @returns a function that ends the writing; what was written stays
 * @throws FairleadError `ALREADY_EXISTS` when the registry holds other families of these names
 */
export function instrumentPerformance(
  registry: Registry,
  monitor: PerformanceMonitor,
  log?: PredictionLog,
): () => void {
  const writer = new PerformanceWriter(registry);
  const write = (): void => writer.write(monitor.snapshot());
  write();
  const endings = [
    registry.onCollect(write),
    monitor.events.on('label-join', ({ lagSeconds }) => writer.observeLag(lagSeconds)),
    monitor.events.on('model-change', ({ previous }) => {
      writer.write(previous);
      writer.removeGauges();
      write();
    }),
    ...(log === undefined ? [] : [registry.onCollect(logWriter(registry, log))]),
  ];
  return () => {
    for (const end of endings) end();
  };
}

class PerformanceWriter {
  readonly #families: ReturnType<typeof registerFamilies>;
  /** What is shown now, by its text: taken out when it is shown no longer. */
  #shown = new Map<string, () => void>();
  #next = new Map<string, () => void>();
  readonly #counted = new Map<string, number>();
  #model: { readonly model_name: string; readonly model_version: string } = {
    model_name: unknownModel,
    model_version: unknownModel,
  };

  constructor(registry: Registry) {
    this.#families = registerFamilies(registry);
  }

  observeLag(seconds: number): void {
    this.#families.lag.bind(this.#model).observe(seconds);
  }

  removeGauges(): void {
    for (const remove of this.#shown.values()) remove();
    this.#shown.clear();
  }

  write(now: PerformanceSnapshot): void {
    const families = this.#families;
    this.#model = { model_name: now.model?.name ?? unknownModel, model_version: now.model?.version ?? unknownModel };
    this.#writePart(now.metrics, now.rows, '');
    for (const part of now.parts) this.#writePart(part.metrics, part.rows, sliceName(part));
    for (const [metric, { value }] of Object.entries(now.estimated.metrics)) {
      this.#set(families.estimated[kindOf(metric)], value, { ...this.#model, metric: snakeCase(metric) });
    }
    for (const { metric, part, state } of now.alerts) {
      const labels = { ...this.#model, metric: snakeCase(metric), slice: sliceName(part) };
      families.alertState.bind(labels).set(state === 'alert' ? 'alert' : 'ok');
      this.#next.set(`alert ${JSON.stringify(labels)}`, () => void families.alertState.remove(labels));
    }
    this.#set(families.predictionsWaiting, now.predictions.waiting, this.#model);
    this.#set(families.labelsWaiting, now.labels.waiting, this.#model);
    if (now.matchRatio !== undefined) this.#set(families.matchRatio, now.matchRatio, this.#model);
    this.#count('alerts', now.alertsStarted, (by) => families.alerts.bind(this.#model).inc(by));
    const { matched, duplicate, changed, unknown, changedTooLate } = now.labels;
    for (const [outcome, total] of Object.entries({ matched, duplicate, changed, unknown, changedTooLate })) {
      const labels = { ...this.#model, outcome: snakeCase(outcome) };
      this.#count(`label ${outcome}`, total, (by) => families.labels.bind(labels).inc(by));
    }
    const { expired, evicted, rejected } = now.predictions;
    for (const [reason, total] of Object.entries({
      expired,
      evicted,
      rejected,
      duplicate: now.predictions.duplicate,
    })) {
      const labels = { ...this.#model, reason };
      this.#count(`prediction ${reason}`, total, (by) => families.unlabelled.bind(labels).inc(by));
    }
    this.#sweep();
  }

  #writePart(metrics: MetricEstimates, rows: number, slice: string): void {
    const families = this.#families;
    for (const [metric, estimate] of Object.entries(metrics)) {
      const labels = { ...this.#model, metric: snakeCase(metric), slice };
      const kind = kindOf(metric);
      this.#set(families.value[kind], estimate.value, labels);
      this.#set(families.low[kind], estimate.low, labels);
      this.#set(families.high[kind], estimate.high, labels);
    }
    this.#set(families.rows, rows, { ...this.#model, slice });
  }

  #set<L extends string>(family: Gauge<L>, value: number, labels: Labels<L>): void {
    const bound = [labels] as unknown as BindArguments<L>;
    family.bind(...bound).set(value);
    this.#next.set(`${family.name} ${JSON.stringify(labels)}`, () => void family.remove(...bound));
  }

  /** Adds what a total grew by since it was last written. */
  #count(name: string, total: number, add: (by: number) => void): void {
    add(total - (this.#counted.get(name) ?? 0));
    this.#counted.set(name, total);
  }

  #sweep(): void {
    for (const [key, remove] of this.#shown) if (!this.#next.has(key)) remove();
    this.#shown = this.#next;
    this.#next = new Map();
  }
}

function registerFamilies(registry: Registry) {
  const sliceLabels = [...modelLabels, 'slice'] as const;
  const metricLabels = [...sliceLabels, 'metric'] as const;
  /** Two families: ratios, and losses, which have no unit of their own. Each process has measured on rows of its own, which do not add up. */
  const pair = <const L extends string>(name: string, help: string, labels: readonly L[]) => ({
    ratio: registry.gauge({ name: `${name}_ratio`, unit: 'ratio', help, labels, aggregation: 'by-process' }),
    loss: registry.gauge({ name: `${name}_loss`, help, labels, aggregation: 'by-process' }),
  });
  return {
    value: pair('ml_performance', 'Performance on labelled rows of the window, by metric.', metricLabels),
    low: pair('ml_performance_low', 'Lower end of the confidence interval of performance.', metricLabels),
    high: pair('ml_performance_high', 'Upper end of the confidence interval of performance.', metricLabels),
    estimated: pair(
      'ml_estimated_performance',
      'Performance that the last predictions are expected to have, without labels.',
      [...modelLabels, 'metric'],
    ),
    rows: registry.gauge({
      name: 'ml_performance_rows',
      help: 'Labelled rows that performance is measured on.',
      labels: sliceLabels,
    }),
    alertState: registry.stateSet({
      name: 'ml_performance_alert_state',
      help: 'Whether performance is beneath what it may be.',
      labels: metricLabels,
      states: ['ok', 'alert'],
    }),
    alerts: registry.counter({
      name: 'ml_performance_alerts',
      help: 'Episodes of performance beneath its bounds that began.',
      labels: modelLabels,
    }),
    labels: registry.counter({
      name: 'ml_labels',
      help: 'Labels by what became of them.',
      labels: [...modelLabels, 'outcome'],
    }),
    labelsWaiting: registry.gauge({
      name: 'ml_labels_waiting',
      help: 'Labels that wait for their prediction.',
      labels: modelLabels,
    }),
    predictionsWaiting: registry.gauge({
      name: 'ml_predictions_waiting',
      help: 'Predictions that wait for their label.',
      labels: modelLabels,
    }),
    unlabelled: registry.counter({
      name: 'ml_predictions_unlabelled',
      help: 'Predictions that will not be measured, by reason.',
      labels: [...modelLabels, 'reason'],
    }),
    matchRatio: registry.gauge({
      name: 'ml_label_match_ratio',
      unit: 'ratio',
      help: 'Part of the predictions whose label came.',
      labels: modelLabels,
      aggregation: 'by-process',
    }),
    lag: registry.histogram({
      name: 'ml_label_lag_seconds',
      unit: 'seconds',
      help: 'Time from a prediction to its label.',
      labels: modelLabels,
      buckets: lagBounds,
    }),
  };
}

/** Writes what a log has done since the last time. */
function logWriter(registry: Registry, log: PredictionLog): () => void {
  const records = registry.counter({
    name: 'ml_prediction_log_records',
    help: 'Predictions by what the log did with them.',
    labels: ['outcome'],
  });
  const held = registry.gauge({ name: 'ml_prediction_log_held_records', help: 'Records in the prediction log.' });
  const heldBytes = registry.gauge({
    name: 'ml_prediction_log_held_bytes',
    unit: 'bytes',
    help: 'Bytes of the records in the prediction log.',
  });
  const lost = registry.counter({
    name: 'ml_prediction_log_lost',
    help: 'Records that left the prediction log or could not be kept, by reason.',
    labels: ['reason'],
  });
  const counted = new Map<string, number>();
  const grown = (name: string, total: number): number => {
    const by = total - (counted.get(name) ?? 0);
    counted.set(name, total);
    return by;
  };
  return () => {
    const { outcomes, skipped, failed, erasedRecords, sink } = log.stats();
    for (const [outcome, total] of Object.entries({ ...outcomes, skipped, failed })) {
      records.bind({ outcome: outcome.replaceAll('-', '_') }).inc(grown(outcome, total));
    }
    held.bind().set(sink.records);
    heldBytes.bind().set(sink.bytes);
    const { dropped, expired, torn, corrupt, failures } = sink;
    for (const [reason, total] of Object.entries({
      dropped,
      expired,
      torn,
      corrupt,
      erased: erasedRecords,
      write_failures: failures,
    })) {
      lost.bind({ reason }).inc(grown(`lost ${reason}`, total));
    }
  };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const losses: ReadonlySet<string> = new Set(['mae', 'rmse', 'logLoss']);

function kindOf(metric: string): 'loss' | 'ratio' {
  return losses.has(metric) ? 'loss' : 'ratio';
}

function sliceName(part: SlicePart | undefined): string {
  return part === undefined ? '' : `${part.slice}=${part.part}`;
}
