import type { Clock } from '../clock';
import { noDeadline } from '../deadline';
import type { FairleadError } from '../errors';
import type { BatchReason, ModelInfo, RunTiming } from '../runner/runner';
import type { ModelSignature } from '../signature';
import type { Tensors } from '../tensor/tensor';
import { AnswerReach } from './answer-reach';
import { type Cohort, forEachPart, partsOf, type Split } from './cohort';
import type { CollatedBatch, Collator } from './collate';
import type { ExpiryWheel } from './expiry-wheel';
import { type GroupRun, isolate } from './isolate';
import type { LaneSlot } from './lane-slot';
import type { LaneTimes } from './lane-times';
import { isOutOfMemory } from './out-of-memory';
import { computeInParts } from './parts';
import type { BatchTeller } from './reports';
import { asRunError, type Settlement } from './settlement';
import type { ShapeCosts } from './shape-costs';
import { checkOutputs, createSplit } from './split';

/** A batch on its way. */
export interface Dispatch {
  readonly lane: LaneSlot;
  /** The lane's number, from 0. */
  readonly laneIndex: number;
  readonly cohorts: readonly Cohort[];
  readonly costs: ShapeCosts;
  readonly reason: BatchReason;
  /** Milliseconds of the clock. */
  readonly startedAt: number;
}

/** What executing batches needs. */
export interface ExecutionParts {
  readonly signature: ModelSignature;
  readonly model: ModelInfo;
  /** Whether rows of several requests share a batch. */
  readonly joinable: boolean;
  /** Most rows for which there is memory, now. */
  maxBatchRows(): number;
  readonly clock: Clock;
  readonly collator: Collator;
  readonly expiry: ExpiryWheel;
  readonly settlement: Settlement;
  readonly times: LaneTimes;
  readonly teller: BatchTeller;
  /** A place in a lane is free: the next batch may go, before the answers are given. */
  onFree(): void;
  /** A batch ended, whatever came of it. */
  onEnd(): void;
  /** A cohort waits again, since the worker that computed it died. */
  requeue(cohort: Cohort): void;
  /** A batch of so many rows found no memory. */
  onOutOfMemory(rows: number): void;
}

/** A cohort that is lost with its worker is run again so often. */
const maxReruns = 1;

/** Takes batches to their lanes, and gives every caller what became of his rows. */
export class Execution {
  readonly #parts: ExecutionParts;
  /** Batches in flight. */
  inFlight = 0;
  /** Batches computed. */
  batches = 0;
  /** Batches by why they left. */
  readonly left: Record<BatchReason, number> = { full: 0, knee: 0, deadline: 0, idle: 0, free: 0, drain: 0 };

  readonly #reach: AnswerReach;

  constructor(parts: ExecutionParts) {
    this.#parts = parts;
    this.#reach = new AnswerReach(parts.clock);
  }

  /** Sends cohorts to a lane as one batch. */
  start(dispatch: Dispatch): void {
    const { lane, laneIndex, cohorts, costs, reason, startedAt } = dispatch;
    const { clock, collator, settlement, times } = this.#parts;
    let batch: CollatedBatch;
    try {
      batch = collator.collate(cohorts);
    } catch (cause) {
      // There may be no memory for it.
      for (const cohort of cohorts) drop(settlement, cohort, asRunError(cause));
      return;
    }
    lane.inFlight++;
    this.inFlight++;
    this.left[reason]++;
    const run = times.begin(laneIndex, startedAt, batch.rows, costs);
    lane.meter.begin(startedAt);
    this.#compute(lane, batch).then(
      (outputs) => {
        const now = clock.now();
        lane.meter.end(now, batch.rows);
        this.#onComputed(dispatch, batch, outputs, now, times.end(laneIndex, run, now));
      },
      (error) => {
        const now = clock.now();
        lane.meter.end(now, 0);
        times.end(laneIndex, run, now);
        this.#onFailed(dispatch, batch, error);
      },
    );
  }

  #onComputed(dispatch: Dispatch, batch: CollatedBatch, outputs: Tensors, now: number, computeMs: number): void {
    try {
      this.#check(outputs, batch.rows);
    } catch (error) {
      this.#onFailed(dispatch, batch, error);
      return;
    }
    dispatch.costs.observe(dispatch.laneIndex, batch.rows, computeMs);
    this.#free(dispatch.lane);
    this.#deliver(dispatch, batch, outputs, now, computeMs, () => batch.release());
    this.#end();
  }

  /** Computes a batch; one request of more rows than there lately was memory for goes in parts. */
  #compute(lane: LaneSlot, { inputs, rows, cohorts }: CollatedBatch): Promise<Tensors> {
    const { joinable, maxBatchRows, onOutOfMemory, signature } = this.#parts;
    const partRows = maxBatchRows();
    if (!joinable || rows <= partRows) return compute(lane, inputs);
    return computeInParts({
      inputs,
      rows,
      partRows,
      specs: signature.outputs,
      run: (part) => compute(lane, part),
      isWanted: () => partsOf(cohorts).some((cohort) => this.#isOpen(cohort)),
      onOutOfMemory,
    });
  }

  #check(outputs: Tensors, rows: number): void {
    const { signature, joinable } = this.#parts;
    checkOutputs(signature.outputs, outputs, joinable ? rows : null);
  }

  /**
   * Gives every request of a batch its rows, and tells of the batch; `done` is called when its memory is no longer
   * needed.
   */
  #deliver(
    dispatch: Dispatch,
    batch: CollatedBatch,
    outputs: Tensors,
    now: number,
    computeMs: number,
    done: () => void,
  ): void {
    const { signature, clock, settlement, teller } = this.#parts;
    const { cohorts, rows } = batch;
    const startedAt = now - computeMs;
    const isWhole = cohorts.length === 1 && (cohorts[0] as Cohort).requests === 1;
    const plain = isWhole ? () => outputs : createSplit(outputs, signature.outputs);
    const split: Split = (start, rows, fit) =>
      fit === undefined ? plain(start, rows) : fit.cut(outputs, start, rows, batch.rows);
    let queueMs: number[] | undefined = teller.isListenedTo() ? [] : undefined;
    let requests = 0;
    for (const cohort of cohorts) {
      requests += cohort.requests;
      if (queueMs === undefined) continue;
      const waits = new Array<number>(cohort.requests).fill(waitedMs(cohort, startedAt));
      queueMs = queueMs.length === 0 ? waits : queueMs.concat(waits);
    }
    let hasDeadlines = false;
    const reachMs = this.#reach.of(rows);
    const batches = [{ lane: dispatch.lane.name, reason: dispatch.reason, rows, startedAt, computeMs }];
    this.batches++;
    forEachPart(cohorts, (cohort, start) => {
      if (cohort.state === 'done') return;
      const { deadline } = cohort.traits;
      const hasDeadline = deadline !== noDeadline;
      if (hasDeadline) hasDeadlines = true;
      // Answers take time as well, so the clock is asked for each cohort that has a deadline: one that would reach its
      // caller later is too late.
      if (hasDeadline && deadline - reachMs < clock.now()) settlement.expire(cohort);
      else {
        const timing: RunTiming = Object.freeze({ queueMs: waitedMs(cohort, startedAt), computeMs, batches });
        settlement.answer(cohort, split, start, timing, rows);
      }
    });
    if (hasDeadlines) this.#reach.observe(rows, now);
    teller.tell(
      queueMs && {
        model: this.#parts.model,
        lane: dispatch.lane.name,
        reason: dispatch.reason,
        rows,
        requests,
        answered: 0,
        queueMs,
        computeMs,
        inputs: batch.inputs,
        outputs,
      },
      done,
    );
  }

  #onFailed(dispatch: Dispatch, batch: CollatedBatch, thrown: unknown): void {
    const { teller, joinable, onOutOfMemory } = this.#parts;
    const error = asRunError(thrown);
    teller.tellFailure(dispatch.lane.name, batch.rows, error);
    const suspects = partsOf(batch.cohorts).filter((cohort) => cohort.state !== 'done');
    const isTooLarge = joinable && batch.rows > 1 && isOutOfMemory(error);
    if (error.code === 'RUN_FAILED' && !isTooLarge && countRequests(suspects) > 1) {
      void this.#isolate(dispatch, batch, suspects, error);
      return;
    }
    if (isTooLarge) onOutOfMemory(batch.rows);
    const mayWaitAgain = isTooLarge ? isOpen : error.code === 'LANE_LOST' ? this.#runsAgain : never;
    batch.releaseCopy();
    forEachPart(batch.cohorts, (cohort) => {
      if (mayWaitAgain(cohort)) this.#parts.requeue(cohort);
      else drop(this.#parts.settlement, cohort, error);
    });
    this.#free(dispatch.lane);
    this.#end();
  }

  /** Whether a cohort whose worker died may wait for another. */
  readonly #runsAgain = (cohort: Cohort): boolean =>
    isOpen(cohort) && cohort.traits.idempotent && cohort.reruns++ < maxReruns;

  async #isolate(
    dispatch: Dispatch,
    batch: CollatedBatch,
    suspects: readonly Cohort[],
    error: FairleadError,
  ): Promise<void> {
    const { clock, collator, teller, settlement } = this.#parts;
    const { lane, reason } = dispatch;
    const items = suspects.flatMap((cohort) => this.#partIntoRequests(cohort));
    // What is run again are views of the batch's memory, so it is held until the last of them has been told.
    let holders = 1;
    const letGo = (): void => {
      holders--;
      if (holders === 0) batch.release();
    };
    const rerun: GroupRun<Cohort> = async (group) => {
      let part: CollatedBatch | undefined;
      try {
        part = collator.collate(group);
        const startedAt = clock.now();
        this.left[reason]++;
        const outputs = await this.#metered(lane, part);
        this.#check(outputs, part.rows);
        const now = clock.now();
        holders++;
        const collated = part;
        this.#deliver(dispatch, part, outputs, now, now - startedAt, () => {
          collated.releaseCopy();
          letGo();
        });
        return { ok: true };
      } catch (cause) {
        const error = asRunError(cause);
        part?.releaseCopy();
        teller.tellFailure(lane.name, part?.rows ?? 0, error);
        return { ok: false, error, divisible: error.code === 'RUN_FAILED' };
      }
    };
    await isolate(items, error, {
      run: rerun,
      isOpen: (cohort) => this.#isOpen(cohort),
      onBad: (cohort, cause) => settlement.fail(cohort, cause),
    });
    letGo();
    this.#free(lane);
    this.#end();
  }

  /** Computes a part of a batch that failed, and has it counted. */
  async #metered(lane: LaneSlot, { inputs, rows }: CollatedBatch): Promise<Tensors> {
    const { clock } = this.#parts;
    let computed = 0;
    lane.meter.begin(clock.now());
    try {
      const outputs = await compute(lane, inputs);
      computed = rows;
      return outputs;
    } finally {
      lane.meter.end(clock.now(), computed);
    }
  }

  /** Parts a cohort into its requests; each is watched for its deadline in its place. */
  #partIntoRequests(cohort: Cohort): readonly Cohort[] {
    if (cohort.requests === 1) return [cohort];
    const { expiry } = this.#parts;
    expiry.remove(cohort);
    const requests = cohort.partIntoRequests();
    if (cohort.traits.deadline !== Number.POSITIVE_INFINITY) for (const request of requests) expiry.add(request);
    return requests;
  }

  /** Whether a cohort still wants its answer; one whose time has run out ends here. */
  #isOpen(cohort: Cohort): boolean {
    const { clock, settlement } = this.#parts;
    if (cohort.traits.deadline <= clock.now()) settlement.expire(cohort);
    return cohort.state !== 'done';
  }

  /** A place in a lane is free: the next batch may go, before the answers of this one are given. */
  #free(lane: LaneSlot): void {
    lane.inFlight--;
    this.#parts.onFree();
  }

  /** A batch ended, whatever came of it. Until then it counts, so that nobody takes the batcher for drained. */
  #end(): void {
    this.inFlight--;
    this.#parts.onEnd();
  }
}

/** Milliseconds that a cohort waited for a batch that was begun at `startedAt`. */
function waitedMs({ traits }: Cohort, startedAt: number): number {
  return Math.max(0, startedAt - traits.enqueuedAt);
}

function isOpen(cohort: Cohort): boolean {
  return cohort.state !== 'done';
}

function never(): boolean {
  return false;
}

/** Fails a cohort that was taken from the queue and travels in no batch. */
export function drop(settlement: Settlement, cohort: Cohort, error: unknown): void {
  settlement.fail(cohort, error);
  cohort.slab.release();
}

function countRequests(cohorts: readonly Cohort[]): number {
  return cohorts.reduce((count, cohort) => count + cohort.requests, 0);
}

const noOptions = {};

/** As a promise, whatever a session throws and when. */
function compute({ session }: LaneSlot, inputs: Tensors): Promise<Tensors> {
  try {
    return session.doRun(inputs, noOptions);
  } catch (error) {
    return Promise.reject(error);
  }
}
