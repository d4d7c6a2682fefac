import type { DimensionShift } from './embedding-report';

/** Finite rows that a mean is taken over. */
const windowRows = 1000;
const topCount = 10;

/** Means of standardised rows, by dimension: of the last whole window, and of the one that is being filled. */
export class MeanShifts {
  readonly #sums: Float64Array;
  readonly #last: Float64Array;
  #rows = 0;
  #windows = 0;

  constructor(width: number) {
    this.#sums = new Float64Array(width);
    this.#last = new Float64Array(width);
  }

  /** Takes a standardised row of finite values. */
  add(row: Float64Array): void {
    for (let i = 0; i < row.length; i++) this.#sums[i] = (this.#sums[i] as number) + (row[i] as number);
    if (++this.#rows < windowRows) return;
    this.#last.set(this.#sums);
    this.#sums.fill(0);
    this.#rows = 0;
    this.#windows++;
  }

  /** The dimensions that moved most over the last whole window and the rows since. */
  top(): DimensionShift[] {
    if (this.#windows === 0) return [];
    const shifts = Array.from(this.#sums, (sum, dimension) => ({
      dimension,
      shift: (sum + (this.#last[dimension] as number)) / (this.#rows + windowRows),
    }));
    return shifts.sort((a, b) => Math.abs(b.shift) - Math.abs(a.shift)).slice(0, topCount);
  }
}
