import type { Clock } from '../clock';
import { deadlineError } from '../deadline';
import { abortedError, type ErrorCode, FairleadError, messageOf } from '../errors';
import type { Admitted } from '../runner/door';
import type { BatchReason, ModelInfo, RunResult } from '../runner/runner';
import type { ModelSignature } from '../signature';
import type { Tensors } from '../tensor/tensor';
import { type CollatedBatch, Collator } from './collate';
import { ExpiryWheel } from './expiry-wheel';
import { type GroupRun, isolate } from './isolate';
import type { LaneSlot } from './lane-slot';
import { BatchRequest } from './request';
import { RequestQueue } from './request-queue';
import { checkOutputs, sliceRows } from './split';

/** Limits of a batcher. */
export interface BatcherLimits {
  /** Most rows of one batch. */
  readonly maxBatchRows: number;
  /** Whether rows of several requests may share a batch. */
  readonly joinable: boolean;
  /** Most rows that may wait. */
  readonly maxQueueRows: number;
  /** Most bytes of inputs that may wait. */
  readonly maxQueueBytes: number;
}

/** A batch that was computed, as its observers see it. */
export interface BatchReport {
  readonly lane: string;
  readonly reason: BatchReason;
  readonly rows: number;
  readonly requests: number;
  /** Requests that were answered since the report before. */
  readonly answered: number;
  readonly queueMs: readonly number[];
  readonly computeMs: number;
  readonly inputs: Tensors;
  readonly outputs: Tensors;
}

/** Whom the batcher tells. Reports come in a later turn of the event loop than the answers. */
export interface BatcherObserver {
  /** Whether anybody wants batch reports; without, a batch's memory is reused at once. */
  wantsReports(): boolean;
  onBatch(report: BatchReport): void;
  onBatchFail(lane: string, rows: number, error: unknown): void;
  onRequestFail(code: ErrorCode, rows: number): void;
}

/** What a batcher has done and what waits. */
export interface BatcherStats {
  readonly queuedRequests: number;
  readonly queuedRows: number;
  readonly queuedBytes: number;
  readonly batchesInFlight: number;
  readonly batches: number;
  readonly rows: number;
  readonly requests: number;
  /** Batches by why they left. */
  readonly left: Readonly<Record<BatchReason, number>>;
}

/** What a batcher is made of. */
export interface BatcherParts {
  readonly signature: ModelSignature;
  readonly model: ModelInfo;
  readonly lanes: readonly LaneSlot[];
  readonly limits: BatcherLimits;
  readonly clock: Clock;
  readonly observer: BatcherObserver;
}

/** What a request brings beside its inputs. */
export interface SubmitOptions {
  /** Absolute, in milliseconds of the clock; infinite without one. */
  readonly deadline: number;
  /** Rank of its priority class; 0 leaves first. */
  readonly rank: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether it is part of a larger request, whose end is told by {@link Batcher.endWhole}. @default false */
  readonly isPart?: boolean;
}

/**
 * Joins requests into batches. An idle lane takes what has come in this turn of the event loop; a busy one takes whole
 * batches only, so queues form batches by themselves under load. Nothing polls and no idle lane waits.
 */
export class Batcher {
  readonly #parts: BatcherParts;
  readonly #queue = new RequestQueue();
  readonly #expiry: ExpiryWheel;
  readonly #collator: Collator;
  readonly #left: Record<BatchReason, number> = { full: 0, idle: 0, free: 0, drain: 0 };
  #pumpScheduled = false;
  #pumping = false;
  #pumpReason: BatchReason = 'idle';
  #inFlight = 0;
  /** Reports that observers are still to get. */
  #reports = 0;
  #batches = 0;
  #rows = 0;
  #requests = 0;
  /** How many of `#requests` observers know of. */
  #requestsTold = 0;
  /** Milliseconds a row took lately, for the advice to those who are turned away. */
  #msPerRow = 0;
  /** See `#turnTime`; not a number between turns. */
  #turnNow = Number.NaN;
  #draining = false;
  #onDrained: (() => void) | undefined;

  constructor(parts: BatcherParts) {
    this.#parts = parts;
    this.#expiry = new ExpiryWheel(parts.clock, (request) => this.#expire(request));
    this.#collator = new Collator(parts.signature, parts.limits.maxBatchRows, parts.limits.joinable);
  }

  /** What was done and what waits, now. */
  stats(): BatcherStats {
    return {
      queuedRequests: this.#queue.requests,
      queuedRows: this.#queue.rows,
      queuedBytes: this.#queue.bytes,
      batchesInFlight: this.#inFlight,
      batches: this.#batches,
      rows: this.#rows,
      requests: this.#requests,
      left: { ...this.#left },
    };
  }

  /** Why a request, as a whole, cannot be queued now; undefined when it can. */
  refusal(admitted: Admitted, options: SubmitOptions): FairleadError | undefined {
    return this.#refusal(admitted, options, this.#parts.clock.now());
  }

  /**
   * Queues a request of at most `maxBatchRows` rows. Its inputs are copied before the call returns.
   * @throws FairleadError (rejects) `OVERLOADED`, `LIMIT_EXCEEDED`, `DEADLINE_EXCEEDED`, `ABORTED`, or what the runtime failed with
   */
  submit(admitted: Admitted, options: SubmitOptions): Promise<RunResult> {
    const now = this.#turnTime();
    const refusal = this.#refusal(admitted, options, now);
    if (refusal !== undefined) {
      if (options.isPart !== true) this.#parts.observer.onRequestFail(refusal.code, admitted.rows);
      return Promise.reject(refusal);
    }
    return new Promise((resolve, reject) => {
      const { slab, start } = this.#collator.place(admitted);
      const { deadline, rank, signal } = options;
      const request = new BatchRequest(slab, start, admitted.rows, rank, deadline, now, resolve, reject);
      if (options.isPart === true) request.isPart = true;
      this.#queue.push(request);
      if (deadline !== Number.POSITIVE_INFINITY) this.#expiry.add(request);
      if (signal !== undefined) this.#listen(request, signal);
      this.#afterArrival();
    });
  }

  /** A request that was sent in parts has ended: answered, or failed with `error`. */
  endWhole(rows: number, error?: unknown): void {
    if (error === undefined) this.#requests++;
    else this.#parts.observer.onRequestFail(asRunError(error).code, rows);
  }

  /** Ends when nothing waits, nothing is in flight and all is told. Whatever is queued is still computed. */
  drain(): Promise<void> {
    this.#draining = true;
    if (this.#isQuiet()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDrained = resolve;
      this.#pump('drain');
    });
  }

  /** Frees memory and timers. Call it after `drain`. */
  close(): void {
    this.#expiry.close();
    this.#collator.close();
  }

  /** A lane came back to life, or a new one was added: let it work. */
  wake(): void {
    this.#schedulePump('free');
  }

  /** Fails whatever waits: there is no lane left that could compute it. */
  failQueued(error: FairleadError): void {
    const { clock, limits } = this.#parts;
    while (this.#queue.requests > 0) {
      for (const request of this.#queue.takeBatch(limits.maxBatchRows, clock.now()).requests) {
        this.#drop(request, error);
      }
    }
    this.#checkDrained();
  }

  /**
   * The time at the first arrival of this turn: callers who are answered together come back together, and asking the
   * clock for each of them would cost more than queueing them.
   */
  #turnTime(): number {
    if (Number.isNaN(this.#turnNow)) {
      this.#turnNow = this.#parts.clock.now();
      queueMicrotask(() => {
        this.#turnNow = Number.NaN;
      });
    }
    return this.#turnNow;
  }

  #refusal(admitted: Admitted, options: SubmitOptions, now: number): FairleadError | undefined {
    if (options.signal?.aborted) return abortedError(options.signal, 'The request');
    if (options.deadline <= now) return deadlineError('before it was queued');
    const { maxQueueRows, maxQueueBytes } = this.#parts.limits;
    const bytes = this.#collator.bytesOf(admitted);
    return (
      this.#overLimit('rows', maxQueueRows, this.#queue.rows, admitted.rows) ??
      this.#overLimit('bytes', maxQueueBytes, this.#queue.bytes, bytes)
    );
  }

  #overLimit(unit: 'rows' | 'bytes', limit: number, waiting: number, given: number): FairleadError | undefined {
    if (waiting + given <= limit) return undefined;
    const option = unit === 'rows' ? 'maxQueueRows' : 'maxQueueBytes';
    if (given > limit) {
      const expected = `at most ${limit} ${unit}`;
      return new FairleadError(
        'LIMIT_EXCEEDED',
        `The request has ${given} ${unit}, more than the whole queue may hold (${limit}). Send it in parts, or raise ${option}.`,
        { details: { field: option, expected, given: `${given} ${unit}` } },
      );
    }
    const retryAfterMs = Math.max(1, Math.ceil(this.#queue.rows * this.#msPerRow));
    return new FairleadError(
      'OVERLOADED',
      `The queue is full: ${waiting} of ${limit} ${unit} wait. Retry after ${retryAfterMs} ms, or raise ${option}.`,
      { details: { field: option, expected: `at most ${limit}`, given: `${waiting} waiting`, retryAfterMs } },
    );
  }

  #listen(request: BatchRequest, signal: AbortSignal): void {
    const onAbort = (): void => this.#fail(request, abortedError(signal, 'The request'));
    signal.addEventListener('abort', onAbort, { once: true });
    request.unlisten = () => signal.removeEventListener('abort', onAbort);
  }

  #afterArrival(): void {
    const { joinable, maxBatchRows } = this.#parts.limits;
    if (!joinable || this.#queue.rows >= maxBatchRows) this.#pump('idle');
    else if (!this.#pumpScheduled && this.#idleLane() !== undefined) this.#schedulePump('idle');
  }

  #schedulePump(reason: BatchReason): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    this.#pumpReason = reason;
    this.#parts.clock.defer(() => {
      this.#pumpScheduled = false;
      this.#pump(this.#pumpReason);
    });
  }

  /** Fills lanes: whole batches for any lane with a free place, the rest for idle lanes if `reason` allows it. */
  #pump(reason: BatchReason): void {
    // Whoever hears of a failure may send a request at once; the loop that is at work sees to it.
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      this.#fillLanes(reason);
    } finally {
      this.#pumping = false;
    }
    // All that waited may have expired in the meantime.
    this.#checkDrained();
  }

  #fillLanes(reason: BatchReason): void {
    const { clock, limits } = this.#parts;
    const { maxBatchRows } = limits;
    while (this.#queue.requests > 0) {
      const full = this.#queue.hasFull(maxBatchRows);
      const lane = full ? this.#freeLane() : this.#idleLane();
      if (lane === undefined) return;
      if (!full && this.#pumpScheduled) return;
      const { requests, whole } = this.#queue.takeBatch(maxBatchRows, clock.now());
      if (requests.length === 0) return;
      this.#dispatch(lane, requests, this.#draining ? 'drain' : whole ? 'full' : reason);
    }
  }

  /** The lane with the fewest batches that can take one more. */
  #freeLane(): LaneSlot | undefined {
    let best: LaneSlot | undefined;
    for (const lane of this.#parts.lanes) {
      if (!lane.alive || lane.inFlight >= lane.capacity) continue;
      if (best === undefined || lane.inFlight < best.inFlight) best = lane;
    }
    return best;
  }

  #idleLane(): LaneSlot | undefined {
    const lane = this.#freeLane();
    return lane?.inFlight === 0 ? lane : undefined;
  }

  #dispatch(lane: LaneSlot, requests: BatchRequest[], reason: BatchReason): void {
    const startedAt = this.#parts.clock.now();
    const alive = requests.filter((request) => {
      if (request.deadline > startedAt) return true;
      this.#drop(request, deadlineError('in the queue'));
      return false;
    });
    if (alive.length === 0) return;
    let batch: CollatedBatch;
    try {
      batch = this.#collator.collate(alive);
    } catch (cause) {
      // There may be no memory for it.
      for (const request of alive) this.#drop(request, asRunError(cause));
      return;
    }
    lane.inFlight++;
    this.#inFlight++;
    this.#left[reason]++;
    run(lane, batch.inputs).then(
      (outputs) => this.#onComputed(lane, batch, outputs, startedAt, reason),
      (error) => this.#onFailed(lane, batch, error, reason),
    );
  }

  #onComputed(lane: LaneSlot, batch: CollatedBatch, outputs: Tensors, startedAt: number, reason: BatchReason): void {
    const { signature, clock, limits } = this.#parts;
    const computeMs = clock.now() - startedAt;
    this.#msPerRow =
      this.#msPerRow === 0 ? computeMs / batch.rows : 0.9 * this.#msPerRow + 0.1 * (computeMs / batch.rows);
    try {
      checkOutputs(signature.outputs, outputs, limits.joinable ? batch.rows : null);
    } catch (error) {
      this.#onFailed(lane, batch, error, reason);
      return;
    }
    this.#freeSlot(lane);
    const queueMs = this.#deliver(batch, outputs, startedAt, computeMs);
    this.#report(lane, batch, outputs, reason, queueMs, computeMs, () => batch.release());
    this.#checkDrained();
  }

  /** Tells of a batch in a later turn, then calls `done`: its memory is needed until then. */
  #report(
    lane: LaneSlot,
    { rows, requests, inputs }: CollatedBatch,
    outputs: Tensors,
    reason: BatchReason,
    queueMs: readonly number[],
    computeMs: number,
    done: () => void,
  ): void {
    const { clock, observer } = this.#parts;
    if (!observer.wantsReports()) {
      this.#requestsTold = this.#requests;
      done();
      return;
    }
    this.#reports++;
    clock.defer(() => {
      const answered = this.#requests - this.#requestsTold;
      this.#requestsTold = this.#requests;
      observer.onBatch({
        lane: lane.name,
        reason,
        rows,
        requests: requests.length,
        answered,
        queueMs,
        computeMs,
        inputs,
        outputs,
      });
      done();
      this.#reports--;
      this.#checkDrained();
    });
  }

  /** Gives every request of a batch its rows; returns how long each waited. */
  #deliver(batch: CollatedBatch, outputs: Tensors, startedAt: number, computeMs: number): number[] {
    const { signature, model } = this.#parts;
    const now = startedAt + computeMs;
    const queueMs: number[] = [];
    let start = 0;
    this.#batches++;
    for (const request of batch.requests) {
      const { rows } = request;
      const waited = startedAt - request.enqueuedAt;
      queueMs.push(waited);
      if (request.deadline < now) this.#fail(request, deadlineError('while its batch was computed'));
      if (request.state !== 'done') {
        const fit = request.slab.fitAt(request.start);
        const own =
          fit !== undefined
            ? fit.cut(outputs, start, rows, batch.rows)
            : batch.requests.length === 1
              ? outputs
              : sliceRows(outputs, signature.outputs, start, rows);
        this.#end(request);
        this.#rows += rows;
        if (!request.isPart) this.#requests++;
        request.resolve({ outputs: own, model, timing: { queueMs: waited, computeMs }, batchSize: batch.rows });
      }
      start += rows;
    }
    return queueMs;
  }

  #onFailed(lane: LaneSlot, batch: CollatedBatch, thrown: unknown, reason: BatchReason): void {
    const error = asRunError(thrown);
    this.#parts.observer.onBatchFail(lane.name, batch.rows, error);
    const suspects = batch.requests.filter((request) => request.state !== 'done');
    if (suspects.length < 2 || error.code !== 'RUN_FAILED') {
      for (const request of suspects) this.#fail(request, error);
      batch.release();
      this.#freeSlot(lane);
      this.#checkDrained();
      return;
    }
    void this.#isolate(lane, batch, suspects, error, reason);
  }

  async #isolate(
    lane: LaneSlot,
    batch: CollatedBatch,
    suspects: readonly BatchRequest[],
    error: FairleadError,
    reason: BatchReason,
  ): Promise<void> {
    const { clock, signature, limits } = this.#parts;
    // The parts are views of the batch's memory, so it is held until the last of them has been told.
    let holders = 1;
    const letGo = (): void => {
      holders--;
      if (holders === 0) batch.release();
    };
    const rerun: GroupRun<BatchRequest> = async (group) => {
      let part: CollatedBatch | undefined;
      try {
        part = this.#collator.collate(group);
        const startedAt = clock.now();
        this.#left[reason]++;
        const outputs = await run(lane, part.inputs);
        checkOutputs(signature.outputs, outputs, limits.joinable ? part.rows : null);
        const computeMs = clock.now() - startedAt;
        const queueMs = this.#deliver(part, outputs, startedAt, computeMs);
        holders++;
        const { releaseCopy } = part;
        this.#report(lane, part, outputs, reason, queueMs, computeMs, () => {
          releaseCopy();
          letGo();
        });
        return { ok: true };
      } catch (cause) {
        const error = asRunError(cause);
        part?.releaseCopy();
        this.#parts.observer.onBatchFail(lane.name, part?.rows ?? 0, error);
        return { ok: false, error, divisible: error.code === 'RUN_FAILED' };
      }
    };
    await isolate(suspects, error, {
      run: rerun,
      isOpen: (request) => this.#isOpen(request),
      onBad: (request, cause) => this.#fail(request, cause),
    });
    letGo();
    this.#freeSlot(lane);
    this.#checkDrained();
  }

  /** Whether a request of a batch still wants its answer; one whose time has run out ends here. */
  #isOpen(request: BatchRequest): boolean {
    if (request.deadline <= this.#parts.clock.now()) this.#fail(request, deadlineError('while its batch was computed'));
    return request.state !== 'done';
  }

  /** One place in a lane is free: the next whole batch goes before the answers, a partial one after them. */
  #freeSlot(lane: LaneSlot): void {
    lane.inFlight--;
    this.#inFlight--;
    if (this.#queue.requests > 0) {
      if (this.#queue.hasFull(this.#parts.limits.maxBatchRows) || this.#draining) this.#pump('free');
      if (this.#queue.requests > 0) this.#schedulePump('free');
    }
  }

  #expire(request: BatchRequest): void {
    this.#fail(request, deadlineError(request.state === 'queued' ? 'in the queue' : 'while its batch was computed'));
  }

  #fail(request: BatchRequest, error: unknown): void {
    if (request.state === 'done') return;
    const wasQueued = request.state === 'queued';
    this.#end(request);
    if (wasQueued) {
      this.#queue.bury(request);
      request.slab.release();
      this.#checkDrained();
    }
    request.reject(error);
    if (!request.isPart) this.#parts.observer.onRequestFail(asRunError(error).code, request.rows);
  }

  /** Fails a request that was taken from the queue and travels in no batch. */
  #drop(request: BatchRequest, error: unknown): void {
    this.#fail(request, error);
    request.slab.release();
  }

  #end(request: BatchRequest): void {
    request.state = 'done';
    this.#expiry.remove(request);
    request.unlisten?.();
    request.unlisten = undefined;
  }

  #isQuiet(): boolean {
    return this.#queue.requests === 0 && this.#inFlight === 0 && this.#reports === 0;
  }

  #checkDrained(): void {
    if (!this.#draining || this.#onDrained === undefined || !this.#isQuiet()) return;
    const done = this.#onDrained;
    this.#onDrained = undefined;
    done();
  }
}

async function run(lane: LaneSlot, inputs: Tensors): Promise<Tensors> {
  return lane.session.doRun(inputs, {});
}

function asRunError(thrown: unknown): FairleadError {
  if (FairleadError.isInstance(thrown)) return thrown;
  return new FairleadError('RUN_FAILED', `The runtime failed: ${messageOf(thrown)}`, { cause: thrown });
}
