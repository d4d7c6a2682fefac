import type { ClockTimer } from '../../clock';
import { FairleadError, messageOf } from '../../errors';
import { createEvents, type EventSource, type Events } from '../../events';
import { type Closeable, closeable } from '../../lifecycle';
import { guardLogger, type Logger } from '../../logger';
import type { ModelInfo, ModelRunner } from '../../runner/runner';
import type { Tensors } from '../../tensor/tensor';
import { CpuBudget } from '../cpu-budget';
import { formatOf } from '../full-report';
import { createRandom } from '../random';
import type { Check } from './check';
import { compileRules } from './compile-rules';
import type { DataRecord } from './infer-schema';
import type { QualityEventMap } from './quality-events';
import { parseQualityOptions, type QualityMonitorOptions, type QualitySettings } from './quality-options';
import type { CheckSnapshot, QualityReport, QualitySnapshot, QualityState, UncheckedRows } from './quality-report';
import { type Batch, checkRecord, TensorSource } from './row-source';
import { RuleSet, reportOf, worstFirst } from './rule-set';
import { watchBatches } from './watch-batches';

const samplingSeed = 2;
/** Timers of a runtime overflow after 24 days; one that comes too soon only looks again. */
const longestTimerMs = 3_600_000;

/** Checks the rows that a model is asked about against a schema and rules. */
export interface QualityMonitor<Row = DataRecord> extends Closeable {
  /** The worst state of all rules. */
  readonly state: QualityState;
  readonly events: Events<QualityEventMap>;
  /**
   * Watches a runner: every batch is checked after its answers went out, within `maxCpuShare`. With every model the
   * runner goes over to, states and windows start anew. A batch that does not fit the schema is counted and logged;
   * nothing is ever thrown into the runner.
   *
   * @returns closes the connection; the counts stay
   * @throws FairleadError `CLOSED`; `INVALID_ARGUMENT` when another runner is being watched
   */
  attach(runner: ModelRunner): Closeable;
  /**
   * Checks rows of tensors without a runner.
   *
   * @param inputs a tensor for each input of the schema; where the schema has none, tensors among which every field is
   * found by its name
   * @param batchAxis the axis that counts rows. @default 0
   * @throws FairleadError `INVALID_INPUT` when a field is missing or an input has another dtype, width or number of rows,
   * and then nothing is counted; `CLOSED`
   */
  observe(inputs: Tensors, batchAxis?: number): void;
  /**
   * Checks one record, such as `{ age: 31, city: 'Oslo' }`. A field that it lacks is missing; whether it may have others
   * is the schema's `additionalFields`.
   *
   * @throws FairleadError `INVALID_INPUT` when it is no record; `CLOSED`
   */
  observeRecord(record: Row): void;
  /** Every rule with its counts, its last window and examples, the worst first. */
  report(): QualityReport;
  /**
   * The same as one page that needs no other file.
   * @throws FairleadError `INVALID_ARGUMENT` for another format
   */
  report(options: { readonly format: 'html' }): Promise<string>;
  /** The state in numbers, for metrics. */
  snapshot(): QualitySnapshot;
}

/**
 * Makes a monitor of data quality.
 *
 * ```ts fragment
 * const monitor = createQualityMonitor({ schema: await inferSchema(trainingRows) });
 * monitor.attach(runner);
 * ```
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createQualityMonitor<Row = DataRecord>(options: QualityMonitorOptions<Row>): QualityMonitor<Row> {
  return new WindowedQualityMonitor<Row>(parseQualityOptions(options));
}

class WindowedQualityMonitor<Row> implements QualityMonitor<Row> {
  readonly #settings: QualitySettings;
  readonly #logger: Logger;
  readonly #events: EventSource<QualityEventMap>;
  readonly #budget: CpuBudget;
  readonly #random = createRandom(samplingSeed);
  readonly #rules: RuleSet;
  readonly #source: TensorSource;
  readonly #failureLevel: number;
  readonly #unchecked = { budget: 0, rejected: 0, otherModel: 0 };
  readonly #loggedTestErrors = new Set<Check>();
  #state: QualityState = 'ok';
  #model: ModelInfo | undefined;
  #attached: Closeable | undefined;
  #timer: ClockTimer | undefined;
  #closing: Promise<void> | undefined;
  #rowsSeen = 0;
  #rowsChecked = 0;
  #windowRows = 0;
  #windows = 0;
  #testErrors = 0;

  constructor(settings: QualitySettings) {
    const { schema, rules, windowRows, meanTimeBetweenFalseAlarms, clock, maxCpuShare, examples, redact } = settings;
    this.#settings = settings;
    this.#logger = guardLogger(settings.logger);
    this.#events = createEvents(settings.logger, settings.on);
    const nowMs = clock.epochMs();
    const compiled = compileRules(schema, rules, { windowRows, meanTimeBetweenFalseAlarms, nowMs });
    this.#budget = new CpuBudget(clock, maxCpuShare);
    this.#failureLevel = Math.exp(compiled.lnLevel);
    this.#source = new TensorSource(
      compiled.fields.map(({ name }) => name),
      schema?.inputs,
    );
    this.#rules = new RuleSet(
      compiled,
      { most: examples, redact },
      {
        change: (check, from) => this.#change(check, from),
        testError: (check, error) => this.#countTestError(check, error),
      },
    );
    this.#rules.nowMs = nowMs;
    this.#lookAtAges();
  }

  get state(): QualityState {
    return this.#state;
  }

  get events(): Events<QualityEventMap> {
    return this.#events;
  }

  attach(runner: ModelRunner): Closeable {
    this.#assertOpen();
    if (this.#attached !== undefined) {
      throw new FairleadError(
        'INVALID_ARGUMENT',
        'runner: this monitor watches a runner already. Close what attach returned, or make another monitor.',
        { details: { field: 'runner', expected: 'one runner at a time', given: 'a second one' } },
      );
    }
    this.#model = runner.model;
    const connection = watchBatches(runner, this.#logger, {
      follow: (model) => this.#follow(model),
      skip: (reason, rows) => this.#leaveOut(reason, rows),
      check: (inputs, rows, batchAxis) => {
        const startedAt = this.#settings.clock.now();
        const allowed = this.#budget.allowance(rows, startedAt);
        // The cheapest way out, so that many small batches cannot use the time up by being looked at.
        if (allowed === 0) this.#leaveOut('budget', rows);
        else this.#addBatch(this.#source.view(inputs, batchAxis), startedAt, allowed);
      },
    });
    const attached = closeable(async () => {
      this.#attached = undefined;
      await connection.close();
    });
    this.#attached = attached;
    return attached;
  }

  observe(inputs: Tensors, batchAxis = 0): void {
    this.#assertOpen();
    const startedAt = this.#settings.clock.now();
    const batch = this.#source.view(inputs, batchAxis);
    this.#addBatch(batch, startedAt, this.#budget.allowance(batch.rows, startedAt));
  }

  observeRecord(record: Row): void {
    this.#assertOpen();
    checkRecord(record);
    const { clock } = this.#settings;
    const startedAt = clock.now();
    const taken = this.#budget.allowance(1, startedAt) >= 1;
    this.#noteRows();
    this.#rowsSeen++;
    if (!taken) this.#unchecked.budget++;
    else {
      this.#rules.row = this.#rowsSeen;
      this.#rules.addRecord(record);
      this.#endRow();
      this.#budget.spend(clock.now() - startedAt, 1);
    }
    if (this.#rules.stale) this.#lookAtAges();
  }

  report(): QualityReport;
  report(options: { readonly format: 'html' }): Promise<string>;
  report(options?: { readonly format: 'html' }): QualityReport | Promise<string> {
    if (options !== undefined) {
      formatOf(options, ['html']);
      const sections = { quality: this.#report() };
      const generatedAtMs = this.#settings.clock.epochMs();
      return import('../../report/render-report').then(({ renderReport }) => renderReport(sections, { generatedAtMs }));
    }
    return this.#report();
  }

  #report(): QualityReport {
    const { windowRows, meanTimeBetweenFalseAlarms } = this.#settings;
    return {
      ...this.#numbers(),
      windowRows,
      meanTimeBetweenFalseAlarms,
      failureLevel: this.#failureLevel,
      checks: this.#rules.checks.map(reportOf).sort(worstFirst),
    };
  }

  snapshot(): QualitySnapshot {
    // Numbers first: looking at the ages may change a state.
    const numbers = this.#numbers();
    const checks = this.#rules.checks.map(
      ({ rule, feature, state, violations, tested }): CheckSnapshot => ({ rule, feature, state, violations, tested }),
    );
    return { ...numbers, checks };
  }

  close(): Promise<void> {
    this.#closing ??= Promise.resolve(this.#attached?.close()).then(() => {
      this.#timer?.clear();
      this.#events.clear();
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #numbers(): Omit<QualitySnapshot, 'checks'> {
    if (this.#closing === undefined) this.#lookAtAges();
    return {
      state: this.#state,
      model: this.#model ?? null,
      rowsSeen: this.#rowsSeen,
      rowsChecked: this.#rowsChecked,
      rowsUnchecked: { ...this.#unchecked } satisfies UncheckedRows,
      windows: this.#windows,
      testErrors: this.#testErrors,
      cpuShare: this.#budget.spentShare,
      freshness: this.#rules.freshness(),
    };
  }

  /** Checks `allowed` of the rows at most, evenly spread from a random start. */
  #addBatch({ rows, columns }: Batch, startedAt: number, allowed: number): void {
    if (rows > 0) this.#noteRows();
    this.#budget.spendOn(rows, startedAt, allowed, (from, count, taken) => {
      const seenBefore = this.#rowsSeen;
      const stride = count / taken;
      const offset = taken < count ? this.#random() : 0;
      for (let i = 0; i < taken; i++) {
        const row = taken < count ? Math.min(count - 1, Math.floor((i + offset) * stride)) : i;
        this.#rowsSeen = seenBefore + row + 1;
        this.#rules.row = this.#rowsSeen;
        this.#rules.addRow(columns, from + row);
        this.#endRow();
      }
      this.#rowsSeen = seenBefore + count;
      this.#unchecked.budget += count - taken;
    });
    if (this.#rules.stale) this.#lookAtAges();
  }

  #endRow(): void {
    this.#rowsChecked++;
    if (++this.#windowRows < this.#settings.windowRows) return;
    this.#windowRows = 0;
    this.#windows++;
    this.#rules.endWindow();
  }

  #leaveOut(reason: keyof UncheckedRows, rows: number): void {
    this.#noteRows();
    this.#rowsSeen += rows;
    this.#unchecked[reason] += rows;
    if (this.#rules.stale) this.#lookAtAges();
  }

  /** Rows came: a row that is not checked is a sign of life all the same. */
  #noteRows(): void {
    this.#rules.nowMs = this.#settings.clock.epochMs();
    this.#rules.addRowTime();
  }

  /** Compares ages with what they may be, now and when the next could be too old. */
  #lookAtAges(): void {
    const { clock } = this.#settings;
    this.#timer?.clear();
    this.#timer = undefined;
    this.#rules.nowMs = clock.epochMs();
    const nextMs = this.#rules.checkAges();
    if (!Number.isFinite(nextMs) || this.#closing !== undefined) return;
    this.#timer = clock.setTimer(() => this.#lookAtAges(), Math.min(longestTimerMs, Math.max(1, nextMs)));
  }

  #follow(model: ModelInfo): void {
    const previous = this.snapshot();
    const before = this.#state;
    this.#model = model;
    this.#windowRows = 0;
    this.#rules.reset();
    this.#lookAtAges();
    this.#updateState(before);
    this.#events.emit('model-change', { model, previous });
  }

  #change(check: Check, from: QualityState): void {
    const before = this.#state;
    const { rule, feature, state: to } = check;
    if (to === 'failed' && this.#events.listenerCount('check-change') === 0) this.#warnOf(check);
    this.#events.emit('check-change', { rule, feature, from, to, rowsSeen: this.#rowsSeen, check: reportOf(check) });
    this.#updateState(before);
  }

  #updateState(before: QualityState): void {
    this.#state = this.#rules.state;
    if (this.#state === before) return;
    this.#events.emit('state-change', { from: before, to: this.#state, rowsSeen: this.#rowsSeen });
  }

  #warnOf(check: Check): void {
    const { rule, feature, violations, tested } = check;
    this.#logger.warn(
      { rule, feature, violations, tested },
      `The rule "${rule}" on ${feature} failed after ${this.#rowsSeen} rows (${violations} of ${tested} values broke it). Listen to "check-change" of the monitor, or see its report().`,
    );
  }

  #countTestError(check: Check, error: unknown): void {
    this.#testErrors++;
    // Once for each rule: one that throws at a row throws at many.
    if (this.#loggedTestErrors.has(check)) return;
    this.#loggedTestErrors.add(check);
    this.#logger.error({ rule: check.rule, error }, `The test of the rule "${check.rule}" threw: ${messageOf(error)}`);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) {
      throw new FairleadError('CLOSED', 'The quality monitor was closed. Make a new one with createQualityMonitor.');
    }
  }
}
