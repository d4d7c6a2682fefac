/** How many rows may be escalated. */
export interface EscalationBudgetOptions {
  /** Share of all rows that may be escalated, 0 to 1. @default 1 */
  readonly share?: number;
  /** Rows a minute that may be escalated, 0 or more. @default as many as there are */
  readonly rowsPerMinute?: number;
  /**
   * Rows that may be escalated at once beyond what share and rate allow, saved up in quiet times and there from the start.
   * A whole number, 1 or more. @default 10
   */
  readonly burst?: number;
}

/** Sums of shares such as ten times 0.1 fall short of whole numbers by a rounding. */
const rounding = 1e-9;

/**
 * Two token buckets, and a row needs a token of each. Every row that comes puts `share` of a token into the first one, every
 * minute `rowsPerMinute` into the second. So never more than `burst + share · rows` rows were escalated, nor more than
 * `burst + rowsPerMinute · minutes` in any stretch of time.
 */
export class EscalationBudget {
  readonly #share: number;
  readonly #perMs: number;
  readonly #burst: number;
  #ofShare: number;
  #ofRate: number;
  #filledAt: number;

  /** @param now milliseconds of the clock that later calls count on */
  constructor(
    { share = 1, rowsPerMinute = Number.POSITIVE_INFINITY, burst = 10 }: EscalationBudgetOptions,
    now: number,
  ) {
    this.#share = share;
    this.#perMs = rowsPerMinute / 60_000;
    this.#burst = burst;
    this.#ofShare = burst;
    this.#ofRate = burst;
    this.#filledAt = now;
  }

  /** Counts rows that came, whatever becomes of them. */
  addRows(rows: number): void {
    // What was saved up is bounded, what these rows bring is not: a large request has its share too.
    this.#ofShare = Math.min(this.#burst, this.#ofShare) + this.#share * rows;
  }

  /** Rows that may be escalated now. */
  available(now: number): number {
    this.#refill(now);
    const byShare = this.#share === 1 ? Number.POSITIVE_INFINITY : this.#ofShare;
    const byRate = this.#perMs === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : this.#ofRate;
    return Math.max(0, Math.floor(Math.min(byShare, byRate) + rounding));
  }

  /** Takes as many of `rows` as there are, and answers how many. */
  take(rows: number, now: number): number {
    const taken = Math.min(rows, this.available(now));
    this.#ofShare -= taken;
    this.#ofRate -= taken;
    return taken;
  }

  /** Takes all of `rows`, or none where there are fewer. */
  takeAll(rows: number, now: number): boolean {
    return this.available(now) >= rows && this.take(rows, now) === rows;
  }

  #refill(now: number): void {
    const elapsedMs = Math.max(0, now - this.#filledAt);
    this.#filledAt = Math.max(this.#filledAt, now);
    if (elapsedMs > 0) this.#ofRate = Math.min(this.#burst, this.#ofRate + this.#perMs * elapsedMs);
  }
}
