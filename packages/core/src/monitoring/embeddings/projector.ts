import { createRandom } from '../random';
import type { RowView } from '../rows';
import type { EmbeddingReference } from './embedding-reference';

/** Of the mean deviation: below it a dimension counts as constant, and its rounding errors are not blown up. */
const leastDeviation = 1e-3;

/** What one divides by to standardise each dimension: its deviation, unless it is next to nothing beside the others. */
export function scalesOf(deviation: Float64Array): Float64Array {
  let sum = 0;
  for (const value of deviation) sum += value;
  const floor = (sum / deviation.length) * leastDeviation;
  // A dimension that never varied is measured by what the others do, or where none does, as it is.
  const ofConstants = sum > 0 ? sum / deviation.length : 1;
  return deviation.map((value) => (value > floor ? value : ofConstants));
}

/** The signs of the projections, `projections × width`: independent, each +1 or −1 with probability ½ (Rademacher). */
export function rademacherSigns(seed: number, width: number, projections: number): Float32Array {
  const random = createRandom(seed);
  return new Float32Array(width * projections).map(() => (random() < 0.5 ? -1 : 1));
}

/**
 * Standardises embeddings and projects them: each projection is the sum of the standardised values with random signs, divided by
 * √width, so that its variance is about 1. The last feature is the distance from the mean, in standard deviations a dimension.
 */
export class Projector {
  /** The standardised row that was projected last; overwritten by the next. */
  readonly row: Float64Array;
  /** Features of a row: the projections and the distance. */
  readonly features: number;
  readonly #mean: Float64Array;
  readonly #inverse: Float64Array;
  readonly #signs: Float32Array;

  constructor({ width, seed, projectionCount, mean, deviation }: EmbeddingReference) {
    this.row = new Float64Array(width);
    this.features = projectionCount + 1;
    this.#mean = mean;
    this.#inverse = scalesOf(deviation).map((scale) => 1 / scale);
    this.#signs = rademacherSigns(seed, width, projectionCount);
  }

  /**
   * Standardises a row of a tensor into {@link row} and writes its features; all NaN where a value is not finite.
   *
   * @param into where the features go, from `offset` on
   * @returns whether every value was finite
   */
  project({ data, rows, outer, inner }: RowView, index: number, into: Float64Array, offset: number): boolean {
    const { row } = this;
    let place = 0;
    let squares = 0;
    for (let o = 0; o < outer; o++) {
      const start = (o * rows + index) * inner;
      for (let i = 0; i < inner; i++, place++) {
        const value = ((data[start + i] as number) - (this.#mean[place] as number)) * (this.#inverse[place] as number);
        row[place] = value;
        squares += value * value;
      }
    }
    // A value that is NaN or infinite makes the sum so too.
    if (!Number.isFinite(squares)) {
      into.fill(Number.NaN, offset, offset + this.features);
      return false;
    }
    const width = row.length;
    const norm = 1 / Math.sqrt(width);
    const signs = this.#signs;
    const distance = offset + this.features - 1;
    for (let feature = offset, at = 0; feature < distance; feature++) {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += (signs[at++] as number) * (row[i] as number);
      into[feature] = sum * norm;
    }
    into[distance] = Math.sqrt(squares) * norm;
    return true;
  }

  /** Standardises rows that lie one after another. */
  standardise(rows: Float32Array): Float32Array {
    const width = this.row.length;
    return rows.map((value, index) => {
      const place = index % width;
      return (value - (this.#mean[place] as number)) * (this.#inverse[place] as number);
    });
  }
}
