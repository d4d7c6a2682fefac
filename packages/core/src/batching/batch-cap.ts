import type { Clock } from '../clock';

/** So long after the last failure for lack of memory, in milliseconds, the cap doubles again. */
const recoveryMs = 60_000;

/** Most rows of a batch: the limit that was asked for, or less while the runtime finds no memory for so many. */
export class BatchCap {
  readonly #limit: number;
  readonly #clock: Clock;
  #rows: number;
  #changedAt = 0;

  constructor(limit: number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
    this.#rows = limit;
  }

  get rows(): number {
    if (this.#rows < this.#limit) this.#recover();
    return this.#rows;
  }

  /** There was no memory for twice as many rows. */
  shrink(rows: number): void {
    this.#rows = Math.max(1, Math.min(this.#rows, rows));
    this.#changedAt = this.#clock.now();
  }

  #recover(): void {
    const now = this.#clock.now();
    if (now - this.#changedAt < recoveryMs) return;
    this.#rows = Math.min(this.#limit, this.#rows * 2);
    this.#changedAt = now;
  }
}
