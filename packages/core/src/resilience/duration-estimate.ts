/** Share of a new measurement in the mean, and in the deviation: α and β of RFC 6298, section 2. */
const meanGain = 1 / 8;
const deviationGain = 1 / 4;
/** Deviations above the mean within which most lie: the K of the RFC. */
const deviations = 4;
/** What is left of the estimate each time that nobody dared to measure because of it. */
const fading = 0.9;

/**
 * How long something takes, learned while it runs: a mean and a deviation that follow the last measurements, as TCP
 * estimates round trips (RFC 6298). Unlike there, only what took longer than the mean counts as deviation: what has
 * become faster must not seem slower.
 */
export class DurationEstimate {
  #meanMs: number | undefined;
  #deviationMs = 0;

  /** Takes one measurement in milliseconds. */
  add(ms: number): void {
    if (this.#meanMs === undefined) {
      this.#meanMs = ms;
      this.#deviationMs = ms / deviations;
      return;
    }
    this.#deviationMs += deviationGain * (Math.max(0, ms - this.#meanMs) - this.#deviationMs);
    this.#meanMs += meanGain * (ms - this.#meanMs);
  }

  /** The mean in milliseconds; undefined before the first measurement. */
  get meanMs(): number | undefined {
    return this.#meanMs;
  }

  /** Milliseconds within which about nine in ten end: mean + 4 · deviation; 0 before the first measurement. */
  get mostMs(): number {
    return (this.#meanMs ?? 0) + deviations * this.#deviationMs;
  }

  /** Doubts the estimate a little: without it, one that is too long would never be put right, for nobody would measure. */
  fade(): void {
    if (this.#meanMs !== undefined) this.#meanMs *= fading;
    this.#deviationMs *= fading;
  }
}
