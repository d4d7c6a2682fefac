import type { UnlabelledRows } from './estimated-performance';
import { calibrate, type IsotonicCurve } from './isotonic';
import type { LabelledRows } from './measure';
import type { RowReader } from './prediction';

/** Copies the rows at some places of columns. */
export function selectRows(
  { task, classes, width }: RowReader,
  actual: ArrayLike<number>,
  predicted: ArrayLike<number>,
  probabilities: ArrayLike<number>,
  places: readonly number[],
): LabelledRows {
  const chosen = new Float64Array(places.length * width);
  for (const [row, place] of places.entries()) {
    for (let i = 0; i < width; i++) chosen[row * width + i] = probabilities[place * width + i] as number;
  }
  return {
    task,
    classes: task === 'regression' ? 0 : classes.length,
    rows: places.length,
    actual: Float64Array.from(places, (place) => actual[place] as number),
    predicted: Float64Array.from(places, (place) => predicted[place] as number),
    probabilities: chosen,
  };
}

/** The last rows whose labels are known: a ring of columns. */
export class LabelledWindow {
  readonly #reader: RowReader;
  readonly #slices: number;
  readonly #size: number;
  readonly #actual: Float64Array;
  readonly #predicted: Float64Array;
  readonly #probabilities: Float64Array;
  readonly #parts: Int32Array;
  #added = 0;

  constructor(reader: RowReader, slices: number, size: number) {
    this.#reader = reader;
    this.#slices = slices;
    this.#size = size;
    this.#actual = new Float64Array(size);
    this.#predicted = new Float64Array(size);
    this.#probabilities = new Float64Array(size * reader.width);
    this.#parts = new Int32Array(size * slices);
  }

  /** Rows in the window. */
  get rows(): number {
    return Math.min(this.#added, this.#size);
  }

  /** Rows ever added. */
  get added(): number {
    return this.#added;
  }

  /** Adds a row, in the place of the oldest where the window is full; answers its number, by which it can be corrected. */
  add(actual: number, predicted: number, probabilities: Float64Array, parts: Int32Array): number {
    const place = this.#added % this.#size;
    this.#actual[place] = actual;
    this.#predicted[place] = predicted;
    this.#probabilities.set(probabilities, place * this.#reader.width);
    this.#parts.set(parts, place * this.#slices);
    return this.#added++;
  }

  /** Gives a row another label; `false` where it has left the window. */
  correct(number: number, actual: number): boolean {
    if (number < this.#added - this.#size) return false;
    this.#actual[number % this.#size] = actual;
    return true;
  }

  clear(): void {
    this.#added = 0;
  }

  /** The rows, or those of one part of a slice. */
  select(part?: number): LabelledRows {
    const places: number[] = [];
    for (let place = 0; place < this.rows; place++) {
      if (part === undefined || this.#isOf(place, part)) places.push(place);
    }
    return selectRows(this.#reader, this.#actual, this.#predicted, this.#probabilities, places);
  }

  #isOf(place: number, part: number): boolean {
    for (let slice = 0; slice < this.#slices; slice++) {
      if (this.#parts[place * this.#slices + slice] === part) return true;
    }
    return false;
  }
}

/** The last rows that were predicted, labelled or not, with calibrated probabilities: what an estimate is made of. */
export class CalibratedWindow {
  readonly #curves: readonly IsotonicCurve[];
  readonly #classes: number;
  readonly #size: number;
  readonly #predicted: Float64Array;
  readonly #calibrated: Float64Array;
  readonly #scores: Float64Array;
  #added = 0;

  /** @param curves of the positive class for two classes, else one for each class */
  constructor(curves: readonly IsotonicCurve[], classes: number, size: number) {
    this.#curves = curves;
    this.#classes = classes;
    this.#size = size;
    this.#predicted = new Float64Array(size);
    this.#calibrated = new Float64Array(size * classes);
    this.#scores = new Float64Array(size * classes);
  }

  /** Adds a row; one without probabilities is left out. */
  add(predicted: number, probabilities: ArrayLike<number>): void {
    if (Number.isNaN(probabilities[0] as number)) return;
    const place = this.#added % this.#size;
    this.#added++;
    this.#predicted[place] = predicted;
    const start = place * this.#classes;
    if (this.#curves.length === 1) {
      const score = probabilities[0] as number;
      const calibrated = calibrate(this.#curves[0] as IsotonicCurve, score);
      this.#scores.set([1 - score, score], start);
      this.#calibrated.set([1 - calibrated, calibrated], start);
      return;
    }
    let sum = 0;
    for (const [index, curve] of this.#curves.entries()) {
      const calibrated = calibrate(curve, probabilities[index] as number);
      this.#scores[start + index] = probabilities[index] as number;
      this.#calibrated[start + index] = calibrated;
      sum += calibrated;
    }
    // Each class is calibrated against the rest; together they are made to add up to 1 again.
    for (let index = 0; index < this.#classes; index++) {
      this.#calibrated[start + index] = sum > 0 ? (this.#calibrated[start + index] as number) / sum : 1 / this.#classes;
    }
  }

  rows(): UnlabelledRows {
    const rows = Math.min(this.#added, this.#size);
    return {
      classes: this.#classes,
      rows,
      predicted: this.#predicted.subarray(0, rows),
      calibrated: this.#calibrated.subarray(0, rows * this.#classes),
      scores: this.#scores.subarray(0, rows * this.#classes),
    };
  }
}

/** Means of expected losses over the last rows that were predicted. */
export class LossWindow {
  readonly #absolute: Float64Array;
  readonly #squared: Float64Array;
  #added = 0;

  constructor(size: number) {
    this.#absolute = new Float64Array(size);
    this.#squared = new Float64Array(size);
  }

  add(absolute: number, squared: number): void {
    const place = this.#added % this.#absolute.length;
    this.#added++;
    this.#absolute[place] = absolute;
    this.#squared[place] = squared;
  }

  /** `undefined` where there is no row. */
  means(): { readonly rows: number; readonly absolute: number; readonly squared: number } | undefined {
    const rows = Math.min(this.#added, this.#absolute.length);
    if (rows === 0) return undefined;
    const mean = (values: Float64Array): number =>
      values.subarray(0, rows).reduce((sum, value) => sum + value, 0) / rows;
    return { rows, absolute: mean(this.#absolute), squared: mean(this.#squared) };
  }
}
