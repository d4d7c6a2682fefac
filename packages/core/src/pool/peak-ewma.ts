/** Milliseconds after which a measurement weighs 1/e. */
const decayMs = 10_000;

/**
 * How long an endpoint takes at present: a moving average that rises at once to a longer measurement and forgets it over
 * about ten seconds, also while nobody measures. So an endpoint that has become slow is spared at once, and tried again
 * after a while. The "peak EWMA" of Finagle's load balancers.
 */
export class PeakEwma {
  #valueMs = 0;
  #at = 0;

  /** Takes one measurement in milliseconds, made at the time `now`. */
  add(ms: number, now: number): void {
    const before = this.at(now);
    const weight = Math.exp(-Math.max(0, now - this.#at) / decayMs);
    this.#valueMs = ms > before ? ms : this.#valueMs * weight + ms * (1 - weight);
    this.#at = Math.max(this.#at, now);
  }

  /** The average at the time `now`, in milliseconds; 0 before the first measurement, and towards 0 without further ones. */
  at(now: number): number {
    return this.#valueMs * Math.exp(-Math.max(0, now - this.#at) / decayMs);
  }
}
