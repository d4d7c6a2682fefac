import { BinSketch } from './sketches/bin-sketch';
import type { FeatureLayout } from './sketches/feature-layout';

/** Buckets of a window: it slides by a tenth of its length. */
export const bucketsPerWindow = 10;

/** How long a window is: so many rows, or so many milliseconds. */
export type WindowLength = { readonly rows: number } | { readonly durationMs: number };

/**
 * The last rows, in a ring of buckets of equal length. A full bucket joins the window and pushes the oldest out; a query adds
 * the buckets up, so that nothing drifts by subtracting.
 */
export class SlidingWindow {
  /** Rows of a bucket; without limit where time ends it. */
  readonly bucketRows: number;
  readonly #bucketMs: number;
  readonly #ring: readonly BinSketch[];
  readonly #total: BinSketch;
  #current = 0;
  #full = 0;
  #bucketEndsAt = Number.POSITIVE_INFINITY;

  /** @param length rows are rounded up to a multiple of ten */
  constructor(layout: FeatureLayout, length: WindowLength) {
    this.bucketRows = 'rows' in length ? Math.ceil(length.rows / bucketsPerWindow) : Number.POSITIVE_INFINITY;
    this.#bucketMs = 'rows' in length ? Number.POSITIVE_INFINITY : length.durationMs / bucketsPerWindow;
    this.#ring = Array.from({ length: bucketsPerWindow + 1 }, () => new BinSketch(layout));
    this.#total = new BinSketch(layout);
  }

  /** The bucket that is being filled; count rows into it, then ask {@link SlidingWindow.advanceTo} whether it is full. */
  get bucket(): BinSketch {
    return this.#ring[this.#current] as BinSketch;
  }

  /** Rows that the bucket still takes. */
  get room(): number {
    return this.bucketRows - this.bucket.rows;
  }

  /** Whether time has ended the bucket. */
  isOver(now: number): boolean {
    return now >= this.#bucketEndsAt;
  }

  /**
   * Ends the bucket when it is full, or its time is over: buckets in which nothing came are empty.
   *
   * @param now milliseconds on the monitor's clock
   * @returns buckets that ended
   */
  advanceTo(now: number): number {
    if (this.bucketRows !== Number.POSITIVE_INFINITY) {
      if (this.room > 0) return 0;
      this.#advance();
      return 1;
    }
    if (this.#bucketEndsAt === Number.POSITIVE_INFINITY) this.#bucketEndsAt = now + this.#bucketMs;
    if (now < this.#bucketEndsAt) return 0;
    const ended = Math.floor((now - this.#bucketEndsAt) / this.#bucketMs) + 1;
    this.#bucketEndsAt += ended * this.#bucketMs;
    for (let i = 0; i < Math.min(ended, this.#ring.length); i++) this.#advance();
    return ended;
  }

  /** The sum of the full buckets and the one that is being filled; overwritten by the next query. */
  total(): BinSketch {
    this.#total.reset();
    for (let age = 0; age <= this.#full; age++) {
      const index = (this.#current - age + this.#ring.length) % this.#ring.length;
      this.#total.merge(this.#ring[index] as BinSketch);
    }
    return this.#total;
  }

  /** Opens the next bucket in place of the oldest. */
  #advance(): void {
    this.#current = (this.#current + 1) % this.#ring.length;
    this.#full = Math.min(this.#full + 1, bucketsPerWindow);
    this.bucket.reset();
  }
}
