import type { Clock } from '../clock';

/** So long after the last failure for lack of memory, in milliseconds, the cap doubles again. */
const recoveryMs = 60_000;

/** Most rows of a batch: the limit that was asked for, or less while the runtime finds no memory for so many. */
export class BatchCap {
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #onChange: (rows: number) => void;
  #rows: number;
  #changedAt = 0;

  /** @param onChange called with every new cap */
  constructor(limit: number, clock: Clock, onChange: (rows: number) => void) {
    this.#limit = limit;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#rows = limit;
  }

  get rows(): number {
    if (this.#rows < this.#limit) this.#recover();
    return this.#rows;
  }

  /** There was no memory for twice as many rows. */
  shrink(rows: number): void {
    this.#change(Math.max(1, Math.min(this.#rows, rows)), this.#clock.now());
  }

  #recover(): void {
    const now = this.#clock.now();
    if (now - this.#changedAt < recoveryMs) return;
    this.#change(Math.min(this.#limit, this.#rows * 2), now);
  }

  #change(rows: number, now: number): void {
    this.#rows = rows;
    this.#changedAt = now;
    this.#onChange(rows);
  }
}
