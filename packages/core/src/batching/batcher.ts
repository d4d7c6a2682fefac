import type { Clock } from '../clock';
import { noDeadline } from '../deadline';
import { abortedError, FairleadError } from '../errors';
import type { Admitted } from '../runner/door';
import type { BatchReason, ModelInfo, RunResult } from '../runner/runner';
import type { ModelSignature } from '../signature';
import { AbortWatch } from './abort-watch';
import { Admission, type QueueLimits } from './admission';
import { ArrivalRate } from './arrival-rate';
import { BatchCap } from './batch-cap';
import { Cohort, type CohortTraits, deadlineGrainMs, forEachPart, type WatchedSignal } from './cohort';
import { type Bucket, CohortQueue } from './cohort-queue';
import { Collator } from './collate';
import { Dispatcher } from './dispatcher';
import { drop, Execution } from './execution';
import { ExpiryWheel } from './expiry-wheel';
import type { LaneSlot } from './lane-slot';
import { LaneTimes } from './lane-times';
import type { BatchLayout } from './layout';
import { type BatcherObserver, BatchTeller } from './reports';
import { Settlement } from './settlement';
import { type BatchObjective, type LaneCost, ShapeCosts } from './shape-costs';

/** Limits of a batcher. */
export interface BatcherLimits extends QueueLimits {
  /** Most rows of one batch. */
  readonly maxBatchRows: number;
  /** Whether rows of several requests may share a batch. */
  readonly joinable: boolean;
  /** What batches are made for. */
  readonly objective: BatchObjective;
  /** The share of a key beside others; 1 for each without it. */
  readonly weightOf?: ((key: string) => number) | undefined;
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
  /** Most rows of a batch now: fewer than `maxBatchRows` for a while after the runtime ran out of memory. */
  readonly batchRowsCap: number;
  /** What was learned about batches, by shape and lane. */
  readonly costs: readonly (LaneCost & {
    /** The sizes of the open axes, such as `seq=12;`; empty where all are fixed. */
    readonly shape: string;
    readonly lane: string;
  })[];
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
  /** Whose share it is taken from. */
  readonly key?: string | undefined;
  /** With whom it may share a batch; undefined: with all who name no group. */
  readonly group?: string | undefined;
  /** Whether it may be run again when its worker dies. @default false */
  readonly idempotent?: boolean;
  /** Whether it is part of a larger request, whose end is told by {@link Batcher.endWhole}. @default false */
  readonly isPart?: boolean;
}

/** Batches' worth of rows that a key may have in a round before others come; see `FairList`. */
const batchesPerRound = 1;
/** Calls back at the end of this turn, at a fifth of the price of `queueMicrotask` in Node. */
const settled = Promise.resolve();
/** Shapes whose costs are remembered. */
const maxShapes = 256;

/**
 * Joins requests into batches: takes them in, or refuses them, and puts together what queues them, sends them off and ends
 * them.
 */
export class Batcher {
  readonly #parts: BatcherParts;
  readonly #queue: CohortQueue;
  readonly #expiry: ExpiryWheel;
  readonly #aborts: AbortWatch;
  readonly #collator: Collator;
  readonly #settlement: Settlement;
  readonly #teller: BatchTeller;
  readonly #times: LaneTimes;
  readonly #execution: Execution;
  readonly #admission: Admission;
  readonly #dispatcher: Dispatcher;
  readonly #cap: BatchCap;
  readonly #arrivals: ArrivalRate | undefined;
  readonly #costs = new Map<string, ShapeCosts>();
  /** The cohort that took the last request, while it waits: the next one may join it. */
  #open: Cohort | undefined;
  /** Where that cohort waits, and options with which any request of this turn may join it; undefined where each has to be looked at. */
  #openBucket: Bucket | undefined;
  #openOptions: SubmitOptions | undefined;
  /** The last request that was refused in this turn. */
  #refused:
    | {
        readonly bucket: Bucket;
        readonly rows: number;
        readonly traits: CohortTraits;
        readonly promise: Promise<RunResult>;
      }
    | undefined;
  /** See `#turnTime`; not a number between turns. */
  #turnNow = Number.NaN;
  #draining = false;
  #onDrained: (() => void) | undefined;

  constructor(parts: BatcherParts) {
    this.#parts = parts;
    const { signature, model, lanes, limits, clock, observer } = parts;
    const { maxBatchRows, joinable } = limits;
    this.#queue = new CohortQueue(batchesPerRound * maxBatchRows, ({ key }) => this.#costsOf(key));
    this.#expiry = new ExpiryWheel(clock, (cohort) => this.#endEarly(cohort, undefined));
    this.#aborts = new AbortWatch((cohort, signal) => this.#abort(cohort, signal));
    this.#collator = new Collator(signature, maxBatchRows, joinable);
    this.#settlement = new Settlement(model, this.#expiry, clock, (code, rows) => observer.onRequestFail(code, rows));
    this.#teller = new BatchTeller({
      observer,
      clock,
      answered: () => this.#settlement.requests,
      onTelling: () => this.#dispatcher.fillScheduled(),
      onTold: () => this.#checkDrained(),
    });
    this.#times = new LaneTimes(lanes);
    this.#cap = new BatchCap(maxBatchRows, clock, (rows) => {
      for (const costs of this.#costs.values()) costs.limit(rows);
    });
    this.#arrivals = limits.objective === 'throughput' ? new ArrivalRate() : undefined;
    this.#execution = new Execution({
      signature,
      model,
      joinable,
      maxBatchRows: () => this.#cap.rows,
      clock,
      collator: this.#collator,
      expiry: this.#expiry,
      settlement: this.#settlement,
      times: this.#times,
      teller: this.#teller,
      onFree: () => this.#dispatcher.onFree(),
      onEnd: () => this.#checkDrained(),
      requeue: (cohort) => this.#queue.push(cohort),
      onOutOfMemory: (rows) => this.#cap.shrink(rows >> 1),
    });
    this.#admission = new Admission({
      queue: this.#queue,
      lanes,
      times: this.#times,
      limits,
    });
    this.#dispatcher = new Dispatcher({
      lanes,
      joinable,
      clock,
      queue: this.#queue,
      expiry: this.#expiry,
      settlement: this.#settlement,
      times: this.#times,
      cap: this.#cap,
      admission: this.#admission,
      execution: this.#execution,
      arrivals: this.#arrivals,
      onFilled: () => {
        this.#letGo();
        this.#checkDrained();
      },
    });
    this.#seed();
  }

  /** What was done and what waits, now. */
  stats(): BatcherStats {
    return {
      queuedRequests: this.#queue.requests,
      queuedRows: this.#queue.rows,
      queuedBytes: this.#queue.bytes,
      batchesInFlight: this.#execution.inFlight,
      batches: this.#execution.batches,
      rows: this.#settlement.rows,
      requests: this.#settlement.requests,
      left: { ...this.#execution.left },
      batchRowsCap: this.#cap.rows,
      costs: [...this.#costs].flatMap(([shape, costs]) =>
        this.#parts.lanes.map(({ name }, lane) => ({ shape, lane: name, ...costs.describe(lane) })),
      ),
    };
  }

  /** Most rows that one batch may have now; a larger request is sent in parts. */
  get maxBatchRows(): number {
    return this.#cap.rows;
  }

  /** Why a request, as a whole, cannot be queued now; undefined when it can. */
  refusal(admitted: Admitted, options: SubmitOptions): FairleadError | undefined {
    const now = this.#parts.clock.now();
    if (options.signal?.aborted) return abortedError(options.signal, 'The request');
    const bucket = this.#queue.bucketOf(this.#collator.layoutOf(admitted, options.group));
    return this.#admission.refusal(bucket, admitted.rows, this.#traitsOf(options, now), now);
  }

  /**
   * Asks ahead for a request that nobody has read yet, which is no smaller than `smallest`.
   *
   * @returns what refuses it when it is called, and counts it; not to call it leaves no trace. Undefined where it may be queued
   */
  foresee(smallest: Admitted, options: SubmitOptions): (() => FairleadError) | undefined {
    const now = this.#parts.clock.now();
    const bucket = this.#queue.bucketOf(this.#collator.layoutOf(smallest, options.group));
    const traits = this.#traitsOf(options, now);
    const refusal = this.#admission.foresee(bucket, smallest.rows, traits, now);
    if (refusal === undefined) return undefined;
    // A full queue may make room for it.
    if (refusal.details.field !== undefined && this.#queue.lessEntitled(traits) !== undefined) return undefined;
    return () => {
      this.#admission.onRefusal(refusal);
      this.#settlement.refuse(refusal.code, smallest.rows);
      return refusal;
    };
  }

  /**
   * Queues a request of at most `maxBatchRows` rows. Its inputs are copied before the call returns.
   * @throws FairleadError (rejects) `OVERLOADED`, `LIMIT_EXCEEDED`, `DEADLINE_EXCEEDED`, `ABORTED`, or what the runtime failed with
   */
  submit(admitted: Admitted, options: SubmitOptions): Promise<RunResult> {
    return this.#joinOpen(admitted, options) ?? this.#submit(admitted, options);
  }

  /** Lets a request with the very options of the one before it join that one, at the price of a copy and a promise: what most do. */
  #joinOpen(request: Admitted, options: SubmitOptions): Promise<RunResult> | undefined {
    const open = this.#open;
    const bucket = this.#openBucket;
    if (options !== this.#openOptions || open === undefined || bucket === undefined) return undefined;
    const { layout } = bucket;
    if (request.shapeKey !== layout.key || request.fit !== undefined || open.state !== 'queued') return undefined;
    if (this.#refused !== undefined) return undefined;
    const promise = this.#append(bucket, open, request);
    if (promise === undefined) return undefined;
    this.#arrivals?.add(request.rows, this.#turnTime());
    this.#dispatcher.onArrival(bucket);
    return promise;
  }

  #submit(admitted: Admitted, options: SubmitOptions): Promise<RunResult> {
    const request = this.#collator.bucketed(admitted, options.group);
    const bucket = this.#queue.bucketOf(this.#collator.layoutOf(request, options.group));
    const refused = this.#refusedAlike(bucket, admitted.rows, options);
    if (refused !== undefined) return refused;
    const promise = this.#join(bucket, request, options) ?? this.#enqueue(bucket, request, options);
    this.#arrivals?.add(admitted.rows, this.#turnTime());
    this.#dispatcher.onArrival(bucket);
    return promise;
  }

  /** Lets a request join the one before it, where the queue could not tell them apart: what most requests do. */
  #join(bucket: Bucket, request: Admitted, options: SubmitOptions): Promise<RunResult> | undefined {
    const open = this.#open;
    const { deadline, signal } = options;
    if (open === undefined || deadline !== noDeadline) return undefined;
    // One that is heard of for the first time may be aborted.
    const watched = signal && this.#aborts.find(signal);
    if (watched?.signal !== signal || !this.#isLike(open, bucket.layout, options)) return undefined;
    return this.#append(bucket, open, request, watched);
  }

  /** Adds a request to a cohort where there is room behind it. */
  #append(bucket: Bucket, open: Cohort, request: Admitted, signal?: WatchedSignal): Promise<RunResult> | undefined {
    const { slab } = open;
    const { rows } = request;
    if (slab.room < rows || open.start + open.rows !== slab.filled) return undefined;
    if (!this.#admission.hasRoom(rows, rows * bucket.layout.rowBytes)) return undefined;
    slab.append(request);
    this.#queue.grow(bucket, open, rows);
    if (signal !== undefined) this.#aborts.add(open, signal);
    return open.join(rows, signal);
  }

  /** Queues a request that was not let in as quickly. */
  #enqueue(bucket: Bucket, admitted: Admitted, options: SubmitOptions): Promise<RunResult> {
    const { rows } = admitted;
    const { signal } = options;
    const now = this.#turnTime();
    const open = this.#open;
    const isLike = open !== undefined && this.#isLike(open, bucket.layout, options);
    const traits = isLike ? open.traits : this.#traitsOf(options, now);
    const known = signal && this.#aborts.find(signal);
    const isAborted = known === undefined && signal?.aborted === true;
    const refusal = isAborted ? abortedError(signal, 'The request') : this.#refusal(bucket, rows, traits, now);
    if (refusal !== undefined) {
      if (options.isPart !== true) this.#settlement.refuse(refusal.code, rows);
      const promise = Promise.reject<RunResult>(refusal);
      if (refusal.code === 'OVERLOADED') this.#refused = { bucket, rows, traits, promise };
      return promise;
    }
    const slab = this.#collator.place(bucket.layout, admitted);
    const start = slab.filled - rows;
    const watched = known ?? (signal && this.#aborts.listen(signal));
    if (isLike && open.state === 'queued' && open.slab === slab && open.start + open.rows === start) {
      this.#queue.grow(bucket, open, rows);
      if (watched !== undefined) this.#aborts.add(open, watched);
      return open.join(rows, watched);
    }
    const cohort = new Cohort(slab, start, traits);
    if (isSharing(options)) this.#letJoin(cohort, bucket, options);
    if (watched !== undefined) this.#aborts.add(cohort, watched);
    if (options.isPart === true) cohort.isPart = true;
    slab.hold();
    const promise = cohort.join(rows, watched);
    this.#queue.push(cohort);
    if (traits.deadline !== noDeadline) this.#expiry.add(cohort);
    return promise;
  }

  /** From now on the next request may join this cohort. */
  #letJoin(cohort: Cohort, bucket: Bucket, options: SubmitOptions): void {
    this.#open = cohort;
    this.#openBucket = bucket;
    const isPlain = options.deadline === noDeadline && options.key === undefined && options.signal === undefined;
    this.#openOptions = isPlain ? options : undefined;
  }

  /** A request that was sent in parts has ended: answered, or failed with `error`. */
  endWhole(rows: number, error?: unknown): void {
    this.#settlement.endWhole(rows, error);
  }

  /** Ends when nothing waits, nothing is in flight and all is told. Whatever is queued is still computed. */
  drain(): Promise<void> {
    this.#draining = true;
    if (this.#isQuiet()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDrained = resolve;
      this.#dispatcher.drain();
    });
  }

  /** Frees memory and timers. Call it after `drain`. */
  close(): void {
    this.#dispatcher.close();
    this.#expiry.close();
    this.#collator.close();
    this.#aborts.close();
  }

  /** A lane came back to life, or a new one was added: let it work. */
  wake(): void {
    this.#dispatcher.schedule('free');
  }

  /** Fails whatever waits: there is no lane left that could compute it. */
  failQueued(error: FairleadError): void {
    forEachPart(this.#dispatcher.takeAll(), (cohort) => drop(this.#settlement, cohort, error));
    this.#letGo();
    this.#checkDrained();
  }

  /**
   * The time at the first arrival of this turn: callers who are answered together come back together, and asking the
   * clock for each of them would cost more than queueing them.
   */
  #turnTime(): number {
    if (Number.isNaN(this.#turnNow)) {
      this.#turnNow = this.#parts.clock.now();
      void settled.then(this.#endTurn);
    }
    return this.#turnNow;
  }

  readonly #endTurn = (): void => {
    this.#turnNow = Number.NaN;
    this.#openOptions = undefined;
    this.#refused = undefined;
    this.#letGo();
    this.#dispatcher.onTurnEnd();
  };

  /** What waits no more must not be kept in memory, nor its rows and answers. */
  #letGo(): void {
    if (this.#open === undefined || this.#open.state === 'queued') return;
    this.#open = undefined;
    this.#openBucket = undefined;
    this.#openOptions = undefined;
  }

  #traitsOf({ deadline, rank, key, idempotent = false }: SubmitOptions, now: number): CohortTraits {
    const { weightOf } = this.#parts.limits;
    const weight = key === undefined || weightOf === undefined ? 1 : checkedWeight(weightOf(key), key);
    return { deadline, rank, enqueuedAt: now, key, weight, idempotent };
  }

  /** Whether the queue could not tell a request from those of a cohort. */
  #isLike({ state, slab, traits, isPart }: Cohort, layout: BatchLayout, options: SubmitOptions): boolean {
    return (
      state === 'queued' &&
      slab.layout === layout &&
      isSharing(options) &&
      isPart === (options.isPart === true) &&
      this.#turnTime() - traits.enqueuedAt < deadlineGrainMs &&
      traits.rank === options.rank &&
      traits.key === options.key &&
      traits.idempotent === (options.idempotent === true) &&
      (traits.deadline === options.deadline ||
        (options.deadline > traits.deadline && options.deadline - traits.deadline < deadlineGrainMs)) &&
      (options.key === undefined || this.#queue.mayGrow(this.#open as Cohort))
    );
  }

  /**
   * The refusal of a request before it in this turn that had better chances: since then nothing was computed. Refusals
   * come many at a time, and to word each would take the time of those that are answered.
   */
  #refusedAlike(bucket: Bucket, rows: number, options: SubmitOptions): Promise<RunResult> | undefined {
    const refused = this.#refused;
    if (refused === undefined || refused.bucket !== bucket || rows < refused.rows) return undefined;
    const { rank, deadline, key } = refused.traits;
    if (options.rank < rank || options.deadline > deadline + deadlineGrainMs || options.key !== key) return undefined;
    if (options.signal !== undefined && this.#aborts.find(options.signal) === undefined) return undefined;
    if (options.isPart !== true) this.#settlement.refuse('OVERLOADED', rows);
    return refused.promise;
  }

  /** Why a request cannot be queued; one that is more entitled than another first makes room. */
  #refusal(bucket: Bucket, rows: number, traits: CohortTraits, now: number): FairleadError | undefined {
    let refusal = this.#admission.refusal(bucket, rows, traits, now);
    while (refusal?.code === 'OVERLOADED' && refusal.details.field !== undefined) {
      const other = this.#queue.lessEntitled(traits);
      if (other === undefined) return refusal;
      this.#endEarly(other, this.#admission.displaced());
      refusal = this.#admission.refusal(bucket, rows, traits, now);
    }
    return refusal;
  }

  /** The signal of some of a cohort's requests was raised. */
  #abort(cohort: Cohort, signal: AbortSignal): void {
    if (cohort.state === 'done') return;
    const error = abortedError(signal, 'The request');
    for (const own of this.#apart(cohort, signal)) this.#endEarly(own, error);
  }

  /** Those of a cohort's requests that have a signal, as cohorts of which no other is part. */
  #apart(cohort: Cohort, signal: AbortSignal): readonly Cohort[] {
    const { state, signals = [] } = cohort;
    if (signals.every((each) => each?.signal === signal)) return [cohort];
    this.#expiry.remove(cohort);
    const parts = cohort.partIntoRequests();
    if (state === 'queued') {
      this.#queue.bury(cohort);
      for (const part of parts) this.#queue.push(part);
    }
    if (cohort.traits.deadline !== noDeadline) for (const part of parts) this.#expiry.add(part);
    return parts.filter((part) => part.signals?.[0]?.signal === signal);
  }

  /** Ends a cohort before its answer; without an error, because its time ran out. */
  #endEarly(cohort: Cohort, error: FairleadError | undefined): void {
    if (cohort.state === 'done') return;
    const wasQueued = cohort.state === 'queued';
    if (error === undefined) this.#settlement.expire(cohort);
    else this.#settlement.fail(cohort, error);
    if (!wasQueued) return;
    this.#queue.bury(cohort);
    cohort.slab.release();
    this.#letGo();
    this.#checkDrained();
  }

  /** What was learned of a shape; it outlives the time in which nothing of that shape waits. */
  #costsOf(shape: string): ShapeCosts {
    let costs = this.#costs.get(shape);
    if (costs === undefined) {
      const { lanes, limits } = this.#parts;
      if (this.#costs.size >= maxShapes) this.#costs.delete(this.#costs.keys().next().value as string);
      costs = new ShapeCosts(lanes.length, this.#cap.rows, limits.objective);
      this.#costs.set(shape, costs);
    }
    return costs;
  }

  /** What the warm-up measured is what is known at the beginning. */
  #seed(): void {
    const { lanes, limits } = this.#parts;
    for (const [lane, { warmUpTimes }] of lanes.entries()) {
      // Of buckets, each learns from its own batches.
      const times = warmUpTimes.filter(({ sizes }) => sizes === undefined);
      if (times.length > 0 && limits.joinable) this.#costsOf('').seed(lane, times);
    }
  }

  #isQuiet(): boolean {
    return this.#queue.requests === 0 && this.#execution.inFlight === 0 && !this.#teller.isBusy;
  }

  #checkDrained(): void {
    if (!this.#draining || this.#onDrained === undefined || !this.#isQuiet()) return;
    const done = this.#onDrained;
    this.#onDrained = undefined;
    done();
  }
}

/** Whether a request may share a cohort. One that is parted has each of its requests counted anew for the share of its key, so those with a key and a signal share none. */
function isSharing({ signal, key, isPart }: SubmitOptions): boolean {
  return signal === undefined || (key === undefined && isPart !== true);
}

function checkedWeight(weight: unknown, key: string): number {
  if (typeof weight === 'number' && weight > 0 && Number.isFinite(weight)) return weight;
  const expected = 'a number above 0';
  throw new FairleadError(
    'INVALID_OPTION',
    `batching.weightOf: expected ${expected} for the key "${key}", given ${String(weight)}.`,
    { details: { field: 'batching.weightOf', expected, given: String(weight) } },
  );
}
