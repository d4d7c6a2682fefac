/** Measurements that count, and new ones after which the quantile is computed again. */
const kept = 256;
const refreshEvery = 16;
/** Measurements before a quantile says anything. */
const leastMeasured = 20;

/** A quantile of the last 256 latencies. It is computed again after each 16 of them, so asking costs nothing. */
export class RecentLatencies {
  readonly #q: number;
  readonly #ring = new Float64Array(kept);
  #count = 0;
  #quantile: number | undefined;

  /** @param q which quantile, above 0 and below 1 */
  constructor(q: number) {
    this.#q = q;
  }

  /** Takes one latency in milliseconds. */
  add(ms: number): void {
    this.#ring[this.#count % kept] = ms;
    this.#count++;
    if (this.#count < leastMeasured) return;
    if (this.#quantile === undefined || this.#count % refreshEvery === 0) this.#quantile = this.#compute();
  }

  /** The quantile in milliseconds, by the nearest rank; undefined while fewer than 20 were measured. */
  get quantileMs(): number | undefined {
    return this.#quantile;
  }

  #compute(): number {
    const sorted = this.#ring.slice(0, Math.min(this.#count, kept)).sort();
    return sorted[Math.min(sorted.length - 1, Math.ceil(this.#q * sorted.length) - 1)] as number;
  }
}
