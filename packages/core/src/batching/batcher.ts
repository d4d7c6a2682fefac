import type { Clock } from '../clock';
import { deadlineError } from '../deadline';
import { abortedError, type ErrorCode, FairleadError, messageOf } from '../errors';
import type { Admitted } from '../runner/door';
import type { BatchReason, ModelInfo, RunResult } from '../runner/runner';
import type { ModelSignature } from '../signature';
import type { Tensors } from '../tensor/tensor';
import { type CollatedBatch, Collator } from './collate';
import { ExpiryWheel } from './expiry-wheel';
import { isolate } from './isolate';
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
  #pumpReason: BatchReason = 'idle';
  #inFlight = 0;
  #batches = 0;
  #rows = 0;
  #requests = 0;
  /** Milliseconds a row took lately, for the advice to those who are turned away. */
  #msPerRow = 0;
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
    const now = this.#parts.clock.now();
    const refusal = this.#refusal(admitted, options, now);
    if (refusal !== undefined) {
      this.#parts.observer.onRequestFail(refusal.code, admitted.rows);
      return Promise.reject(refusal);
    }
    return new Promise((resolve, reject) => {
      const { slab, start } = this.#collator.place(admitted);
      const { deadline, rank, signal } = options;
      const request = new BatchRequest(slab, start, admitted.rows, rank, deadline, now, resolve, reject);
      this.#queue.push(request);
      if (deadline !== Number.POSITIVE_INFINITY) this.#expiry.add(request);
      if (signal !== undefined) this.#listen(request, signal);
      this.#afterArrival();
    });
  }

  /** Ends when nothing waits and nothing is in flight. Whatever is queued is still computed. */
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
    for (let batch = this.#takeRequests(); batch.length > 0; batch = this.#takeRequests()) {
      for (const request of batch) this.#drop(request, error);
    }
    this.#checkDrained();
  }

  #takeRequests(): BatchRequest[] {
    return this.#queue.takeBatch(this.#parts.limits.maxBatchRows, this.#parts.clock.now());
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
    if (this.#queue.rows >= this.#parts.limits.maxBatchRows) this.#pump('idle');
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
    const { maxBatchRows } = this.#parts.limits;
    while (this.#queue.requests > 0) {
      const full = this.#queue.hasFull(maxBatchRows);
      const lane = full ? this.#freeLane() : this.#idleLane();
      if (lane === undefined) return;
      if (!full && this.#pumpScheduled) return;
      const requests = this.#takeRequests();
      if (requests.length === 0) return;
      this.#dispatch(lane, requests, this.#draining ? 'drain' : full ? 'full' : reason);
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
    const batch = this.#collator.collate(alive);
    lane.inFlight++;
    this.#inFlight++;
    this.#left[reason]++;
    run(lane, batch.inputs).then(
      (outputs) => this.#onComputed(lane, batch, outputs, startedAt, reason),
      (error) => this.#onFailed(lane, batch, error, reason),
    );
  }

  #onComputed(lane: LaneSlot, batch: CollatedBatch, outputs: Tensors, startedAt: number, reason: BatchReason): void {
    const { signature, clock, observer, limits } = this.#parts;
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
    if (!observer.wantsReports()) {
      batch.release();
      return;
    }
    clock.defer(() => {
      observer.onBatch({
        lane: lane.name,
        reason,
        rows: batch.rows,
        requests: batch.requests.length,
        queueMs,
        computeMs,
        inputs: batch.inputs,
        outputs,
      });
      batch.release();
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
        const own = batch.requests.length === 1 ? outputs : sliceRows(outputs, signature.outputs, start, rows);
        this.#end(request);
        this.#rows += rows;
        this.#requests++;
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
    const rerun = async (group: readonly BatchRequest[]): Promise<{ ok: true } | { ok: false; error: unknown }> => {
      const alive = group.filter((request) => request.state !== 'done');
      if (alive.length === 0) return { ok: true };
      const part = this.#collator.collate(alive);
      const startedAt = clock.now();
      this.#left[reason]++;
      try {
        const outputs = await run(lane, part.inputs);
        checkOutputs(signature.outputs, outputs, limits.joinable ? part.rows : null);
        this.#deliver(part, outputs, startedAt, clock.now() - startedAt);
        return { ok: true };
      } catch (cause) {
        this.#parts.observer.onBatchFail(lane.name, part.rows, asRunError(cause));
        return { ok: false, error: asRunError(cause) };
      } finally {
        part.releaseCopy();
      }
    };
    await isolate(suspects, error, rerun, (request, cause) => this.#fail(request, cause));
    batch.release();
    this.#freeSlot(lane);
  }

  /** One place in a lane is free: the next whole batch goes before the answers, a partial one after them. */
  #freeSlot(lane: LaneSlot): void {
    lane.inFlight--;
    this.#inFlight--;
    if (this.#queue.requests > 0) {
      if (this.#queue.hasFull(this.#parts.limits.maxBatchRows) || this.#draining) this.#pump('free');
      if (this.#queue.requests > 0) this.#schedulePump('free');
    }
    this.#checkDrained();
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
    this.#parts.observer.onRequestFail(FairleadError.isInstance(error) ? error.code : 'RUN_FAILED', request.rows);
    request.reject(error);
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
    return this.#queue.requests === 0 && this.#inFlight === 0;
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
