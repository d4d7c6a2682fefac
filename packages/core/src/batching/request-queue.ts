import type { BatchLayout } from './layout';
import { ageingMs, type BatchRequest } from './request';

/** A list gives its used-up head back once it is this long. */
const compactAt = 1024;

/** Requests of one layout and class, the most urgent first, and in order of arrival among equals. */
class UrgencyList {
  /** Places before the head are empty: a request that was taken must not be kept in memory, nor its rows and answer. */
  #items: (BatchRequest | undefined)[] = [];
  #head = 0;
  #dead = 0;

  push(request: BatchRequest): void {
    const items = this.#items;
    let index = items.length;
    // Equal timeouts arrive in order, so this seldom takes a step.
    while (index > this.#head && (items[index - 1] as BatchRequest).urgency > request.urgency) index--;
    if (index === items.length) items.push(request);
    else items.splice(index, 0, request);
  }

  /** The first request that still waits. */
  peek(): BatchRequest | undefined {
    while (this.#head < this.#items.length) {
      const request = this.#items[this.#head] as BatchRequest;
      if (request.state === 'queued') return request;
      this.#items[this.#head++] = undefined;
      this.#dead--;
    }
    this.#items = [];
    this.#head = 0;
    this.#dead = 0;
    return undefined;
  }

  /** Takes the request that `peek` showed. */
  take(): void {
    this.#items[this.#head++] = undefined;
    if (this.#head >= compactAt && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  /** A request in the list ended early; when such are the most, they are swept out. */
  bury(): void {
    this.#dead++;
    if (this.#dead * 2 < this.#items.length - this.#head || this.#dead < compactAt) return;
    this.#items = this.#items.slice(this.#head).filter((request) => request?.state === 'queued');
    this.#head = 0;
    this.#dead = 0;
  }
}

class Bucket {
  readonly classes = [new UrgencyList(), new UrgencyList(), new UrgencyList()] as const;
  rows = 0;
  constructor(readonly layout: BatchLayout) {}
}

/** Requests that wait, by layout, priority and deadline. Counts rows, since rows are what a batch is made of. */
export class RequestQueue {
  readonly #buckets = new Map<BatchLayout, Bucket>();
  #rows = 0;
  #bytes = 0;
  #requests = 0;

  get rows(): number {
    return this.#rows;
  }
  get bytes(): number {
    return this.#bytes;
  }
  get requests(): number {
    return this.#requests;
  }

  push(request: BatchRequest): void {
    const { layout } = request.slab;
    let bucket = this.#buckets.get(layout);
    if (bucket === undefined) {
      bucket = new Bucket(layout);
      this.#buckets.set(layout, bucket);
    }
    (bucket.classes[request.rank] as UrgencyList).push(request);
    bucket.rows += request.rows;
    this.#count(request, 1);
  }

  /** A queued request ended early. Its state must no longer be `queued`. */
  bury(request: BatchRequest): void {
    const bucket = this.#buckets.get(request.slab.layout);
    if (bucket === undefined) return;
    (bucket.classes[request.rank] as UrgencyList).bury();
    bucket.rows -= request.rows;
    this.#count(request, -1);
    if (bucket.rows === 0) this.#buckets.delete(bucket.layout);
  }

  /** Whether some layout has a whole batch. */
  hasFull(maxRows: number): boolean {
    for (const bucket of this.#buckets.values()) {
      if (isWhole(bucket, maxRows)) return true;
    }
    return false;
  }

  /**
   * Takes the next batch: the most urgent request, and those after it of the same layout, up to `maxRows` rows.
   * @returns the requests, now `in-flight`, and whether they make a whole batch; none when none waits
   */
  takeBatch(maxRows: number, now: number): { readonly requests: BatchRequest[]; readonly whole: boolean } {
    const bucket = this.#mostUrgent(now);
    const taken: BatchRequest[] = [];
    if (bucket === undefined) return { requests: taken, whole: false };
    const whole = isWhole(bucket, maxRows);
    let rows = 0;
    for (let list = nextList(bucket, now); list !== undefined; list = nextList(bucket, now)) {
      const request = list.peek() as BatchRequest;
      if (taken.length > 0 && (rows + request.rows > maxRows || !bucket.layout.joinable)) break;
      list.take();
      request.state = 'in-flight';
      taken.push(request);
      rows += request.rows;
      this.#count(request, -1);
    }
    bucket.rows -= rows;
    if (bucket.rows === 0) this.#buckets.delete(bucket.layout);
    return { requests: taken, whole };
  }

  #mostUrgent(now: number): Bucket | undefined {
    let best: Bucket | undefined;
    let bestHead: BatchRequest | undefined;
    for (const bucket of this.#buckets.values()) {
      if (this.#buckets.size === 1) return bucket;
      const head = nextList(bucket, now)?.peek();
      if (head === undefined) continue;
      if (bestHead === undefined || isBefore(head, bestHead, now)) {
        best = bucket;
        bestHead = head;
      }
    }
    return best;
  }

  #count(request: BatchRequest, sign: 1 | -1): void {
    this.#rows += sign * request.rows;
    this.#bytes += sign * request.rows * request.slab.layout.rowBytes;
    this.#requests += sign;
  }
}

/** Whether what waits in a bucket makes a whole batch. */
function isWhole(bucket: Bucket, maxRows: number): boolean {
  return !bucket.layout.joinable || bucket.rows >= maxRows;
}

/** The class of a bucket whose first request is the most urgent. */
function nextList(bucket: Bucket, now: number): UrgencyList | undefined {
  let best: UrgencyList | undefined;
  let bestHead: BatchRequest | undefined;
  for (const list of bucket.classes) {
    const head = list.peek();
    if (head === undefined) continue;
    if (bestHead === undefined || isBefore(head, bestHead, now)) {
      best = list;
      bestHead = head;
    }
  }
  return best;
}

function isBefore(a: BatchRequest, b: BatchRequest, now: number): boolean {
  const rankA = a.rank - Math.floor((now - a.enqueuedAt) / ageingMs);
  const rankB = b.rank - Math.floor((now - b.enqueuedAt) / ageingMs);
  if (rankA !== rankB) return rankA < rankB;
  return a.urgency < b.urgency;
}
