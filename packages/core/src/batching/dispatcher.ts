import type { Clock, ClockTimer } from '../clock';
import { deadlineError, noDeadline } from '../deadline';
import type { FairleadError } from '../errors';
import type { BatchReason } from '../runner/runner';
import type { Admission } from './admission';
import type { ArrivalRate } from './arrival-rate';
import type { BatchCap } from './batch-cap';
import { type Cohort, forEachPart } from './cohort';
import type { Bucket, CohortQueue } from './cohort-queue';
import { drop, type Execution } from './execution';
import type { ExpiryWheel } from './expiry-wheel';
import type { LaneSlot } from './lane-slot';
import type { LaneTimes } from './lane-times';
import { planBatch, usefulWaitMs } from './plan-batch';
import type { Settlement } from './settlement';

/** One batch in so many may be larger than what is thought best. */
const exploreEvery = 64;
/**
 * While a lane computes, another that is or becomes idle is left alone for as long as each turn of the event loop brings more, up to so
 * many milliseconds: to wake a worker on a machine whose cores are busy takes a good part of that, and the lane that computes soon takes all with it.
 */
const mostHeldMs = 1;

/** What dispatching needs. */
export interface DispatcherParts {
  readonly lanes: readonly LaneSlot[];
  /** Whether rows of several requests share a batch. */
  readonly joinable: boolean;
  readonly clock: Clock;
  readonly queue: CohortQueue;
  readonly expiry: ExpiryWheel;
  readonly settlement: Settlement;
  readonly times: LaneTimes;
  readonly cap: BatchCap;
  readonly admission: Admission;
  readonly execution: Execution;
  /** How fast requests come; only where an idle lane may wait for more of them. */
  readonly arrivals: ArrivalRate | undefined;
  /** Called when lanes were filled as far as they could be. */
  onFilled(): void;
}

/**
 * Decides when a batch leaves. An idle lane takes what has come in this turn of the event loop; a busy one takes only
 * batches that are large enough, so queues form batches by themselves under load. Nothing polls.
 */
export class Dispatcher {
  readonly #parts: DispatcherParts;
  #isScheduled = false;
  /** Whether what is scheduled waits for the end of the turn in which requests arrive. */
  #isAtTurnEnd = false;
  #isFilling = false;
  #reason: BatchReason = 'idle';
  /** Whether the last batch was of one request, and none waited behind it. */
  #isLonely = false;
  #isDraining = false;
  #waitTimer: ClockTimer | undefined;
  /** Requests that came since it was last looked at whether more come. */
  #came = 0;
  /** When what is scheduled was first held, in milliseconds of the clock; not a number while it is not. */
  #heldSince = Number.NaN;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /** Something waits in a bucket that did not before. */
  onArrival(bucket: Bucket): void {
    this.#came++;
    // Most join others that will be seen to anyway.
    if (this.#isScheduled && bucket.rows < bucket.costs.readyRows && bucket.layout.joinable) return;
    if (!this.#parts.joinable || this.#isReady(bucket)) this.fill('idle');
    else if (!this.#isScheduled && this.#idleLane() !== -1) {
      this.#isScheduled = true;
      this.#isAtTurnEnd = true;
      this.#reason = 'idle';
      this.#heldSince = Number.NaN;
    }
  }

  /** All that arrived in this turn is there. */
  onTurnEnd(): void {
    if (!this.#isAtTurnEnd) return;
    this.#isAtTurnEnd = false;
    // It may have left as a full batch.
    if (this.#parts.queue.requests === 0) this.#isScheduled = false;
    // A turn of the event loop collects what other sockets bring as well. Where callers come one at a time there is
    // nothing to collect, and a turn costs more than all else that is done for them.
    else if (this.#isLonely) this.#fillNow();
    else {
      this.#came = 0;
      this.#parts.clock.defer(this.#fillUnlessHeld);
    }
  }

  /** One place in a lane is free: the next large batch goes before the answers, a smaller one after them. */
  onFree(): void {
    this.#parts.admission.onBatch();
    this.#reason = 'free';
    if (this.#parts.queue.requests === 0) return;
    if (this.#isDraining || this.#parts.queue.mostUrgent(0, (bucket) => this.#isReady(bucket)) !== undefined)
      this.fill('free');
    if (this.#parts.queue.requests > 0) this.schedule('free');
  }

  /** From now on whatever waits is sent. */
  drain(): void {
    this.#isDraining = true;
    this.fill('drain');
  }

  /** Takes whatever waits, without sending it. */
  takeAll(): Cohort[] {
    const now = this.#parts.clock.now();
    const taken: Cohort[] = [];
    for (let bucket = this.#mostUrgent(now); bucket !== undefined; bucket = this.#mostUrgent(now)) {
      taken.push(...this.#take(bucket, Number.POSITIVE_INFINITY, now));
    }
    return taken;
  }

  /** Stops the timer. */
  close(): void {
    this.#stopWaiting();
  }

  /** Fills lanes in the next turn of the event loop. */
  schedule(reason: BatchReason): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#reason = reason;
    this.#came = 0;
    this.#heldSince = Number.NaN;
    // Where there is one lane, there is no other to compute meanwhile.
    this.#parts.clock.defer(this.#parts.lanes.length > 1 ? this.#fillUnlessHeld : this.#fillNow);
  }

  /** Does what was left to the end of this turn now, if anything was: what else happens there may take its time. */
  fillScheduled(): void {
    this.#fillNow();
  }

  readonly #fillNow = (): void => {
    // It may have been done before its time.
    if (!this.#isScheduled) return;
    this.#isScheduled = false;
    this.#isAtTurnEnd = false;
    this.fill(this.#reason);
  };

  readonly #fillUnlessHeld = (): void => {
    if (!this.#isScheduled || !this.#holds()) {
      this.#fillNow();
      return;
    }
    this.#came = 0;
    this.#parts.clock.defer(this.#fillUnlessHeld);
  };

  /** Whether what waits is held for more: see `mostHeldMs`. */
  #holds(): boolean {
    if (this.#came === 0 || this.#isDraining || !this.#isAnyBusy()) return false;
    const now = this.#parts.clock.now();
    if (Number.isNaN(this.#heldSince)) this.#heldSince = now;
    return now - this.#heldSince < mostHeldMs;
  }

  #isAnyBusy(): boolean {
    for (const { alive, inFlight } of this.#parts.lanes) if (alive && inFlight > 0) return true;
    return false;
  }

  /** Fills lanes: large batches for any lane with a free place, the rest for idle lanes if `reason` allows it. */
  fill(reason: BatchReason): void {
    if (this.#isFilling) return;
    this.#isFilling = true;
    try {
      this.#fillLanes(reason);
    } finally {
      this.#isFilling = false;
    }
    // All that waited may have expired in the meantime.
    this.#parts.onFilled();
  }

  #fillLanes(reason: BatchReason): void {
    const { clock, lanes } = this.#parts;
    while (this.#parts.queue.requests > 0) {
      const lane = this.#freeLane();
      if (lane === -1) return;
      const now = clock.now();
      const isIdle = (lanes[lane] as LaneSlot).inFlight === 0;
      const takesAll = isIdle && !this.#isScheduled;
      const bucket = takesAll
        ? this.#mostUrgent(now)
        : this.#parts.queue.mostUrgent(now, (each) => this.#isReady(each));
      if (bucket === undefined) return;
      if (takesAll && this.#waits(bucket, lane, now)) return;
      this.#dispatch(bucket, lane, now, reason);
    }
  }

  /** Whether what waits of a shape is large enough for a lane that is not idle. */
  #isReady({ layout, rows, costs }: Bucket): boolean {
    return !layout.joinable || rows >= Math.min(this.#parts.cap.rows, costs.readyRows);
  }

  #mostUrgent(now: number): Bucket | undefined {
    return this.#parts.queue.mostUrgent(now, () => true);
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
    if (this.#parts.arrivals === undefined || this.#isDraining || !bucket.layout.joinable) return false;
    if (this.#waitTimer !== undefined) return !this.#isReady(bucket);
    const head = bucket.head(now);
    if (head === undefined) return false;
    const waited = now - head.traits.enqueuedAt;
    const ms = usefulWaitMs(bucket.costs, lane, {
      waitingRows: bucket.rows,
      rowsPerMs: this.#parts.arrivals.rowsPerMs(now),
      slackMs: head.traits.deadline - now,
    });
    // What has waited for this long already has been promised too much.
    if (ms <= 0 || waited > 2 * ms) return false;
    this.#waitTimer = this.#parts.clock.setTimer(() => {
      this.#waitTimer = undefined;
      if (this.#parts.queue.requests > 0) this.#sendWaiting(lane);
    }, ms);
    return true;
  }

  /** The time of a wait is over: whatever has come goes. */
  #sendWaiting(lane: number): void {
    const now = this.#parts.clock.now();
    const bucket = this.#mostUrgent(now);
    const slot = this.#parts.lanes[lane];
    if (bucket !== undefined && slot?.alive && slot.inFlight === 0) this.#dispatch(bucket, lane, now, 'idle');
    this.fill('idle');
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
      slackMs: slackOf(head, () => Math.max(now, this.#parts.times.freeAt(laneIndex))),
      maxRows: this.#parts.cap.rows,
      idleLanes: lane.inFlight === 0 ? this.#idleLanes() : 1,
      explores: this.#parts.execution.batches % exploreEvery === exploreEvery - 1,
    });
    this.#stopWaiting();
    const taken = this.#take(bucket, plan.rows === 0 ? head.rows : plan.rows, now);
    const error = plan.rows === 0 ? this.#parts.admission.hopeless() : undefined;
    const alive = taken.every(({ traits }) => error === undefined && traits.deadline > now)
      ? taken
      : this.#withoutLate(taken, now, error);
    if (alive.length === 0) return;
    this.#isLonely = alive.length === 1 && alive[0]?.requests === 1 && this.#parts.queue.requests === 0;
    const why = this.#isDraining ? 'drain' : (plan.reason ?? (bucket.layout.joinable ? reason : 'full'));
    this.#parts.execution.start({ lane, laneIndex, cohorts: alive, costs, reason: why, startedAt: now });
  }

  /** Fails those of some cohorts whose time has run out, or all of them with `error`; answers the others. */
  #withoutLate(cohorts: readonly Cohort[], now: number, error: FairleadError | undefined): Cohort[] {
    const alive: Cohort[] = [];
    forEachPart(cohorts, (cohort) => {
      const isLate = cohort.traits.deadline <= now;
      if (isLate || error !== undefined)
        drop(this.#parts.settlement, cohort, isLate ? deadlineError('in the queue') : error);
      else alive.push(cohort);
    });
    return alive;
  }

  /** Takes rows out of the queue. The parts of a cohort that was parted are watched for its deadline in its place. */
  #take(bucket: Bucket, rows: number, now: number): Cohort[] {
    let parted = false;
    const taken = this.#parts.queue.take(bucket, rows, now, (whole, rest) => {
      parted = whole.traits.deadline !== Number.POSITIVE_INFINITY;
      this.#parts.expiry.remove(whole);
      if (parted) this.#parts.expiry.add(rest);
    });
    if (parted) this.#parts.expiry.add(taken[taken.length - 1] as Cohort);
    return taken;
  }
}

/** Milliseconds between the start of a batch and the deadline of its first cohort; infinite where it has none. */
function slackOf({ traits: { deadline } }: Cohort, startsAt: () => number): number {
  return deadline === noDeadline ? deadline : deadline - startsAt();
}
