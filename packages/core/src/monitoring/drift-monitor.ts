import { FairleadError, messageOf } from '../errors';
import { createEvents, type EventSource, type Events } from '../events';
import { type Closeable, closeable } from '../lifecycle';
import type { ModelInfo, ModelRunner } from '../runner/runner';
import type { Tensors } from '../tensor/tensor';
import { AlertMachine, type DriftState, type Position, type Transition } from './alerts';
import { checkReference } from './check-reference';
import { CpuBudget } from './cpu-budget';
import type { DriftEventMap } from './drift-events';
import { DriftHistory } from './drift-history';
import { checkReferenceSize, type DriftMonitorOptions, type DriftSettings, parseDriftOptions } from './drift-options';
import { type DriftReportFormat, type DriftReportOf, type FullDriftReport, formatOf } from './full-report';
import { ReferenceLearner } from './learn-reference';
import { log10Of, warningLevelOf } from './levels';
import type { DriftMonitor, ObservedFeature } from './monitor';
import { createRandom } from './random';
import type { Reference } from './reference';
import type { DriftReport, DriftSnapshot, SkippedRows } from './report';
import { type RowView, viewRows } from './rows';
import { watchRunner } from './runner-watch';
import { blockRows, type ReferenceWatch } from './watch';
import { Watches } from './watches';

/** Looks in a row without an alarm that end an episode: half a window. */
const quietLooks = 5;
/** The window differs from the reference while its p-value is below this. */
const lnDifference = Math.log(0.001);
const topMoverCount = 10;
const samplingSeed = 1;

/**
 * Makes a drift monitor.
 *
 * ```ts
 * const monitor = createDriftMonitor({ on: { 'drift-start': ({ report }) => alert(report.topMovers) } });
 * monitor.attach(runner);
 * ```
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createDriftMonitor(options: DriftMonitorOptions = {}): DriftMonitor {
  return new WindowedDriftMonitor(parseDriftOptions(options));
}

class WindowedDriftMonitor implements DriftMonitor {
  readonly #settings: DriftSettings;
  readonly #events: EventSource<DriftEventMap>;
  readonly #budget: CpuBudget;
  readonly #alerts: AlertMachine;
  readonly #random = createRandom(samplingSeed);
  readonly #history = new DriftHistory();
  readonly #alarmLevel: number;
  readonly #warningLevel: number;
  readonly #picked = new Int32Array(blockRows);
  readonly #skipped = { budget: 0, rejected: 0, noReference: 0, learning: 0, loading: 0, otherModel: 0 };
  /** NaN counts of features under earlier references. */
  readonly #missingBefore = new Map<string, number>();
  #watches: Watches | undefined;
  #learner: ReferenceLearner | undefined;
  #model: ModelInfo | undefined;
  #attached: Closeable | undefined;
  #closing: Promise<void> | undefined;
  #rowsSeen = 0;
  #rowsObserved = 0;
  #looks = 0;
  /** Of all features, after the last block. */
  #evidence = 0;
  /** Rows and milliseconds of the clock up to which the evidence has been given its time. */
  #weighedRows = 0;
  #weighedAt: number | undefined;

  constructor(settings: DriftSettings) {
    const { alarm, cooldownRows, maxCpuShare, clock, logger, on, reference } = settings;
    this.#settings = settings;
    this.#events = createEvents(logger, on);
    this.#budget = new CpuBudget(clock, maxCpuShare);
    this.#alarmLevel = alarm.mean;
    this.#warningLevel = warningLevelOf(alarm);
    this.#alerts = new AlertMachine({
      alarmLevel: this.#alarmLevel,
      warningLevel: this.#warningLevel,
      quietLooks,
      cooldownRows,
    });
    if (reference !== undefined) this.#watches = this.#watch(reference);
  }

  get state(): DriftState {
    return this.#alerts.state;
  }

  get reference(): Reference | undefined {
    return this.#watches?.reference;
  }

  get events(): Events<DriftEventMap> {
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
    const { reference, learnRows, logger } = this.#settings;
    const connection = watchRunner(runner, logger, {
      adopt: (model, found) => this.#change(found ?? reference, model),
      check: (found) => checkReferenceSize(found, this.#settings.alarm, wrongArgument),
      fail: (model, error) => this.#events.emit('reference-fail', { model, error }),
      failListened: () => this.#events.listenerCount('reference-fail') > 0,
      skip: (reason, rows) => {
        this.#rowsSeen += rows;
        this.#skipped[reason] += rows;
      },
      observe: (inputs, rows, batchAxis) => {
        const { clock } = this.#settings;
        if (this.#watches === undefined) {
          this.#withoutReference(inputs, batchAxis);
          return;
        }
        const startedAt = clock.now();
        const taken = this.#budget.allowance(rows, startedAt);
        // The cheapest way out, so that many small batches cannot use the time up by being looked at.
        if (taken === 0) this.#leaveOut(rows);
        else this.#observe(inputs, batchAxis, startedAt, taken);
      },
      fallback: reference,
      learns: learnRows !== undefined,
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
    this.#observe(inputs, batchAxis, this.#settings.clock.now(), undefined);
  }

  useReference(reference: Reference | undefined, model?: ModelInfo): void {
    this.#assertOpen();
    const checked = reference === undefined ? undefined : checkReference(reference, wrongArgument);
    if (checked !== undefined) checkReferenceSize(checked, this.#settings.alarm, wrongArgument);
    this.#change(checked, model);
  }

  report(): DriftReport;
  report<Format extends DriftReportFormat>(options: { readonly format: Format }): DriftReportOf<Format>;
  report(options?: { readonly format: DriftReportFormat }): DriftReport | FullDriftReport | Promise<string> {
    if (options === undefined) return this.#report();
    const format = formatOf(options, ['full', 'html']);
    const full: FullDriftReport = {
      ...this.#report(),
      bins: this.#watches?.current.bins() ?? {},
      history: this.#history.report(this.#position(), this.#alerts.state, log10Of),
    };
    if (format === 'full') return full;
    const generatedAtMs = this.#settings.clock.epochMs();
    return import('../report/render-report').then(({ renderReport }) =>
      renderReport({ drift: full }, { generatedAtMs }),
    );
  }

  #report(): DriftReport {
    const features = this.#watches?.current.features(this.#warningLevel) ?? [];
    return {
      ...this.#numbers(),
      episode: this.#alerts.episode ?? null,
      season: this.#watches?.season ?? null,
      features,
      topMovers: features.filter(({ share }) => share > 0).slice(0, topMoverCount),
    };
  }

  sketches(): readonly ObservedFeature[] {
    const features = this.#watches?.reference.features ?? [];
    return (this.#watches?.sketches() ?? []).map((sketch, index) => ({
      name: features[index]?.name as string,
      sketch,
    }));
  }

  snapshot(): DriftSnapshot {
    const watches = this.#watches;
    const watch = watches?.current;
    const features = watches?.reference.features.map(({ name }, index) => ({
      name,
      psi: watch?.comparison.psi[index] as number,
      ks: watch?.comparison.ks[index] as number,
      evidenceLog10: log10Of(watch?.evidenceOf(index) ?? 0),
      missing: (watches?.missing(index) ?? 0) + (this.#missingBefore.get(name) ?? 0),
    }));
    return { ...this.#numbers(), features: features ?? [] };
  }

  close(): Promise<void> {
    this.#learner?.stop();
    this.#closing ??= Promise.resolve(this.#attached?.close()).then(() => this.#events.clear());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #numbers(): Omit<DriftSnapshot, 'features'> {
    const watch = this.#watches?.current;
    return {
      state: this.#alerts.state,
      model: this.#model ?? null,
      referenceRows: this.#watches?.reference.rows ?? null,
      rowsSeen: this.#rowsSeen,
      rowsObserved: this.#rowsObserved,
      rowsSkipped: { ...this.#skipped } satisfies SkippedRows,
      windowRows: watch?.comparison.rows ?? 0,
      looks: this.#looks,
      alarms: this.#alerts.alarms,
      suppressedAlarms: this.#alerts.suppressed,
      evidenceLog10: log10Of(this.#evidence),
      alarmLevelLog10: Math.log10(this.#alarmLevel),
      warningLevelLog10: Math.log10(this.#warningLevel),
      alarmUnit: this.#settings.alarm.unit,
      cpuShare: this.#budget.spentShare,
    };
  }

  /** @param allowed rows that may be taken, where the budget was asked already */
  #observe(inputs: Tensors, batchAxis: number, startedAt: number, allowed: number | undefined): void {
    const watches = this.#watches;
    if (watches === undefined) {
      this.#withoutReference(inputs, batchAxis);
      return;
    }
    const watch = watches.turnTo(this.#settings.clock.epochMs());
    const views = watch.viewRows(inputs, batchAxis);
    const rows = views[0]?.rows ?? 0;
    const most = allowed ?? this.#budget.allowance(rows, startedAt);
    this.#budget.spendOn(rows, startedAt, most, (from, count, taken, now) => {
      this.#skipped.budget += count - taken;
      this.#count(watch, views, from, count, taken, now);
    });
  }

  #withoutReference(inputs: Tensors, batchAxis: number): void {
    const { learnRows, clock } = this.#settings;
    if (learnRows === undefined) {
      const [name] = Object.keys(inputs);
      const rows = name === undefined ? 0 : viewRows(inputs[name], name, batchAxis).rows;
      this.#rowsSeen += rows;
      this.#skipped.noReference += rows;
      return;
    }
    this.#learner ??= new ReferenceLearner(learnRows, clock, {
      done: (reference) => {
        try {
          checkReferenceSize(reference, this.#settings.alarm, wrongArgument);
          this.#change(reference, this.#model);
        } catch (error) {
          this.#failToLearn(error);
        }
      },
      fail: (error) => this.#failToLearn(error),
    });
    const rows = this.#learner.add(inputs, batchAxis);
    this.#rowsSeen += rows;
    this.#skipped.learning += rows;
  }

  #failToLearn(error: unknown): void {
    const what = `No reference could be learned from the live rows: ${messageOf(error)}`;
    if (this.#events.listenerCount('reference-fail') === 0) this.#settings.logger.error({ error }, what);
    this.#events.emit('reference-fail', { model: this.#model, error });
  }

  #leaveOut(rows: number): void {
    this.#rowsSeen += rows;
    this.#skipped.budget += rows;
  }

  /** Counts `taken` of so many rows from row `from` on, evenly spread from a random start. */
  #count(
    watch: ReferenceWatch,
    views: readonly RowView[],
    from: number,
    rows: number,
    taken: number,
    now: number,
  ): void {
    const seenBefore = this.#rowsSeen;
    if (taken === 0) {
      this.#rowsSeen += rows;
      return;
    }
    const mass = this.#massOf(seenBefore + rows, now) / taken;
    const stride = rows / taken;
    const offset = taken < rows ? this.#random() : 0;
    if (watch.advanceTo(now) > 0) this.#look(watch);
    for (let done = 0; done < taken; ) {
      // A listener may have given another reference: the rest of this batch belongs to neither.
      if (this.#watches?.current !== watch) {
        this.#skipped.loading += taken - done;
        break;
      }
      const block = Math.min(taken - done, watch.room);
      for (let i = 0; i < block; i++) {
        const row = taken < rows ? Math.min(rows - 1, Math.floor((done + i + offset) * stride)) : done + i;
        this.#picked[i] = from + row;
      }
      done += block;
      this.#rowsObserved += block;
      this.#rowsSeen = seenBefore + (this.#picked[block - 1] as number) - from + 1;
      this.#evidence = watch.addBlock(views, this.#picked, block, mass);
      this.#weigh(watch);
      if (this.#watches?.current === watch && watch.advanceTo(now) > 0) this.#look(watch);
    }
    this.#rowsSeen = seenBefore + rows;
  }

  /** The time since the evidence was last given some, in the unit of the alarm. */
  #massOf(rowsSeen: number, now: number): number {
    const { unit } = this.#settings.alarm;
    const mass = unit === 'rows' ? rowsSeen - this.#weighedRows : now - (this.#weighedAt ?? now);
    this.#weighedRows = rowsSeen;
    this.#weighedAt = now;
    return mass;
  }

  /** Takes the evidence of a block into account. */
  #weigh(watch: ReferenceWatch): void {
    const { peak } = watch;
    this.#history.weigh(peak);
    if (peak < this.#warningLevel) return;
    const transition = this.#alerts.weigh(peak, this.#position());
    // Starts anew however it came out: what is held back, or belongs to the episode, is counted once as well.
    if (peak >= this.#alarmLevel) {
      this.#evidence = peak;
      watch.restart();
    }
    watch.absorbs = this.#alerts.state !== 'drift';
    if (transition !== undefined) this.#announce(transition, log10Of(peak), 'recovered');
  }

  #look(watch: ReferenceWatch): void {
    this.#looks++;
    const { state } = this.#alerts;
    this.#history.look(this.#position(), state);
    if (state === 'ok') return;
    // Comparing takes time, so it is done only where something hangs on it.
    const differs = state === 'drift' && watch.comparison.lnFamilyP <= lnDifference;
    const transition = this.#alerts.settle(differs, this.#position());
    if (transition === undefined) return;
    watch.forgetAlarm();
    watch.absorbs = this.#alerts.state !== 'drift';
    this.#announce(transition, log10Of(this.#evidence), 'recovered');
  }

  #position(): Position {
    return {
      rowsSeen: this.#rowsSeen,
      rowsObserved: this.#rowsObserved,
      epochMs: this.#settings.clock.epochMs(),
    };
  }

  #announce(transition: Transition, evidenceLog10: number, reason: 'recovered' | 'reference-change'): void {
    const { from, to, episode } = transition;
    this.#events.emit('state-change', { from, to, rowsSeen: this.#rowsSeen, evidenceLog10 });
    if (episode === undefined) return;
    if (to === 'drift') {
      const report = this.#report();
      this.#history.begin(episode, evidenceLog10, report.topMovers);
      if (this.#events.listenerCount('drift-start') === 0) this.#warnOfDrift(report);
      this.#events.emit('drift-start', { episode, report });
      return;
    }
    this.#history.end(this.#position(), reason);
    const rows = this.#rowsSeen - episode.startedAtRow;
    const durationMs = this.#settings.clock.epochMs() - episode.startedAtMs;
    this.#events.emit('drift-end', { episode, reason, rows, durationMs });
  }

  #warnOfDrift(report: DriftReport): void {
    const movers = report.topMovers.slice(0, 3).map(({ name }) => name);
    // All together may have moved, and no feature by itself.
    const most = movers.length > 0 ? `, most in ${movers.join(', ')}` : '';
    this.#settings.logger.warn(
      { episode: report.episode, evidenceLog10: report.evidenceLog10 },
      `The inputs drifted from the training rows after ${report.rowsSeen} rows${most}. Listen to "drift-start" of the monitor, or see its report().`,
    );
  }

  #change(reference: Reference | undefined, model: ModelInfo | undefined): void {
    const before = this.#watches;
    const previous = this.snapshot();
    before?.reference.features.forEach(({ name }, index) => {
      this.#missingBefore.set(name, (this.#missingBefore.get(name) ?? 0) + before.missing(index));
    });
    const evidenceLog10 = log10Of(this.#evidence);
    this.#learner?.stop();
    this.#learner = undefined;
    this.#evidence = 0;
    this.#weighedRows = this.#rowsSeen;
    this.#weighedAt = undefined;
    this.#watches = reference === undefined ? undefined : this.#watch(reference);
    this.#model = model;
    const transition = this.#alerts.reset();
    if (transition !== undefined) this.#announce(transition, evidenceLog10, 'reference-change');
    this.#events.emit('reference-change', { model, reference, previous });
  }

  #watch(reference: Reference): Watches {
    const { window, minimumEffect } = this.#settings;
    return new Watches(reference, window, minimumEffect);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) {
      throw new FairleadError('CLOSED', 'The drift monitor was closed. Make a new one with createDriftMonitor.');
    }
  }
}

function wrongArgument(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_ARGUMENT', `${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
