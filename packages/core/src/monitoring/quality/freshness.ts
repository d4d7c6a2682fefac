import type { Check } from './check';
import type { FreshnessRule } from './rules';

const defaultMaxAheadMs = 60_000;

/** Watches that rows, or their event times, go on being recent. */
export class Freshness {
  readonly check: Check;
  readonly maxAgeMs: number;
  readonly #maxAheadMs: number;
  #newestMs: number;

  /** @param nowMs from which the age counts as long as nothing came */
  constructor({ maxAgeMs, maxAheadMs = defaultMaxAheadMs }: FreshnessRule, check: Check, nowMs: number) {
    this.check = check;
    this.maxAgeMs = maxAgeMs;
    this.#maxAheadMs = maxAheadMs;
    this.#newestMs = nowMs;
  }

  /** Milliseconds since the newest; 0 where it is ahead of the clock. */
  ageMs(nowMs: number): number {
    return Math.max(0, nowMs - this.#newestMs);
  }

  /**
   * Takes an event time, or the time of a row.
   * @returns whether it is one that may be: further ahead than allowed it is a violation
   */
  add(timeMs: number, nowMs: number): boolean {
    if (timeMs > nowMs + this.#maxAheadMs) return false;
    if (timeMs > this.#newestMs) this.#newestMs = timeMs;
    return true;
  }

  /** Starts anew: the age counts from now. */
  reset(nowMs: number): void {
    this.#newestMs = nowMs;
  }
}

/** An event time in milliseconds; `undefined` for what is none. */
export function eventTimeOf(value: unknown): number | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : value instanceof Date ? value.getTime() : Number(value);
  return Number.isFinite(time) ? time : undefined;
}
