/** How an {@link AdaptiveWindow} is set; all values are checked by its owner. */
export interface AdaptiveWindowSettings {
  readonly delta: number;
  readonly maxBuckets: number;
  /** What the bound takes off the lengths of the parts. */
  readonly minWindowLength: number;
  /** Fewest observations of a part for a cut. */
  readonly minPartLength: number;
}

/** Buckets of 2^0 to 2^51 observations: more than anybody will observe. */
const mostRows = 52;

/**
 * ADWIN's window: an exponential histogram. Row `r` holds buckets of 2^r observations each, oldest first, as their total
 * and their sum of squared deviations. When a row is over-full, its two oldest buckets become one of the next row. The
 * order of the arithmetic is that of River and MOA, so that their cuts are met exactly.
 */
export class AdaptiveWindow {
  readonly #settings: AdaptiveWindowSettings;
  readonly #perRow: number;
  readonly #totals: Float64Array;
  readonly #squares: Float64Array;
  readonly #counts = new Int32Array(mostRows);
  #rows = 1;
  #width = 0;
  #total = 0;
  #sumOfSquares = 0;

  constructor(settings: AdaptiveWindowSettings) {
    this.#settings = settings;
    this.#perRow = settings.maxBuckets + 1;
    this.#totals = new Float64Array(mostRows * this.#perRow);
    this.#squares = new Float64Array(mostRows * this.#perRow);
  }

  /** Observations held. */
  get width(): number {
    return this.#width;
  }

  /** Their sum. */
  get total(): number {
    return this.#total;
  }

  /** Their sum of squared deviations from the mean. */
  get squares(): number {
    return this.#sumOfSquares;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#rows = 1;
    this.#width = 0;
    this.#total = 0;
    this.#sumOfSquares = 0;
  }

  /** Takes one observation in as a bucket of its own. */
  add(value: number): void {
    this.#append(0, value, 0);
    const before = this.#width;
    this.#width = before + 1;
    if (before > 0) {
      const deviation = value - this.#total / before;
      this.#sumOfSquares += (before * deviation * deviation) / this.#width;
    }
    this.#total += value;
    if (this.#counts[0] === this.#perRow) this.#compress();
  }

  /** Drops buckets from the old end for as long as some cut shows a change. @returns whether any did */
  shrink(): boolean {
    let changed = false;
    while (this.#hasCut()) {
      this.#dropOldest();
      changed = true;
    }
    return changed;
  }

  /** Whether the means on the two sides of some border of buckets differ by more than chance allows. */
  #hasCut(): boolean {
    const { delta, minWindowLength, minPartLength } = this.#settings;
    const logTerm = Math.log((2 * Math.log(this.#width)) / delta);
    const variance = this.#sumOfSquares / this.#width;
    const perRow = this.#perRow;
    let oldLength = 0;
    let newLength = this.#width;
    let oldTotal = 0;
    let newTotal = this.#total;
    let length = 2 ** this.#rows;
    for (let row = this.#rows - 1; row >= 0; row--) {
      length /= 2;
      const first = row * perRow;
      const end = first + (this.#counts[row] as number);
      for (let bucket = first; bucket < end; bucket++) {
        const total = this.#totals[bucket] as number;
        oldLength += length;
        newLength -= length;
        oldTotal += total;
        newTotal -= total;
        if (newLength < minPartLength) return false;
        if (oldLength < minPartLength) continue;
        const inverse = 1 / (oldLength - minWindowLength + 1) + 1 / (newLength - minWindowLength + 1);
        const bound = Math.sqrt(2 * inverse * variance * logTerm) + (2 / 3) * logTerm * inverse;
        if (Math.abs(oldTotal / oldLength - newTotal / newLength) > bound) return true;
      }
    }
    return false;
  }

  #append(row: number, total: number, squares: number): void {
    const count = this.#counts[row] as number;
    const place = row * this.#perRow + count;
    this.#totals[place] = total;
    this.#squares[place] = squares;
    this.#counts[row] = count + 1;
  }

  /** Takes the oldest `buckets` out of a row. */
  #removeOldest(row: number, buckets: number): void {
    const first = row * this.#perRow;
    const left = (this.#counts[row] as number) - buckets;
    for (let place = first; place < first + left; place++) {
      this.#totals[place] = this.#totals[place + buckets] as number;
      this.#squares[place] = this.#squares[place + buckets] as number;
    }
    this.#counts[row] = left;
  }

  #compress(): void {
    for (let row = 0; this.#counts[row] === this.#perRow; row++) {
      if (row + 1 === this.#rows) this.#rows++;
      const first = row * this.#perRow;
      const length = 2 ** row;
      const older = this.#totals[first] as number;
      const newer = this.#totals[first + 1] as number;
      const difference = older / length - newer / length;
      const between = (length * length * difference * difference) / (length + length);
      const within = (this.#squares[first] as number) + (this.#squares[first + 1] as number);
      this.#append(row + 1, older + newer, within + between);
      this.#removeOldest(row, 2);
    }
  }

  #dropOldest(): void {
    const row = this.#rows - 1;
    const length = 2 ** row;
    const total = this.#totals[row * this.#perRow] as number;
    this.#width -= length;
    this.#total -= total;
    const difference = total / length - this.#total / this.#width;
    const within = this.#squares[row * this.#perRow] as number;
    this.#sumOfSquares -= within + (length * this.#width * difference * difference) / (length + this.#width);
    this.#removeOldest(row, 1);
    if (this.#counts[row] === 0) this.#rows--;
  }
}
