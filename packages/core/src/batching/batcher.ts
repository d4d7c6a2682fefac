import type { Clock, ClockTimer } from '../clock';
import { deadlineError, noDeadline } from '../deadline';
import { abortedError, FairleadError } from '../errors';
import type { Admitted } from '../runner/door';
import type { BatchReason, ModelInfo, RunResult } from '../runner/runner';
import type { ModelSignature } from '../signature';
import { AbortWatch } from './abort-watch';
import { Admission, type QueueLimits } from './admission';
import { ArrivalRate } from './arrival-rate';
import { BatchCap } from './batch-cap';
import { Cohort, type CohortTraits } from './cohort';
import { type Bucket, CohortQueue } from './cohort-queue';
import { Collator } from './collate';
import { drop, Execution } from './execution';
import { ExpiryWheel } from './expiry-wheel';
import type { LaneSlot } from './lane-slot';
import { LaneTimes } from './lane-times';
import type { BatchLayout } from './layout';
import { planBatch, usefulWaitMs } from './plan-batch';
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
  /** Whether it may be run again when its worker dies. @default false */
  readonly idempotent?: boolean;
  /** Whether it is part of a larger request, whose end is told by {@link Batcher.endWhole}. @default false */
  readonly isPart?: boolean;
}

/** Batches' worth of rows that a key may have in a round before others come; see `FairList`. */
const batchesPerRound = 1;
/** Requests whose deadlines lie this close together, in milliseconds, are queued as one; the earliest counts for all. */
const deadlineGrainMs = 0.25;
/** Calls back at the end of this turn, at a fifth of the price of `queueMicrotask` in Node. */
const settled = Promise.resolve();
/** One batch in so many may be larger than what is thought best. */
const exploreEvery = 64;
/** Shapes whose costs are remembered. */
const maxShapes = 256;

/**
 * Joins requests into batches. An idle lane takes what has come in this turn of the event loop; a busy one takes only
 * batches that are large enough, so queues form batches by themselves under load. Nothing polls, and no idle lane waits
 * unless `objective: 'throughput'` asks for it.
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
  readonly #cap: BatchCap;
  readonly #arrivals: ArrivalRate | undefined;
  readonly #costs = new Map<string, ShapeCosts>();
  /** The cohort that took the last request: the next one may join it. */
  #open: Cohort | undefined;
  /** The last request that was refused in this turn. */
  #refused:
    | {
        readonly bucket: Bucket;
        readonly rows: number;
        readonly traits: CohortTraits;
        readonly promise: Promise<RunResult>;
      }
    | undefined;
  #pumpScheduled = false;
  #pumping = false;
  #pumpReason: BatchReason = 'idle';
  /** Whether the last batch was of one request, and none waited behind it. */
  #isLonely = false;
  #waitTimer: ClockTimer | undefined;
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
    this.#aborts = new AbortWatch((cohort, signal) => this.#endEarly(cohort, abortedError(signal, 'The request')));
    this.#collator = new Collator(signature, maxBatchRows, joinable);
    this.#settlement = new Settlement(model, this.#expiry, (code, rows) => observer.onRequestFail(code, rows));
    this.#teller = new BatchTeller(
      observer,
      clock,
      () => this.#settlement.requests,
      () => this.#checkDrained(),
    );
    this.#times = new LaneTimes(lanes);
    this.#cap = new BatchCap(maxBatchRows, clock);
    this.#arrivals = limits.objective === 'throughput' ? new ArrivalRate() : undefined;
    this.#execution = new Execution({
      signature,
      joinable,
      maxBatchRows: () => this.#cap.rows,
      clock,
      collator: this.#collator,
      expiry: this.#expiry,
      settlement: this.#settlement,
      times: this.#times,
      teller: this.#teller,
      onFree: () => this.#onFree(),
      onEnd: () => this.#checkDrained(),
      requeue: (cohort) => this.#queue.push(cohort),
      onOutOfMemory: (rows) => this.#shrink(rows >> 1),
    });
    this.#admission = new Admission({
      queue: this.#queue,
      lanes,
      times: this.#times,
      limits,
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
    const bucket = this.#queue.bucketOf(this.#collator.layoutOf(admitted));
    return this.#admission.refusal(bucket, admitted.rows, this.#traitsOf(options, now), now);
  }

  /**
   * Queues a request of at most `maxBatchRows` rows. Its inputs are copied before the call returns.
   * @throws FairleadError (rejects) `OVERLOADED`, `LIMIT_EXCEEDED`, `DEADLINE_EXCEEDED`, `ABORTED`, or what the runtime failed with
   */
  submit(admitted: Admitted, options: SubmitOptions): Promise<RunResult> {
    const request = this.#collator.bucketed(admitted);
    const bucket = this.#queue.bucketOf(this.#collator.layoutOf(request));
    const refused = this.#refusedAlike(bucket, admitted.rows, options);
    if (refused !== undefined) return refused;
    const promise = this.#join(bucket, request, options) ?? this.#enqueue(bucket, request, options);
    this.#arrivals?.add(admitted.rows, this.#turnTime());
    this.#afterArrival(bucket);
    return promise;
  }

  /** Lets a request join the one before it, where the queue could not tell them apart: what most requests do. */
  #join({ layout }: Bucket, request: Admitted, options: SubmitOptions): Promise<RunResult> | undefined {
    const { rows } = request;
    const open = this.#open;
    if (open === undefined || options.deadline !== noDeadline || !this.#isLike(open, layout, options)) return undefined;
    const { slab } = open;
    if (slab.room < rows || open.start + open.rows !== slab.filled) return undefined;
    if (!this.#admission.hasRoom(rows, rows * layout.rowBytes)) return undefined;
    slab.append(request);
    this.#queue.grow(open, rows);
    return open.join(rows);
  }

  /** Queues a request that was not let in as quickly. */
  #enqueue(bucket: Bucket, admitted: Admitted, options: SubmitOptions): Promise<RunResult> {
    const { rows } = admitted;
    const now = this.#turnTime();
    const open = this.#open;
    const isLike = open !== undefined && this.#isLike(open, bucket.layout, options);
    const traits = isLike ? open.traits : this.#traitsOf(options, now);
    const refusal = options.signal?.aborted
      ? abortedError(options.signal, 'The request')
      : this.#refusal(bucket, rows, traits, now);
    if (refusal !== undefined) {
      if (options.isPart !== true) this.#settlement.refuse(refusal.code, rows);
      const promise = Promise.reject<RunResult>(refusal);
      if (refusal.code === 'OVERLOADED' && options.signal === undefined)
        this.#refused = { bucket, rows, traits, promise };
      return promise;
    }
    const slab = this.#collator.place(bucket.layout, admitted);
    const start = slab.filled - rows;
    if (isLike && open.state === 'queued' && open.slab === slab && open.start + open.rows === start) {
      this.#queue.grow(open, rows);
      return open.join(rows);
    }
    const cohort = new Cohort(slab, start, traits);
    if (options.signal === undefined) this.#open = cohort;
    else this.#aborts.add(cohort, options.signal);
    if (options.isPart === true) cohort.isPart = true;
    slab.hold();
    const promise = cohort.join(rows);
    this.#queue.push(cohort);
    if (traits.deadline !== noDeadline) this.#expiry.add(cohort);
    return promise;
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
      this.#pump('drain');
    });
  }

  /** Frees memory and timers. Call it after `drain`. */
  close(): void {
    this.#stopWaiting();
    this.#expiry.close();
    this.#collator.close();
  }

  /** A lane came back to life, or a new one was added: let it work. */
  wake(): void {
    this.#schedulePump('free');
  }

  /** Fails whatever waits: there is no lane left that could compute it. */
  failQueued(error: FairleadError): void {
    const now = this.#parts.clock.now();
    for (let bucket = this.#mostUrgent(now); bucket !== undefined; bucket = this.#mostUrgent(now)) {
      for (const cohort of this.#take(bucket, Number.POSITIVE_INFINITY, now)) {
        drop(this.#settlement, cohort, error);
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
      void settled.then(this.#endTurn);
    }
    return this.#turnNow;
  }

  readonly #endTurn = (): void => {
    this.#turnNow = Number.NaN;
    this.#open = undefined;
    this.#refused = undefined;
  };

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
      options.signal === undefined &&
      isPart === (options.isPart === true) &&
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
    if (options.signal !== undefined) return undefined;
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

  #afterArrival(bucket: Bucket): void {
    if (!this.#parts.limits.joinable || this.#isReady(bucket)) this.#pump('idle');
    else if (!this.#pumpScheduled && this.#idleLane() !== -1) this.#schedulePump('idle');
  }

  /** Whether what waits of a shape is large enough for a lane that is not idle. */
  #isReady({ layout, rows, costs }: Bucket): boolean {
    return !layout.joinable || rows >= Math.min(this.#cap.rows, costs.sizes(0).target);
  }

  #schedulePump(reason: BatchReason): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    this.#pumpReason = reason;
    // A turn of the event loop collects what other sockets bring as well. Where callers come one at a time there is
    // nothing to collect, and a turn costs more than all else that is done for them.
    if (this.#isLonely && reason === 'idle') void settled.then(this.#pumpNow);
    else this.#parts.clock.defer(this.#pumpNow);
  }

  readonly #pumpNow = (): void => {
    this.#pumpScheduled = false;
    this.#pump(this.#pumpReason);
  };

  /** Fills lanes: large batches for any lane with a free place, the rest for idle lanes if `reason` allows it. */
  #pump(reason: BatchReason): void {
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
    const { clock, lanes } = this.#parts;
    while (this.#queue.requests > 0) {
      const lane = this.#freeLane();
      if (lane === -1) return;
      const now = clock.now();
      const isIdle = (lanes[lane] as LaneSlot).inFlight === 0;
      const takesAll = isIdle && !this.#pumpScheduled;
      const bucket = takesAll ? this.#mostUrgent(now) : this.#queue.mostUrgent(now, (each) => this.#isReady(each));
      if (bucket === undefined) return;
      if (takesAll && this.#waits(bucket, lane, now)) return;
      this.#dispatch(bucket, lane, now, reason);
    }
  }

  #mostUrgent(now: number): Bucket | undefined {
    return this.#queue.mostUrgent(now, () => true);
  }

  /** The number of the lane with the fewest batches that can take one more; -1 when there is none. */
  #freeLane(): number {
    const { lanes } = this.#parts;
    let best = -1;
    let fewest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < lanes.length; index++) {
      const { alive, inFlight, capacity } = lanes[index] as LaneSlot;
      if (!alive || inFlight >= capacity || inFlight >= fewest) continue;
      best = index;
      fewest = inFlight;
    }
    return best;
  }

  #idleLane(): number {
    const lane = this.#freeLane();
    return lane !== -1 && this.#parts.lanes[lane]?.inFlight === 0 ? lane : -1;
  }

  #idleLanes(): number {
    let idle = 0;
    for (const { alive, inFlight } of this.#parts.lanes) if (alive && inFlight === 0) idle++;
    return idle;
  }

  /** Whether an idle lane waits for more rows; it does so only where most rows a second is what counts. */
  #waits(bucket: Bucket, lane: number, now: number): boolean {
    if (this.#arrivals === undefined || this.#draining || !bucket.layout.joinable) return false;
    if (this.#waitTimer !== undefined) return !this.#isReady(bucket);
    const head = bucket.head(now);
    if (head === undefined) return false;
    const waited = now - head.traits.enqueuedAt;
    const ms = usefulWaitMs(bucket.costs, lane, {
      waitingRows: bucket.rows,
      rowsPerMs: this.#arrivals.rowsPerMs(now),
      slackMs: head.traits.deadline - now,
    });
    // What has waited for this long already has been promised too much.
    if (ms <= 0 || waited > 2 * ms) return false;
    this.#waitTimer = this.#parts.clock.setTimer(() => {
      this.#waitTimer = undefined;
      if (this.#queue.requests > 0) this.#sendWaiting(lane);
    }, ms);
    return true;
  }

  /** The time of a wait is over: whatever has come goes. */
  #sendWaiting(lane: number): void {
    const now = this.#parts.clock.now();
    const bucket = this.#mostUrgent(now);
    const slot = this.#parts.lanes[lane];
    if (bucket !== undefined && slot?.alive && slot.inFlight === 0) this.#dispatch(bucket, lane, now, 'idle');
    this.#pump('idle');
  }

  #stopWaiting(): void {
    this.#waitTimer?.clear();
    this.#waitTimer = undefined;
  }

  /** Sends one batch of a bucket to a lane, or gives its first request up. */
  #dispatch(bucket: Bucket, laneIndex: number, now: number, reason: BatchReason): void {
    const head = bucket.head(now);
    if (head === undefined) return;
    const lane = this.#parts.lanes[laneIndex] as LaneSlot;
    const { costs } = bucket;
    const plan = planBatch(costs, laneIndex, {
      waitingRows: bucket.layout.joinable ? bucket.rows : (head.memberRows[0] as number),
      headRows: head.memberRows[0] as number,
      // Behind a batch that the lane still computes, it begins when that one ends.
      slackMs: slackOf(head, () => Math.max(now, this.#times.freeAt(laneIndex))),
      maxRows: this.#cap.rows,
      idleLanes: lane.inFlight === 0 ? this.#idleLanes() : 1,
      explores: this.#execution.batches % exploreEvery === exploreEvery - 1,
    });
    this.#stopWaiting();
    const taken = this.#take(bucket, plan.rows === 0 ? head.rows : plan.rows, now);
    const error = plan.rows === 0 ? this.#admission.hopeless() : undefined;
    const alive = taken.every(({ traits }) => error === undefined && traits.deadline > now)
      ? taken
      : this.#withoutLate(taken, now, error);
    if (alive.length === 0) return;
    this.#isLonely = alive.length === 1 && alive[0]?.requests === 1 && this.#queue.requests === 0;
    const why = this.#draining ? 'drain' : (plan.reason ?? (bucket.layout.joinable ? reason : 'full'));
    this.#execution.start({ lane, laneIndex, cohorts: alive, costs, reason: why, startedAt: now });
  }

  /** Fails those of some cohorts whose time has run out, or all of them with `error`; answers the others. */
  #withoutLate(cohorts: readonly Cohort[], now: number, error: FairleadError | undefined): Cohort[] {
    return cohorts.filter((cohort) => {
      const isLate = cohort.traits.deadline <= now;
      if (isLate || error !== undefined) {
        drop(this.#settlement, cohort, isLate ? deadlineError('in the queue') : error);
        return false;
      }
      return true;
    });
  }

  /** Takes rows out of the queue. The parts of a cohort that was parted are watched for its deadline in its place. */
  #take(bucket: Bucket, rows: number, now: number): Cohort[] {
    let parted = false;
    const taken = this.#queue.take(bucket, rows, now, (whole, rest) => {
      parted = whole.traits.deadline !== Number.POSITIVE_INFINITY;
      this.#expiry.remove(whole);
      if (parted) this.#expiry.add(rest);
    });
    if (parted) this.#expiry.add(taken[taken.length - 1] as Cohort);
    return taken;
  }

  /** One place in a lane is free: the next large batch goes before the answers, a smaller one after them. */
  #onFree(): void {
    this.#admission.onBatch();
    if (this.#queue.requests === 0) return;
    if (this.#draining || this.#queue.mostUrgent(0, (bucket) => this.#isReady(bucket)) !== undefined)
      this.#pump('free');
    if (this.#queue.requests > 0) this.#schedulePump('free');
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

  #shrink(rows: number): void {
    this.#cap.shrink(rows);
    for (const costs of this.#costs.values()) costs.limit(this.#cap.rows);
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

/** Milliseconds between the start of a batch and the deadline of its first cohort; infinite where it has none. */
function slackOf({ traits: { deadline } }: Cohort, startsAt: () => number): number {
  return deadline === noDeadline ? deadline : deadline - startsAt();
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
