import { describeValue } from '../../config';
import { FairleadError, messageOf, throwIfAborted } from '../../errors';
import { createEvents, type EventSource } from '../../events';
import { type CallOptions, type Closeable, closeable } from '../../lifecycle';
import type { ModelInfo } from '../../runner/runner';
import type { PredictionLog } from '../predictions/prediction-log';
import type { PredictionRecord } from '../predictions/prediction-record';
import { invalidInput } from '../rows';
import { AlertBoard, type AlertChange, type LookedAt } from './alert-board';
import { LabelJoin } from './label-join';
import { LagHistogram } from './lag-histogram';
import { classReports, confusionOf, measure } from './measure';
import { normalUpperQuantile } from './normal-law';
import { createEstimator, type PerformanceEstimator } from './performance-estimator';
import type { PerformanceEventMap } from './performance-events';
import type { PerformanceMonitor } from './performance-monitor';
import {
  fittingReference,
  type PerformanceMonitorOptions,
  type PerformanceSettings,
  parsePerformanceOptions,
} from './performance-options';
import type { PerformanceReference } from './performance-reference';
import { confusionRows, type PerformanceSnapshot } from './performance-report';
import { type ClassLabel, createRowReader, type Prediction, type RowReader } from './prediction';
import { type PredictedRow, PredictionSlots } from './prediction-slots';
import { defaultReader, type PredictionReader } from './read-record';
import { LabelledWindow } from './row-windows';
import { SliceTable } from './slices';
/**
 * Makes a performance monitor. Predictions and labels meet by id, in bounded memory and time; metrics are measured on the last
 * `windowRows` that have both, over all rows and by slice, with confidence intervals, and rules alarm with a stated rate of
 * false alarms.
 *
 * @throws FairleadError `INVALID_OPTION`; `STORE_CORRUPT` or `UNSUPPORTED` for a reference that cannot be used
 */
export function createPerformanceMonitor(options: PerformanceMonitorOptions): PerformanceMonitor {
  return new JoiningMonitor(parsePerformanceOptions(options));
}

const longestId = 256;
/** Looks in the time that it takes to renew a window. */
const looksInWindow = 10;

class JoiningMonitor implements PerformanceMonitor {
  readonly events: EventSource<PerformanceEventMap>;
  readonly #settings: PerformanceSettings;
  readonly #z: number;
  readonly #reader: RowReader;
  readonly #join: LabelJoin;
  readonly #slices: SliceTable;
  readonly #slots: PredictionSlots;
  readonly #window: LabelledWindow;
  readonly #board: AlertBoard;
  readonly #lags = new LagHistogram();
  readonly #probabilities: Float64Array;
  readonly #parts: Int32Array;
  readonly #attached = new Set<Closeable>();
  #estimator: PerformanceEstimator;
  #reference: PerformanceReference | undefined;
  #model: ModelInfo | null = null;
  #generation = 0;
  #sinceLook = 0;
  #rejected = 0;
  #withoutFeatures = 0;
  #changedTooLate = 0;
  #otherModel = 0;
  #closed = false;
  readonly #closer: Closeable;

  constructor(settings: PerformanceSettings) {
    const { definition, windowRows, limits, alerts, minAlertRows } = settings;
    this.#settings = settings;
    this.#z = normalUpperQuantile((1 - settings.confidence) / 2);
    this.events = createEvents<PerformanceEventMap>(settings.logger, settings.on);
    this.#reader = createRowReader(definition);
    this.#join = new LabelJoin(limits);
    this.#slices = new SliceTable(settings.slices, settings.maxParts);
    this.#slots = new PredictionSlots(this.#reader, this.#slices.slices, limits.maxPredictions);
    this.#window = new LabelledWindow(this.#reader, this.#slices.slices, windowRows);
    this.#probabilities = new Float64Array(this.#reader.width);
    this.#parts = new Int32Array(this.#slices.slices);
    const step = Math.ceil(windowRows / looksInWindow);
    const falseAlarmsALook = step / (2 * settings.meanTimeBetweenFalseAlarms);
    this.#board = new AlertBoard({ task: definition.task, rules: alerts, falseAlarmsALook, minRows: minAlertRows });
    this.#reference = settings.reference;
    this.#estimator = createEstimator(settings.reference, this.#reader, windowRows);
    this.#closer = closeable(async () => {
      this.#closed = true;
      await Promise.all([...this.#attached].map((attached) => attached.close()));
      this.events.clear();
    });
  }

  predict(id: string, prediction: Prediction): 'waiting' | 'matched' | 'duplicate' {
    this.#check(id);
    const { clock } = this.#settings;
    const predicted = this.#reader.readPrediction(prediction, this.#probabilities, 0);
    const { features } = prediction;
    // Before the join, so that a prediction that is refused leaves nothing behind.
    this.#estimator.check(features);
    const outcome = this.#join.addPrediction(id, clock.now());
    if (outcome.kind === 'duplicate') return 'duplicate';
    if (this.#estimator.featureWidth > 0 && features === undefined) this.#withoutFeatures++;
    this.#estimator.add(predicted, this.#probabilities, features);
    this.#slices.number(prediction, this.#parts, 0);
    const at = prediction.at ?? clock.epochMs();
    this.#slots.write(outcome.slot, {
      predicted,
      probabilities: this.#probabilities,
      parts: this.#parts,
      at,
      generation: this.#generation,
    });
    if (outcome.kind === 'matched') this.#onMatch(id, outcome.slot, outcome.label, outcome.labelAt);
    return outcome.kind;
  }

  label(
    id: string,
    value: ClassLabel,
    options: { readonly at?: number } = {},
  ): 'matched' | 'early' | 'duplicate' | 'changed' {
    this.#check(id);
    const { clock } = this.#settings;
    const actual = this.#reader.readLabel(value);
    const at = options.at ?? clock.epochMs();
    if (!Number.isFinite(at)) throw invalidInput('options.at', 'milliseconds since 1970', describeValue(at));
    const outcome = this.#join.addLabel(id, actual, at, clock.now());
    if (outcome.kind === 'matched') this.#onMatch(id, outcome.slot, actual, at);
    else if (outcome.kind === 'changed') this.#correct(outcome.slot, actual);
    return outcome.kind === 'changed-early' ? 'changed' : outcome.kind;
  }

  adopt(model: ModelInfo, reference?: PerformanceReference): void {
    const fitting =
      reference === undefined ? undefined : fittingReference(reference, this.#settings.definition, 'adopt');
    const previous = this.snapshot();
    this.#generation++;
    this.#window.clear();
    this.#sinceLook = 0;
    this.#tell(this.#board.clear());
    const from = this.#model;
    this.#model = model;
    this.#reference = fitting;
    this.#estimator = createEstimator(fitting, this.#reader, this.#settings.windowRows);
    this.events.emit('model-change', { from, to: model, previous });
  }

  attach(log: Pick<PredictionLog, 'events'>, read: PredictionReader = defaultReader(this.#reader)): Closeable {
    if (this.#closed) throw closedError();
    const remove = log.events.on('record', ({ record }) => void this.#take(record, read));
    const attached = closeable(() => {
      remove();
      this.#attached.delete(attached);
    });
    this.#attached.add(attached);
    return attached;
  }

  async replay(
    records: Iterable<PredictionRecord> | AsyncIterable<PredictionRecord>,
    read: PredictionReader = defaultReader(this.#reader),
    { signal }: CallOptions = {},
  ): Promise<number> {
    let taken = 0;
    throwIfAborted(signal, 'replay');
    for await (const record of records) {
      throwIfAborted(signal, 'replay');
      if (this.#closed) throw closedError();
      if (this.#take(record, read)) taken++;
    }
    return taken;
  }

  snapshot(): PerformanceSnapshot {
    const { clock } = this.#settings;
    this.#join.expire(clock.now());
    const groups = this.#groups();
    const all = this.#window.select();
    const confusion = all.task === 'regression' ? undefined : confusionOf(all);
    const reports = confusion === undefined ? [] : classReports(confusion);
    const { predictions, labels } = this.#join;
    return {
      task: this.#reader.task,
      model: this.#model,
      rows: all.rows,
      metrics: groups[0]?.metrics ?? {},
      perClass: reports.map((report, index) => ({ label: this.#reader.classes[index] as ClassLabel, ...report })),
      confusion: confusion === undefined ? [] : confusionRows(confusion),
      parts: groups.flatMap(({ part, rows, metrics }) => (part === undefined ? [] : [{ ...part, rows, metrics }])),
      estimated: this.#estimator.estimate(this.#z),
      alerts: this.#board.alerts,
      alertsStarted: this.#board.started,
      predictions: {
        ...predictions,
        rejected: this.#rejected,
        withoutFeatures: this.#withoutFeatures,
        foldedParts: this.#slices.folded,
        sliceFailures: this.#slices.failures,
      },
      labels: { ...labels, changedTooLate: this.#changedTooLate, otherModel: this.#otherModel },
      matchRatio: predictions.seen === 0 ? undefined : labels.matched / predictions.seen,
      labelLag: this.#lags.snapshot(),
    };
  }

  close(): Promise<void> {
    return this.#closer.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#closer.close();
  }

  #check(id: unknown): void {
    if (this.#closed) throw closedError();
    if (typeof id === 'string' && id.length > 0 && id.length <= longestId) return;
    throw invalidInput('id', `a text of 1 to ${longestId} characters`, describeValue(id));
  }

  /** A prediction of a record; whatever is wrong with it is counted. */
  #take(record: PredictionRecord, read: PredictionReader): boolean {
    try {
      const prediction = read(record);
      if (prediction === undefined) throw new Error('The record holds no prediction that can be read.');
      this.predict(record.id, { at: record.at, ...prediction });
      return true;
    } catch (error) {
      this.#rejected++;
      // The first one tells what is wrong; the others are counted.
      if (this.#rejected > 1) return false;
      this.#settings.logger.warn({ id: record.id, error }, `A prediction cannot be measured: ${messageOf(error)}`);
      return false;
    }
  }

  #onMatch(id: string, slot: number, actual: number, labelAt: number): void {
    const row = this.#slots.read(slot);
    const lagSeconds = Math.max(0, (labelAt - row.at) / 1000);
    this.#lags.add(lagSeconds);
    if (this.events.listenerCount('label-join') > 0) this.events.emit('label-join', { id, lagSeconds });
    if (row.generation !== this.#generation) {
      this.#otherModel++;
      return;
    }
    this.#slots.setNumber(slot, this.#addRow(row, actual));
    this.#sinceLook++;
    if (this.#settings.alerts.length > 0 && this.#sinceLook * looksInWindow >= this.#settings.windowRows) this.#look();
  }

  #addRow({ predicted, probabilities, parts }: PredictedRow, actual: number): number {
    return this.#window.add(actual, predicted, probabilities, parts);
  }

  #correct(slot: number, actual: number): void {
    const number = this.#slots.numberOf(slot);
    const ofThisModel = this.#slots.read(slot).generation === this.#generation;
    if (!ofThisModel || number < 0 || !this.#window.correct(number, actual)) this.#changedTooLate++;
  }

  #look(): void {
    this.#sinceLook = 0;
    const groups = this.#groups(new Set(this.#settings.alerts.map(({ metric }) => metric)));
    this.#tell(this.#board.look(groups, this.#reference, this.#settings.clock.epochMs()));
  }

  #groups(only?: Parameters<typeof measure>[1]['only']): LookedAt[] {
    const { calibrationBins } = this.#settings;
    const settings = { z: this.#z, calibrationBins, ...(only === undefined ? {} : { only }) };
    const all = this.#window.select();
    const groups: LookedAt[] = [{ rows: all.rows, metrics: measure(all, settings) }];
    for (const [number, part] of this.#slices.parts.entries()) {
      const rows = this.#window.select(number);
      groups.push({ part, rows: rows.rows, metrics: measure(rows, settings) });
    }
    return groups;
  }

  #tell(changes: readonly AlertChange[]): void {
    for (const { kind, episode, alert } of changes) {
      this.events.emit(kind === 'start' ? 'alert-start' : 'alert-end', { episode, alert, model: this.#model });
    }
  }
}

function closedError(): FairleadError {
  return new FairleadError('CLOSED', 'The performance monitor was closed: make another.');
}
