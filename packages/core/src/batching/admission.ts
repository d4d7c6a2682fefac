import { deadlineError, noDeadline } from '../deadline';
import { FairleadError, stacklessError } from '../errors';
import type { CohortTraits } from './cohort';
import type { Bucket, CohortQueue } from './cohort-queue';
import type { LaneSlot } from './lane-slot';
import type { LaneTimes } from './lane-times';
import { usableMs } from './shape-costs';

/** What bounds the queue. */
export interface QueueLimits {
  /** Most rows that may wait. */
  readonly maxQueueRows: number;
  /** Most bytes of inputs that may wait. */
  readonly maxQueueBytes: number;
}

/** What admission looks at. */
export interface AdmissionParts {
  readonly queue: CohortQueue;
  readonly lanes: readonly LaneSlot[];
  readonly times: LaneTimes;
  readonly limits: QueueLimits;
}

/** After so many refusals without a batch in between, an idle runner lets one request show what a batch takes now. */
const refusalsBeforeProbe = 16;

/** Of the time that a request has, this share at most is kept free so that batches are as large as they should be. */
const mostReserved = 0.25;

/** Decides at once whether a request may wait: whether there is room, and whether it would be answered in time. */
export class Admission {
  readonly #parts: AdmissionParts;
  /** Refusals by prediction since the last batch. */
  #refusals = 0;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** A batch was computed, so predictions are fresh. */
  onBatch(): void {
    this.#refusals = 0;
  }

  /** Whether the queue has room for so much more. */
  hasRoom(rows: number, bytes: number): boolean {
    const { queue, limits } = this.#parts;
    return queue.rows + rows <= limits.maxQueueRows && queue.bytes + bytes <= limits.maxQueueBytes;
  }

  /** Why a request of so many rows may not wait; undefined when it may. */
  refusal(bucket: Bucket, rows: number, traits: CohortTraits, now: number): FairleadError | undefined {
    const refusal = this.foresee(bucket, rows, traits, now);
    if (refusal !== undefined) this.onRefusal(refusal);
    else if (this.#mayProbe()) this.#refusals = 0;
    return refusal;
  }

  /** A request was refused by what `foresee` said. */
  onRefusal({ code, details }: FairleadError): void {
    // Whoever finds the queue full was not refused by a prediction.
    if (code === 'OVERLOADED' && details.field === undefined) this.#refusals++;
  }

  /** What `refusal` would say, for one who has not decided to ask it. */
  foresee(bucket: Bucket, rows: number, traits: CohortTraits, now: number): FairleadError | undefined {
    if (traits.deadline <= now) return deadlineError('before it was queued');
    const { queue, limits } = this.#parts;
    const bytes = rows * bucket.layout.rowBytes;
    if (queue.rows + rows > limits.maxQueueRows) return this.#full('rows', limits.maxQueueRows, queue.rows, rows);
    if (queue.bytes + bytes > limits.maxQueueBytes) {
      return this.#full('bytes', limits.maxQueueBytes, queue.bytes, bytes);
    }
    return traits.deadline === noDeadline ? undefined : this.#late(bucket, rows, traits, now);
  }

  /** The error of a request that had to make room for one that is more entitled. */
  displaced(): FairleadError {
    const retryAfterMs = this.#backlogMs();
    return stacklessError(
      'OVERLOADED',
      `The queue is full, and the request made room for one of a higher priority or of a key that has had less than its share. Retry after ${retryAfterMs} ms.`,
      { details: { retryAfterMs } },
    );
  }

  /** The error of a request that waited, and cannot be answered in time any more. */
  hopeless(): FairleadError {
    const retryAfterMs = this.#backlogMs();
    return stacklessError(
      'OVERLOADED',
      `What was ahead of the request took longer than expected, and it cannot be answered in time any more. Retry after ${retryAfterMs} ms, give it a longer timeoutMs, or add lanes.`,
      { details: { retryAfterMs } },
    );
  }

  #full(unit: 'rows' | 'bytes', limit: number, waiting: number, given: number): FairleadError {
    const option = unit === 'rows' ? 'maxQueueRows' : 'maxQueueBytes';
    if (given > limit) {
      const expected = `at most ${limit} ${unit}`;
      return new FairleadError(
        'LIMIT_EXCEEDED',
        `The request has ${given} ${unit}, more than the whole queue may hold (${limit}). Send it in parts, or raise ${option}.`,
        { details: { field: option, expected, given: `${given} ${unit}` } },
      );
    }
    const retryAfterMs = this.#backlogMs();
    return stacklessError(
      'OVERLOADED',
      `The queue is full: ${waiting} of ${limit} ${unit} wait. Retry after ${retryAfterMs} ms, or raise ${option}.`,
      { details: { field: option, expected: `at most ${limit}`, given: `${waiting} waiting`, retryAfterMs } },
    );
  }

  #late(bucket: Bucket, rows: number, traits: CohortTraits, now: number): FairleadError | undefined {
    const finish = this.#predictFinish(bucket, rows, traits, now);
    if (finish <= now + usableMs(traits.deadline - now)) return undefined;
    if (this.#mayProbe()) return undefined;
    const retryAfterMs = Math.max(1, Math.ceil(finish - traits.deadline));
    return stacklessError(
      'OVERLOADED',
      `The request would be answered in ${(finish - now).toFixed(1)} ms, but its time runs out in ${(traits.deadline - now).toFixed(1)} ms. Retry after ${retryAfterMs} ms, give it a longer timeoutMs, or add lanes.`,
      { details: { retryAfterMs } },
    );
  }

  /** Whether a request is let in against the prediction, which nothing has confirmed for long. */
  #mayProbe(): boolean {
    const { queue, lanes } = this.#parts;
    return this.#refusals >= refusalsBeforeProbe && queue.rows === 0 && lanes.every((lane) => lane.inFlight === 0);
  }

  /** When a request would be answered, by what batches took lately; 0 while nothing is known. */
  #predictFinish(bucket: Bucket, rows: number, traits: CohortTraits, now: number): number {
    const { queue, lanes, times } = this.#parts;
    const { costs } = bucket;
    const ahead = queue.rowsBefore(bucket, traits);
    let earliest = Number.POSITIVE_INFINITY;
    let rate = 0;
    let first = -1;
    for (let lane = 0; lane < lanes.length; lane++) {
      if (!(lanes[lane] as LaneSlot).alive) continue;
      const { target } = costs.sizes(lane);
      const targetMs = costs.predictMs(lane, target);
      if (targetMs <= 0) return 0;
      rate += target / targetMs;
      const freeAt = Math.max(now, times.freeAt(lane));
      if (freeAt < earliest) {
        earliest = freeAt;
        first = lane;
      }
    }
    if (first === -1) return 0;
    const { target } = costs.sizes(first);
    const others = this.#otherBacklogMs(bucket, traits.rank, first);
    const own = Math.min(ahead + rows, Math.max(target, rows));
    // What fills whole batches before it is computed first; the last of them is its own.
    const before = Math.max(0, ahead + rows - own);
    // The mean: to refuse one that would have been in time costs as much as to let one in that will not be.
    const finish = earliest + others + before / rate + costs.predictMs(first, own);
    // Were the queue as long as just fits, every batch would have to be cut short for its first request.
    const reserve = Math.min(costs.predictMs(first, target), (traits.deadline - now) * mostReserved);
    return ahead === 0 ? finish : finish + reserve;
  }

  /** Milliseconds that what waits in other shapes and leaves before takes, shared among the lanes. */
  #otherBacklogMs(own: Bucket, rank: number, lane: number): number {
    const { queue, lanes } = this.#parts;
    if (queue.rows === own.rows) return 0;
    let ms = 0;
    for (const bucket of queue.buckets) {
      if (bucket === own || bucket.rows === 0) continue;
      let rows = 0;
      for (let other = 0; other <= rank; other++) rows += bucket.classes[other]?.rows ?? 0;
      const { costs } = bucket;
      const { target } = costs.sizes(lane);
      ms += (rows / target) * costs.predictMs(lane, target);
    }
    return ms / lanes.length;
  }

  /** Milliseconds, 1 or more, in which what waits now is computed. */
  #backlogMs(): number {
    const { queue, lanes } = this.#parts;
    let ms = 0;
    for (const bucket of queue.buckets) {
      if (bucket.rows === 0) continue;
      const { costs } = bucket;
      const { target } = costs.sizes(0);
      ms += (bucket.rows / target) * costs.predictMs(0, target);
    }
    return Math.max(1, Math.ceil(ms / lanes.length));
  }
}
