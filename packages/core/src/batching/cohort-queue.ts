import { ageingMs, type Cohort, type CohortTraits, urgencyOf } from './cohort';
import { FairList } from './fair-list';
import type { BatchLayout } from './layout';
import type { ShapeCosts } from './shape-costs';

/** Buckets without rows that are kept, so that a shape that comes again finds its own. */
const maxEmptyBuckets = 64;

/** What waits of one layout. */
export class Bucket {
  readonly layout: BatchLayout;
  /** What its batches cost. */
  readonly costs: ShapeCosts;
  /** By rank. */
  readonly classes: readonly FairList[];
  rows = 0;
  requests = 0;

  constructor(layout: BatchLayout, quantum: number, costs: ShapeCosts) {
    this.layout = layout;
    this.costs = costs;
    this.classes = [new FairList(quantum), new FairList(quantum), new FairList(quantum)];
  }

  /** The cohort that leaves next. */
  head(now: number): Cohort | undefined {
    let best: Cohort | undefined;
    for (const list of this.classes) {
      if (list.rows === 0) continue;
      const head = list.peek();
      if (head !== undefined && (best === undefined || isBefore(head, best, now))) best = head;
    }
    return best;
  }
}

/** Cohorts that wait, by layout, priority, key and deadline. Counts rows, since rows are what a batch is made of. */
export class CohortQueue {
  readonly #buckets = new Map<BatchLayout, Bucket>();
  readonly #quantum: number;
  readonly #costsOf: (layout: BatchLayout) => ShapeCosts;
  /** The bucket that was asked for last: with one shape it is always the same. */
  #last: Bucket | undefined;
  #rows = 0;
  #bytes = 0;
  #requests = 0;

  /**
   * @param quantum rows that a key of weight 1 may have in a round; see {@link FairList}
   * @param costsOf finds what batches of a layout cost
   */
  constructor(quantum: number, costsOf: (layout: BatchLayout) => ShapeCosts) {
    this.#quantum = quantum;
    this.#costsOf = costsOf;
  }

  get rows(): number {
    return this.#rows;
  }
  get bytes(): number {
    return this.#bytes;
  }
  get requests(): number {
    return this.#requests;
  }
  /** All that were used lately, empty ones too. */
  get buckets(): IterableIterator<Bucket> {
    return this.#buckets.values();
  }

  bucketOf(layout: BatchLayout): Bucket {
    if (this.#last?.layout === layout) return this.#last;
    let bucket = this.#buckets.get(layout);
    if (bucket === undefined) {
      if (this.#buckets.size >= maxEmptyBuckets) this.#forgetEmpty();
      bucket = new Bucket(layout, this.#quantum, this.#costsOf(layout));
      this.#buckets.set(layout, bucket);
    }
    this.#last = bucket;
    return bucket;
  }

  push(cohort: Cohort): void {
    const bucket = this.bucketOf(cohort.slab.layout);
    cohort.state = 'queued';
    listOf(bucket, cohort).push(cohort);
    this.#count(bucket, cohort.rows, cohort.requests);
  }

  /** Whether one more request may join a cohort that waits. */
  mayGrow(cohort: Cohort): boolean {
    return listOf(this.bucketOf(cohort.slab.layout), cohort).mayGrow(cohort);
  }

  /** A request of so many rows joined a cohort that waits in a bucket. */
  grow(bucket: Bucket, cohort: Cohort, rows: number): void {
    listOf(bucket, cohort).resize(cohort, rows);
    this.#count(bucket, rows, 1);
  }

  /** A queued cohort ended early. Its state must no longer be `queued`. */
  bury(cohort: Cohort): void {
    const bucket = this.bucketOf(cohort.slab.layout);
    listOf(bucket, cohort).bury(cohort);
    this.#count(bucket, -cohort.rows, -cohort.requests);
  }

  /** The bucket whose next cohort is the most urgent, among those that `isReady` passes. */
  mostUrgent(now: number, isReady: (bucket: Bucket) => boolean): Bucket | undefined {
    let best: Bucket | undefined;
    let bestHead: Cohort | undefined;
    for (const bucket of this.#buckets.values()) {
      if (bucket.rows === 0 || !isReady(bucket)) continue;
      if (bucket.rows === this.#rows) return bucket;
      const head = bucket.head(now);
      if (head === undefined) continue;
      if (bestHead === undefined || isBefore(head, bestHead, now)) {
        best = bucket;
        bestHead = head;
      }
    }
    return best;
  }

  /**
   * Takes cohorts of a bucket in their order, up to `maxRows` rows; a cohort that fits in part is parted. The first request
   * is taken whatever its size.
   * @param onPart called for a cohort that was parted, with what waits on in its place
   * @returns what was taken, now `in-flight`; empty when nothing waits
   */
  take(bucket: Bucket, maxRows: number, now: number, onPart: (whole: Cohort, rest: Cohort) => void): Cohort[] {
    const taken: Cohort[] = [];
    let rows = 0;
    for (let head = bucket.head(now); head !== undefined && rows < maxRows; head = bucket.head(now)) {
      const fitting = bucket.layout.joinable ? head.fitting(maxRows - rows) : Math.min(1, maxRows - rows);
      const requests = fitting === 0 && taken.length === 0 ? 1 : fitting;
      if (requests === 0) break;
      const cohort = this.#takeOf(bucket, head, requests, onPart);
      cohort.state = 'in-flight';
      taken.push(cohort);
      rows += cohort.rows;
      if (!bucket.layout.joinable) break;
    }
    return taken;
  }

  /** Rows of a bucket that leave before a request of these traits would. */
  rowsBefore(bucket: Bucket, traits: CohortTraits): number {
    const { rank, key } = traits;
    let rows = 0;
    for (let other = 0; other < rank; other++) rows += (bucket.classes[other] as FairList).rows;
    return rows + (bucket.classes[rank] as FairList).rowsBefore(urgencyOf(traits), key);
  }

  /** Whom a request of these traits may push out of a full queue: one of a lower class, or of a key beyond its share. */
  lessEntitled({ rank, key }: CohortTraits): Cohort | undefined {
    for (let other = 2; other >= rank; other--) {
      for (const bucket of this.#buckets.values()) {
        const list = bucket.classes[other] as FairList;
        const last = list.last();
        if (last === undefined) continue;
        if (other > rank) return last;
        if (last.traits.key !== key && list.isBeyondShare(last) && !list.exceedsShare(key)) return last;
      }
    }
    return undefined;
  }

  #takeOf(bucket: Bucket, head: Cohort, requests: number, onPart: (whole: Cohort, rest: Cohort) => void): Cohort {
    const list = listOf(bucket, head);
    if (requests === head.requests) {
      list.take(head);
      this.#count(bucket, -head.rows, -requests);
      return head;
    }
    const [first, rest] = head.partAfter(requests);
    list.takePart(rest, first.rows);
    this.#count(bucket, -first.rows, -requests);
    onPart(head, rest);
    return first;
  }

  #count(bucket: Bucket, rows: number, requests: number): void {
    bucket.rows += rows;
    bucket.requests += requests;
    this.#rows += rows;
    this.#bytes += rows * bucket.layout.rowBytes;
    this.#requests += requests;
  }

  #forgetEmpty(): void {
    for (const [layout, bucket] of this.#buckets) if (bucket.requests === 0) this.#buckets.delete(layout);
    this.#last = undefined;
  }
}

function listOf(bucket: Bucket, cohort: Cohort): FairList {
  return bucket.classes[cohort.traits.rank] as FairList;
}

function isBefore(a: Cohort, b: Cohort, now: number): boolean {
  const rankA = a.traits.rank - Math.floor((now - a.traits.enqueuedAt) / ageingMs);
  const rankB = b.traits.rank - Math.floor((now - b.traits.enqueuedAt) / ageingMs);
  if (rankA !== rankB) return rankA < rankB;
  return a.urgency < b.urgency;
}
