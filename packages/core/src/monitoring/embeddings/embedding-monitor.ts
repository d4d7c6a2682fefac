import { FairleadError, messageOf } from '../../errors';
import { createEvents, type EventSource, type Events } from '../../events';
import { type Closeable, closeable } from '../../lifecycle';
import type { ModelRunner } from '../../runner/runner';
import type { Tensor } from '../../tensor/tensor';
import type { DriftEpisode, DriftState } from '../alerts';
import { CpuBudget } from '../cpu-budget';
import { createDriftMonitor } from '../drift-monitor';
import type { DriftMonitor } from '../monitor';
import { createRandom } from '../random';
import { emptyView, invalidInput, type ReusableView, viewRowsInto } from '../rows';
import {
  checkFitness,
  type EmbeddingMonitorOptions,
  type EmbeddingSettings,
  parseEmbeddingOptions,
} from './embedding-options';
import { checkEmbeddingReference, type EmbeddingReference, projectionInput } from './embedding-reference';
import type {
  EmbeddingCause,
  EmbeddingDriftEndEvent,
  EmbeddingEventMap,
  EmbeddingReport,
  EmbeddingSnapshot,
  MmdResult,
} from './embedding-report';
import { MeanShifts } from './mean-shifts';
import { MmdSchedule } from './mmd-schedule';
import type { MmdOutcome } from './mmd-test';
import { Projector } from './projector';
import { type EmbeddingPlace, watchEmbeddings } from './watch-embeddings';

/** Rows that are projected before they are compared. */
const blockRows = 64;
/** Tests in a row without a difference that end what a test began. */
const quietTests = 2;
const samplingSeed = 2;

/** Compares embeddings, or any vectors of one width, with those of the training rows. */
export interface EmbeddingMonitor extends Closeable {
  readonly state: DriftState;
  /** What live embeddings are compared with. */
  readonly reference: EmbeddingReference;
  readonly events: Events<EmbeddingEventMap>;
  /**
   * Watches one input or output of a runner: every batch is observed after its answers went out. A batch that does not fit is counted
   * and logged; nothing is ever thrown into the runner. When the runner goes over to another model, an input is watched on, but what
   * another model computes is skipped, and counted, until {@link useReference} brings what belongs to it.
   *
   * @param place `{ input: 'image' }` or `{ output: 'embedding' }`, by the name in the model's signature
   * @returns closes the connection; the evidence stays
   * @throws FairleadError `INVALID_ARGUMENT` when there is no such input or output, or a runner is being watched; `CLOSED`
   */
  attach(runner: ModelRunner, place: EmbeddingPlace): Closeable;
  /**
   * Observes embeddings without a runner. Rows with a value that is NaN or infinite count as missing.
   *
   * @param tensor rows of as many values as the reference has
   * @param batchAxis the axis that counts rows. @default 0
   * @throws FairleadError `INVALID_INPUT` for another width, strings, or no tensor, and then nothing is counted; `CLOSED`
   */
  observe(tensor: Tensor, batchAxis?: number): void;
  /**
   * Compares with another reference from now on, which belongs to the model that the watched runner has now. The evidence starts anew
   * and an episode of drift ends.
   *
   * @throws FairleadError `INVALID_ARGUMENT` when it contradicts itself, or is too small for the stated time; `CLOSED`
   */
  useReference(reference: EmbeddingReference): void;
  /** What differs, and how much. */
  report(): EmbeddingReport;
  /** The state in numbers, for metrics. */
  snapshot(): EmbeddingSnapshot;
}

/**
 * Makes a monitor of embeddings: the drift monitor on random projections, and the two-sample test by maximum mean discrepancy on samples
 * of rows, on a schedule.
 *
 * ```ts
 * const reference = await fitEmbeddingReference(trainingEmbeddings);
 * const monitor = createEmbeddingMonitor({ reference, meanTimeBetweenFalseAlarms: 1_000_000 });
 * monitor.attach(runner, { output: 'embedding' });
 * ```
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createEmbeddingMonitor(options: EmbeddingMonitorOptions): EmbeddingMonitor {
  return new ProjectedEmbeddingMonitor(parseEmbeddingOptions(options));
}

/** What hangs on a reference. */
interface Parts {
  readonly reference: EmbeddingReference;
  readonly projector: Projector;
  readonly shifts: MeanShifts;
  readonly schedule: MmdSchedule | undefined;
  readonly block: Float64Array;
}

class ProjectedEmbeddingMonitor implements EmbeddingMonitor {
  readonly #settings: EmbeddingSettings;
  readonly #events: EventSource<EmbeddingEventMap>;
  readonly #budget: CpuBudget;
  readonly #drift: DriftMonitor;
  readonly #random = createRandom(samplingSeed);
  readonly #view: ReusableView = emptyView();
  readonly #skipped = { budget: 0, rejected: 0, otherModel: 0 };
  readonly #madeAt: number;
  #parts: Parts;
  #watched: ReturnType<typeof watchEmbeddings> | undefined;
  #attached: Closeable | undefined;
  #closing: Promise<void> | undefined;
  #state: DriftState = 'ok';
  #episode: DriftEpisode | undefined;
  #rowsSeen = 0;
  #rowsObserved = 0;
  #nonFiniteRows = 0;
  #alarms = 0;
  #tests = 0;
  #testsFailed = 0;
  #testsSkippedBefore = 0;
  #testMsBefore = 0;
  #lastTest: MmdResult | undefined;
  /** Whether tests have found a difference that has not gone away. */
  #testsDiffer = false;
  #quiet = 0;
  #endReason: EmbeddingDriftEndEvent['reason'] = 'recovered';

  constructor(settings: EmbeddingSettings) {
    const { reference, projectionsMeanRows, windowRows, maxCpuShare, on, logger, clock } = settings;
    this.#settings = settings;
    this.#events = createEvents(logger, on);
    this.#madeAt = clock.now();
    this.#budget = new CpuBudget(clock, shareOfPart(maxCpuShare));
    this.#drift = createDriftMonitor({
      reference: reference.projections,
      meanTimeBetweenFalseAlarms: projectionsMeanRows,
      ...(windowRows === undefined ? {} : { windowRows }),
      // Rows are chosen here, before they are projected.
      maxCpuShare: 1,
      logger,
      clock,
      on: {
        'state-change': () => this.#settle('projections'),
        // Told below, under this monitor's name.
        'drift-start': () => {},
      },
    });
    this.#parts = this.#partsOf(reference);
  }

  get state(): DriftState {
    return this.#state;
  }

  get reference(): EmbeddingReference {
    return this.#parts.reference;
  }

  get events(): Events<EmbeddingEventMap> {
    return this.#events;
  }

  attach(runner: ModelRunner, place: EmbeddingPlace): Closeable {
    this.#assertOpen();
    if (this.#attached !== undefined) {
      throw wrongArgument('runner', 'one runner at a time (close what attach returned first)', 'a second one');
    }
    const watched = watchEmbeddings(runner, place, this.#settings.logger, {
      skip: (reason, rows) => {
        this.#rowsSeen += rows;
        this.#skipped[reason] += rows;
      },
      observe: (tensor, batchAxis) => this.#observe(tensor, batchAxis),
    });
    this.#watched = watched;
    const attached = closeable(() => {
      this.#attached = undefined;
      this.#watched = undefined;
      watched.stop();
    });
    this.#attached = attached;
    return attached;
  }

  observe(tensor: Tensor, batchAxis = 0): void {
    this.#assertOpen();
    this.#observe(tensor, batchAxis);
  }

  useReference(reference: EmbeddingReference): void {
    this.#assertOpen();
    const { projectionsMeanRows, mmd } = this.#settings;
    const checked = checkEmbeddingReference(reference, wrongArgument);
    checkFitness(checked, projectionsMeanRows, mmd, wrongArgument);
    const { schedule } = this.#parts;
    schedule?.stop();
    this.#testsSkippedBefore += schedule?.skipped ?? 0;
    this.#testMsBefore += schedule?.spentMs ?? 0;
    this.#parts = this.#partsOf(checked);
    this.#testsDiffer = false;
    this.#lastTest = undefined;
    this.#watched?.adopt();
    this.#endReason = 'reference-change';
    this.#drift.useReference(checked.projections);
    this.#settle('projections');
    this.#endReason = 'recovered';
  }

  report(): EmbeddingReport {
    return {
      ...this.snapshot(),
      episode: this.#episode ?? null,
      projections: this.#drift.report(),
      topShifts: this.#parts.shifts.top(),
    };
  }

  snapshot(): EmbeddingSnapshot {
    const { evidenceLog10, alarmLevelLog10 } = this.#drift.snapshot();
    const { schedule } = this.#parts;
    const elapsed = this.#settings.clock.now() - this.#madeAt;
    const spent = this.#budget.spentMs + this.#testMsBefore + (schedule?.spentMs ?? 0);
    return {
      state: this.#state,
      model: this.#watched?.model ?? null,
      rowsSeen: this.#rowsSeen,
      rowsObserved: this.#rowsObserved,
      rowsSkipped: { ...this.#skipped },
      nonFiniteRows: this.#nonFiniteRows,
      alarms: this.#alarms,
      evidenceLog10,
      alarmLevelLog10,
      mmdTests: this.#tests,
      mmdTestsSkipped: this.#testsSkippedBefore + (schedule?.skipped ?? 0),
      mmdTestsFailed: this.#testsFailed,
      mmd: this.#lastTest ?? null,
      cpuShare: elapsed > 0 ? Math.min(1, spent / elapsed) : 0,
    };
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#parts.schedule?.stop();
      await this.#attached?.close();
      await this.#drift.close();
      this.#events.clear();
    })();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #partsOf(reference: EmbeddingReference): Parts {
    const { mmd, clock, maxCpuShare } = this.#settings;
    const projector = new Projector(reference);
    const { width, sample } = reference;
    const schedule =
      mmd === undefined
        ? undefined
        : new MmdSchedule(projector.standardise(sample), width, mmd, clock, shareOfPart(maxCpuShare), this.#rowsSeen, {
            done: (outcome, atRow) => this.#tested(outcome, atRow),
            fail: (error) => this.#failTest(error),
          });
    return {
      reference,
      projector,
      shifts: new MeanShifts(width),
      schedule,
      block: new Float64Array(blockRows * projector.features),
    };
  }

  #observe(tensor: Tensor, batchAxis: number): void {
    const { clock } = this.#settings;
    const parts = this.#parts;
    const view = this.#view;
    viewRowsInto(view, tensor, 'tensor', batchAxis);
    const { rows, width } = view;
    if (rows === 0) return;
    if (width !== parts.reference.width) {
      throw invalidInput('tensor', `${parts.reference.width} values a row, as the reference has`, `${width}`);
    }
    const startedAt = clock.now();
    const allowed = this.#budget.allowance(rows, startedAt);
    this.#budget.spendOn(rows, startedAt, allowed, (from, count, taken) => {
      this.#skipped.budget += count - taken;
      this.#take(parts, from, count, taken);
    });
  }

  /** Observes `taken` of so many rows of the view from row `from` on, evenly spread from a random start. */
  #take(parts: Parts, from: number, rows: number, taken: number): void {
    const seenBefore = this.#rowsSeen;
    const stride = rows / taken;
    const offset = taken < rows && taken > 0 ? this.#random() : 0;
    for (let done = 0; done < taken; ) {
      // A listener may have given another reference: the rest of this batch belongs to neither.
      if (this.#parts !== parts) {
        this.#skipped.otherModel += taken - done;
        break;
      }
      const count = Math.min(blockRows, taken - done);
      for (let i = 0; i < count; i++, done++) {
        const row = taken < rows ? Math.min(rows - 1, Math.floor((done + offset) * stride)) : done;
        this.#rowsSeen = seenBefore + row + 1;
        this.#rowsObserved++;
        this.#project(parts, this.#view, from + row, i);
      }
      const { features } = parts.projector;
      const data = parts.block.subarray(0, count * features);
      this.#drift.observe({ [projectionInput]: { dtype: 'float64', shape: [count, features], data } });
    }
    this.#rowsSeen = seenBefore + rows;
  }

  #project({ projector, block, shifts, schedule }: Parts, view: ReusableView, row: number, place: number): void {
    if (projector.project(view, row, block, place * projector.features)) {
      shifts.add(projector.row);
      schedule?.add(projector.row);
    } else this.#nonFiniteRows++;
    schedule?.advance(this.#rowsSeen);
  }

  #tested(outcome: MmdOutcome, atRow: number): void {
    const level = this.#settings.mmd?.level ?? 0;
    // (1 + k) / (1 + B) and the level may be the same number with different roundings.
    const differs = outcome.pValue <= level * (1 + 1e-12);
    const result: MmdResult = {
      ...outcome,
      level,
      differs,
      referenceRows: this.#parts.reference.sampleRows,
      windowRows: this.#settings.mmd?.sampleRows ?? 0,
      atRow,
    };
    this.#tests++;
    this.#lastTest = result;
    this.#quiet = differs ? 0 : this.#quiet + 1;
    if (differs) this.#testsDiffer = true;
    else if (this.#quiet >= quietTests) this.#testsDiffer = false;
    this.#events.emit('mmd-test', result);
    this.#settle('mmd');
  }

  #failTest(error: unknown): void {
    this.#testsFailed++;
    this.#settings.logger.error({ error }, `A two-sample test of embeddings failed: ${messageOf(error)}`);
  }

  /** Takes what projections and tests say together. */
  #settle(cause: EmbeddingCause): void {
    const from = this.#state;
    const to = this.#testsDiffer ? 'drift' : this.#drift.state;
    const episode = this.#episode;
    if (to === from) return;
    const { clock } = this.#settings;
    this.#state = to;
    if (to === 'drift') {
      this.#alarms++;
      const epochMs = clock.epochMs();
      this.#episode = {
        id: `embedding-drift-${epochMs.toString(36)}-${this.#alarms}`,
        startedAtRow: this.#rowsSeen,
        startedAtMs: epochMs,
      };
    } else this.#episode = undefined;
    this.#events.emit('state-change', { from, to, rowsSeen: this.#rowsSeen });
    if (to === 'drift' && this.#episode !== undefined) this.#announce(this.#episode, cause);
    if (from !== 'drift' || episode === undefined) return;
    const rows = this.#rowsSeen - episode.startedAtRow;
    const durationMs = clock.epochMs() - episode.startedAtMs;
    this.#events.emit('drift-end', { episode, reason: this.#endReason, rows, durationMs });
  }

  #announce(episode: DriftEpisode, cause: EmbeddingCause): void {
    const report = this.report();
    if (this.#events.listenerCount('drift-start') === 0) {
      this.#settings.logger.warn(
        { episode, cause, evidenceLog10: report.evidenceLog10, mmd: report.mmd },
        `The embeddings drifted from the training rows after ${report.rowsSeen} rows. Listen to "drift-start" of the monitor, or see its report().`,
      );
    }
    this.#events.emit('drift-start', { episode, cause, report });
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return;
    throw new FairleadError('CLOSED', 'The embedding monitor was closed. Make a new one with createEmbeddingMonitor.');
  }
}

/** Rows and tests get half of the time each; without a limit, both have none. */
function shareOfPart(maxCpuShare: number): number {
  return maxCpuShare >= 1 ? 1 : maxCpuShare / 2;
}

function wrongArgument(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_ARGUMENT', `${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
