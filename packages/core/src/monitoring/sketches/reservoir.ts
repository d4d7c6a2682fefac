import { checkOptions, optionError, test, wholeNumber } from '../../option-checks';
import { createRandom } from '../random';
import { checkColumn, columnLength, refuseArgument, refuseOtherSketch } from './arguments';
import { corruptState, listIn, numberIn, type PlainNumber, plainNumber, recordIn, wholeIn } from './state-checks';

/** Options of {@link createReservoir}. */
export interface ReservoirOptions {
  /** Rows that are kept, 1 to 65,536. @default 256 */
  readonly size?: number;
  /** Values of a row, 1 to 65,536; `size · width` is at most 2²⁴. @default 1 */
  readonly width?: number;
  /** How values are kept: `float32` takes half the memory of `float64` and rounds. @default 'float64' */
  readonly dtype?: 'float32' | 'float64';
  /** Start of the random numbers, a whole number. Reservoirs that will be merged should each have another. @default 1 */
  readonly seed?: number;
}

/** The plain form of a reservoir: what JSON holds. Its random numbers are not part of it. */
export interface ReservoirJson {
  readonly size: number;
  readonly width: number;
  readonly dtype: 'float32' | 'float64';
  /** Rows that were offered. */
  readonly seen: number;
  /** Values of the kept rows, one row after the other. */
  readonly values: readonly PlainNumber[];
}

/** What may be asked for. */
export const reservoirLimits = { size: 65_536, width: 65_536, values: 2 ** 24 } as const;
const usual = { size: 256, width: 1, dtype: 'float64', seed: 1 } as const;

const optionChecks = {
  size: wholeNumber(1, reservoirLimits.size),
  width: wholeNumber(1, reservoirLimits.width),
  dtype: test((value) => value === 'float32' || value === 'float64', '"float32" or "float64"'),
  seed: wholeNumber(0, 2 ** 32 - 1),
};

/**
 * Makes a uniform sample of fixed size of all rows that it is offered: each is in it with the same chance, and so is each set
 * of them. It draws how many rows to pass over (Li's algorithm L), so that a row that is not kept costs a comparison.
 *
 * @throws FairleadError `INVALID_OPTION` for an option that is wrong
 */
export function createReservoir(options: ReservoirOptions = {}): Reservoir {
  checkOptions('createReservoir', options, optionChecks);
  const { size, width, dtype, seed } = { ...usual, ...options };
  if (size * width > reservoirLimits.values) {
    const most = Math.floor(reservoirLimits.values / width);
    throw optionError('createReservoir', 'size', `at most ${most} rows of ${width} values`, size);
  }
  return new Reservoir(size, width, dtype, seed);
}

/** Rows that were offered. */
const seenAt = 0;
/** Rows still to be passed over before one is kept. */
const skipAt = 1;
/** The greatest of the `size` least of as many uniform numbers as rows were seen. */
const thresholdAt = 2;

/** A uniform sample of rows; {@link createReservoir} makes one and explains it. */
export class Reservoir {
  readonly size: number;
  readonly width: number;
  readonly dtype: 'float32' | 'float64';
  readonly #values: Float32Array | Float64Array;
  readonly #random: () => number;
  /** In a typed array, so that no step makes a number on the heap. */
  readonly #state = new Float64Array(3);

  /** Use {@link createReservoir}. */
  constructor(size: number, width: number, dtype: 'float32' | 'float64', seed: number) {
    this.size = size;
    this.width = width;
    this.dtype = dtype;
    this.#values = dtype === 'float32' ? new Float32Array(size * width) : new Float64Array(size * width);
    this.#random = createRandom(seed);
  }

  /**
   * Offers a row: `width` values of an array from `start` on, which are copied when it is kept.
   * @throws FairleadError `INVALID_ARGUMENT` when the array does not have them
   */
  addRow(data: ArrayLike<number>, start = 0): void {
    checkColumn(data, start, 1, this.width);
    const row = this.#take();
    if (row >= 0) this.#copy(data, start, row);
  }

  /**
   * Offers a value, a row of a reservoir of width 1.
   * @throws FairleadError `INVALID_ARGUMENT` when rows are wider
   */
  add(value: number): void {
    this.#onlyValues();
    const row = this.#take();
    if (row >= 0) this.#values[row] = value;
  }

  /**
   * Offers values of an array to a reservoir of width 1, and looks only at those that it keeps.
   *
   * @param start index of the first. @default 0
   * @param stride distance from one to the next. @default 1
   * @param count how many. @default all that the array has
   * @throws FairleadError `INVALID_ARGUMENT` when rows are wider, or the array does not have them
   */
  addColumn(data: ArrayLike<number>, start = 0, stride = 1, count = columnLength(data, start, stride)): void {
    this.#onlyValues();
    checkColumn(data, start, stride, count);
    for (let index = 0; index < count; index++) {
      if (this.seen >= this.size) {
        const passed = Math.min(this.#state[skipAt] as number, count - index);
        this.#state[seenAt] = this.seen + passed;
        this.#state[skipAt] = (this.#state[skipAt] as number) - passed;
        index += passed;
        if (index >= count) return;
      }
      const row = this.#take();
      if (row >= 0) this.#values[row] = data[start + index * stride] as number;
    }
  }

  /** Counts a row and says where it goes; −1 when it is not kept. */
  #take(): number {
    const { size } = this;
    const state = this.#state;
    const index = state[seenAt] as number;
    state[seenAt] = index + 1;
    if (index < size) {
      if (index === size - 1) this.#draw();
      return index;
    }
    const skip = state[skipAt] as number;
    if (skip > 0) {
      state[skipAt] = skip - 1;
      return -1;
    }
    state[thresholdAt] = (state[thresholdAt] as number) * Math.exp(Math.log(this.#uniform()) / size);
    this.#drawSkip();
    return this.#below(size);
  }

  /**
   * Draws the threshold as it would be by now, the `size`-th least of so many uniform numbers, and the rows to pass over.
   * Each next least of n numbers lies above the last by a share that is the least of the rest, so that
   * log(1 − threshold) is a sum of `size` logarithms.
   */
  #draw(): void {
    let log = 0;
    for (let i = 0; i < this.size; i++) log += Math.log(this.#uniform()) / (this.seen - i);
    this.#state[thresholdAt] = -Math.expm1(log);
    this.#drawSkip();
  }

  #drawSkip(): void {
    const skip = Math.floor(Math.log(this.#uniform()) / Math.log1p(-(this.#state[thresholdAt] as number)));
    // A threshold that rounds to 0 would pass over more rows than can be counted.
    this.#state[skipAt] = skip < Number.MAX_SAFE_INTEGER ? skip : Number.MAX_SAFE_INTEGER;
  }

  /** Above 0 and below 1. */
  #uniform(): number {
    return this.#random() + 2 ** -33;
  }

  /** A whole number from 0 up to, without, a limit. */
  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #copy(from: ArrayLike<number>, start: number, row: number): void {
    const { width } = this;
    for (let i = 0; i < width; i++) this.#values[row * width + i] = from[start + i] as number;
  }

  #onlyValues(): void {
    if (this.width !== 1) throw refuseArgument('value', `a row of ${this.width} values: use addRow`, 'a single value');
  }

  /**
   * Takes in what another saw: a uniform sample of the rows of both. How many come from each side is drawn by how many rows
   * each has seen (without putting back), and which by lot.
   * @throws FairleadError `INVALID_ARGUMENT` when the other has another size, width or dtype
   */
  merge(other: Reservoir): void {
    if (other.size !== this.size || other.width !== this.width || other.dtype !== this.dtype) {
      const options = (of: Reservoir) => `size ${of.size}, width ${of.width} and dtype ${of.dtype}`;
      throw refuseOtherSketch(options(this), options(other));
    }
    const { size, width } = this;
    const theirs = other === this ? this.#values.slice() : other.#values;
    const [ownRows, theirRows] = [this.rows, other.rows];
    const [ownSeen, theirSeen] = [this.seen, other.seen];
    const rows = Math.min(size, ownSeen + theirSeen);
    let kept = 0;
    for (let drawn = 0; drawn < rows; drawn++) {
      const left = ownSeen - kept + theirSeen - (drawn - kept);
      if (this.#random() * left < ownSeen - kept) kept++;
    }
    for (let row = 0; row < kept; row++) this.#swap(row, row + this.#below(ownRows - row));
    // Selection sampling: of the rows that are left over there, each is taken with the share that is still wanted.
    for (let row = 0, wanted = rows - kept; wanted > 0; row++) {
      if (this.#random() * (theirRows - row) >= wanted) continue;
      this.#copy(theirs, row * width, rows - wanted);
      wanted--;
    }
    this.#state[seenAt] = ownSeen + theirSeen;
    if (this.seen >= size) this.#draw();
  }

  #swap(left: number, right: number): void {
    if (left === right) return;
    const { width } = this;
    const values = this.#values;
    for (let i = 0; i < width; i++) {
      const value = values[left * width + i] as number;
      values[left * width + i] = values[right * width + i] as number;
      values[right * width + i] = value;
    }
  }

  /** Forgets everything but goes on with its random numbers. */
  reset(): void {
    this.#state.fill(0);
  }

  /** Rows that were offered. */
  get seen(): number {
    return this.#state[seenAt] as number;
  }

  /** Rows that it holds: all that were offered, `size` at most. */
  get rows(): number {
    return Math.min(this.seen, this.size);
  }

  /** The kept rows one after the other, in no order, a copy. */
  values(): Float32Array | Float64Array {
    return this.#values.slice(0, this.rows * this.width);
  }

  /** Bytes of its array. */
  get byteLength(): number {
    return this.#values.byteLength + this.#state.byteLength;
  }

  /** The plain form, which {@link reservoirFromJson} reads. */
  toJSON(): ReservoirJson {
    const { size, width, dtype, seen } = this;
    return { size, width, dtype, seen, values: Array.from(this.values(), plainNumber) };
  }

  /** A reservoir with these rows, which were checked. */
  static of(state: ReservoirJson, seed: number): Reservoir {
    const reservoir = new Reservoir(state.size, state.width, state.dtype, seed);
    reservoir.#values.set(state.values.map(Number));
    reservoir.#state[seenAt] = state.seen;
    if (state.seen >= state.size) reservoir.#draw();
    return reservoir;
  }
}

/**
 * Reads the plain form of {@link Reservoir.toJSON}. Nothing is believed: sizes and counts are checked.
 *
 * @param seed start of its further random numbers, a whole number below 2³². @default 1
 * @param field how messages name it. @default 'sample'
 * @throws FairleadError `STORE_CORRUPT` when it is none or contradicts itself
 */
export function reservoirFromJson(plain: unknown, seed: number = usual.seed, field = 'sample'): Reservoir {
  const state = recordIn(plain, field, ['size', 'width', 'dtype', 'seen', 'values']);
  const size = wholeIn(state.size, `${field}.size`, 1, reservoirLimits.size);
  const mostWidth = Math.min(reservoirLimits.width, Math.floor(reservoirLimits.values / size));
  const width = wholeIn(state.width, `${field}.width`, 1, mostWidth);
  const { dtype } = state;
  if (dtype !== 'float32' && dtype !== 'float64') throw corruptState(`${field}.dtype`, '"float32" or "float64"', dtype);
  const seen = wholeIn(state.seen, `${field}.seen`);
  const length = Math.min(seen, size) * width;
  const list = listIn(state.values, `${field}.values`, length);
  if (list.length !== length) throw corruptState(`${field}.values`, `${length} values`, String(list.length));
  const values = list.map((value, index) => plainNumber(numberIn(value, `${field}.values.${index}`)));
  return Reservoir.of({ size, width, dtype, seen, values }, seed);
}
