import { BinSketch } from './sketches/bin-sketch';
import type { FeatureLayout } from './sketches/feature-layout';

/** Buckets of a window: it slides by a tenth of its rows. */
export const bucketsPerWindow = 10;

/**
 * The last rows, in a ring of buckets of equal row counts. A full bucket joins the window and pushes the oldest out;
 * a query adds the buckets up, so that nothing drifts by subtracting.
 */
export class SlidingWindow {
  readonly bucketRows: number;
  readonly #ring: readonly BinSketch[];
  readonly #total: BinSketch;
  #current = 0;
  #full = 0;

  /** @param rows rows of the window, rounded up to a multiple of ten */
  constructor(layout: FeatureLayout, rows: number) {
    this.bucketRows = Math.ceil(rows / bucketsPerWindow);
    this.#ring = Array.from({ length: bucketsPerWindow + 1 }, () => new BinSketch(layout));
    this.#total = new BinSketch(layout);
  }

  /** The bucket that is being filled; count rows into it, then call {@link SlidingWindow.advance} when it is full. */
  get bucket(): BinSketch {
    return this.#ring[this.#current] as BinSketch;
  }

  /** Ends the bucket and opens the next in place of the oldest. */
  advance(): void {
    this.#current = (this.#current + 1) % this.#ring.length;
    this.#full = Math.min(this.#full + 1, bucketsPerWindow);
    this.bucket.reset();
  }

  /** The sum of the full buckets; overwritten by the next query. */
  total(): BinSketch {
    this.#total.reset();
    for (let age = 1; age <= this.#full; age++) {
      const index = (this.#current - age + this.#ring.length) % this.#ring.length;
      this.#total.merge(this.#ring[index] as BinSketch);
    }
    return this.#total;
  }
}
