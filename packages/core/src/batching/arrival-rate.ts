/** Time constant of the moving average, in milliseconds. */
const horizonMs = 100;

/** How many rows arrive a millisecond, as an exponentially weighted average over about the last tenth of a second. */
export class ArrivalRate {
  #rate = 0;
  #pending = 0;
  #at = Number.NaN;

  /** Rows arrived at the time `now`, in milliseconds of the clock. */
  add(rows: number, now: number): void {
    if (Number.isNaN(this.#at)) this.#at = now;
    this.#fold(now);
    this.#pending += rows;
  }

  /** Rows a millisecond, now. */
  rowsPerMs(now: number): number {
    this.#fold(now);
    return this.#rate;
  }

  /** Takes the rows since the last look into the average. */
  #fold(now: number): void {
    const elapsed = now - this.#at;
    if (!(elapsed > 0)) return;
    const kept = Math.exp(-elapsed / horizonMs);
    this.#rate = this.#rate * kept + (this.#pending / elapsed) * (1 - kept);
    this.#pending = 0;
    this.#at = now;
  }
}
