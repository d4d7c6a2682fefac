import { FairleadError } from '../errors';
import { createRandom } from './random';

const seed = 20_240_229;
/** Most bytes that the kept rows may take. */
const mostBytes = 2 ** 30;

/** Moments of the finite values of one feature, over all rows that were read. */
export interface Moments {
  readonly mean: number | null;
  readonly deviation: number | null;
  readonly minimum: number | null;
  readonly maximum: number | null;
}

/**
 * The rows that a reference is fitted from: all of them up to `maxRows`, beyond that a uniform sample (Vitter's
 * algorithm R, seeded). Moments are kept over every row (Welford).
 */
export class RowStore {
  readonly width: number;
  readonly #maxRows: number;
  readonly #random = createRandom(seed);
  readonly #finite: Float64Array;
  readonly #means: Float64Array;
  readonly #squares: Float64Array;
  readonly #minima: Float64Array;
  readonly #maxima: Float64Array;
  #values: Float64Array;
  #rowsRead = 0;

  /** @throws FairleadError `LIMIT_EXCEEDED` when `maxRows` rows would take more than a GiB */
  constructor(width: number, maxRows: number) {
    if (width * maxRows * 8 > mostBytes) {
      const fit = Math.floor(mostBytes / 8 / width);
      throw new FairleadError(
        'LIMIT_EXCEEDED',
        `maxRows: ${maxRows} rows of ${width} values take more than 1 GiB. Ask for at most ${fit} rows.`,
        { details: { field: 'maxRows', expected: `at most ${fit}`, given: String(maxRows) } },
      );
    }
    this.width = width;
    this.#maxRows = maxRows;
    this.#values = new Float64Array(Math.min(maxRows, 256) * width);
    this.#finite = new Float64Array(width);
    this.#means = new Float64Array(width);
    this.#squares = new Float64Array(width);
    this.#minima = new Float64Array(width).fill(Number.POSITIVE_INFINITY);
    this.#maxima = new Float64Array(width).fill(Number.NEGATIVE_INFINITY);
  }

  /** Rows that were read. */
  get rowsRead(): number {
    return this.#rowsRead;
  }

  /** Rows that were kept. */
  get rows(): number {
    return Math.min(this.#rowsRead, this.#maxRows);
  }

  /** Takes a copy of a row. */
  add(row: Float64Array): void {
    this.#addToMoments(row);
    const index = this.#rowsRead++;
    const place = index < this.#maxRows ? index : Math.floor(this.#random() * (index + 1));
    if (place >= this.#maxRows) return;
    const end = (place + 1) * this.width;
    if (end > this.#values.length) {
      const grown = new Float64Array(Math.min(this.#values.length * 2, this.#maxRows * this.width));
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values.set(row, place * this.width);
  }

  /** The kept values of a feature, finite and not, in no order. */
  column(feature: number): Float64Array {
    const column = new Float64Array(this.rows);
    for (let row = 0; row < column.length; row++) column[row] = this.#values[row * this.width + feature] as number;
    return column;
  }

  /** Moments of a feature. */
  moments(feature: number): Moments {
    const finite = this.#finite[feature] as number;
    if (finite === 0) return { mean: null, deviation: null, minimum: null, maximum: null };
    return {
      mean: this.#means[feature] as number,
      deviation: Math.sqrt((this.#squares[feature] as number) / finite),
      minimum: this.#minima[feature] as number,
      maximum: this.#maxima[feature] as number,
    };
  }

  #addToMoments(row: Float64Array): void {
    for (let feature = 0; feature < this.width; feature++) {
      const value = row[feature] as number;
      if (!Number.isFinite(value)) continue;
      const finite = (this.#finite[feature] as number) + 1;
      const mean = this.#means[feature] as number;
      const step = value - mean;
      const next = mean + step / finite;
      this.#finite[feature] = finite;
      this.#means[feature] = next;
      this.#squares[feature] = (this.#squares[feature] as number) + step * (value - next);
      if (value < (this.#minima[feature] as number)) this.#minima[feature] = value;
      if (value > (this.#maxima[feature] as number)) this.#maxima[feature] = value;
    }
  }
}
