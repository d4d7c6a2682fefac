import type { Clock } from '../clock';

/**
 * How long an idle time may be saved up for, in milliseconds: after it, what such a time allows may be spent at once. Short,
 * so that traffic that comes in bursts does not pay in each for the pause before it.
 */
const burstOfMs = 100;
/** Weight of the newest measurement in the running cost of a row. */
const newestWeight = 0.1;

/**
 * Keeps work within a share of the time that passes. The balance grows by `share` milliseconds a millisecond and falls
 * by what was measured on the clock; from it and the running cost of a row follows how many rows may be taken now.
 * It goes by time alone, never by the values, so the rows taken are a fair sample.
 */
export class CpuBudget {
  readonly #clock: Clock;
  readonly #share: number;
  readonly #startedAt: number;
  #updatedAt: number;
  #balanceMs = 0;
  #spentMs = 0;
  #rowMs = 0;

  /** @param share most of the time that may be spent, above 0 and at most 1 */
  constructor(clock: Clock, share: number) {
    this.#clock = clock;
    this.#share = share;
    this.#startedAt = clock.now();
    this.#updatedAt = this.#startedAt;
  }

  /** Milliseconds spent since the beginning. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /** Part of the time since the beginning that was spent, from 0 to 1. */
  get spentShare(): number {
    const elapsed = this.#clock.now() - this.#startedAt;
    return elapsed > 0 ? Math.min(1, this.#spentMs / elapsed) : 0;
  }

  /**
   * How many of `rows` rows may be taken at the time `now`. Without a limit where `share` is 1.
   */
  allowance(rows: number, now: number): number {
    if (this.#share >= 1) return rows;
    // However dear a row is, the time for one can be saved up.
    const mostMs = Math.max(this.#share * burstOfMs, this.#rowMs);
    this.#balanceMs = Math.min(mostMs, this.#balanceMs + (now - this.#updatedAt) * this.#share);
    this.#updatedAt = now;
    if (this.#balanceMs < 0) return 0;
    if (this.#rowMs * rows <= this.#balanceMs) return rows;
    return Math.floor(this.#balanceMs / this.#rowMs);
  }

  /** Books the time that `rows` rows took. */
  spend(ms: number, rows: number): void {
    this.#spentMs += ms;
    this.#balanceMs -= ms;
    if (rows > 0) this.#rowMs += (this.#rowMs === 0 ? 1 : newestWeight) * (ms / rows - this.#rowMs);
  }
}
