import { checkColumn, columnLength } from './arguments';
import { corruptState, numberIn, type PlainNumber, plainNumber, recordIn, wholeIn } from './state-checks';

/** The plain form of moments: what JSON holds. */
export interface MomentsJson {
  readonly count: number;
  readonly skipped: number;
  readonly mean: PlainNumber;
  /** Sum of the squared distances from the mean. */
  readonly squares: PlainNumber;
  readonly minimum: PlainNumber;
  readonly maximum: PlainNumber;
}

/**
 * Makes count, mean, variance, minimum and maximum of numbers, one at a time (Welford's recurrence), mergeable (Chan, Golub
 * and LeVeque). NaN and the infinities are left out and counted in `skipped`.
 */
export function createMoments(): Moments {
  return new Moments();
}

const [countAt, meanAt, squaresAt, minimumAt, maximumAt, skippedAt] = [0, 1, 2, 3, 4, 5] as const;
/** Values of a column that are added up at once. */
const blockLength = 512;

/** Count, mean, variance and range; {@link createMoments} makes one and explains it. */
export class Moments {
  /** In a typed array, so that no step makes a number on the heap. */
  readonly #state = new Float64Array(6);

  /**
   * Use {@link createMoments}.
   * @param state what it begins with, checked
   */
  constructor(state?: MomentsJson) {
    this.reset();
    if (state === undefined) return;
    const { count, mean, squares, minimum, maximum, skipped } = state;
    this.#state.set([count, Number(mean), Number(squares), Number(minimum), Number(maximum), skipped]);
  }

  /** Adds a value. Allocates nothing. */
  add(value: number): void {
    const state = this.#state;
    if (value - value !== 0) {
      state[skippedAt] = (state[skippedAt] as number) + 1;
      return;
    }
    const count = (state[countAt] as number) + 1;
    const mean = state[meanAt] as number;
    const step = value - mean;
    // Two values may lie further apart than the greatest double.
    const next = step - step === 0 ? mean + step / count : mean * ((count - 1) / count) + value / count;
    state[countAt] = count;
    state[meanAt] = next;
    state[squaresAt] = (state[squaresAt] as number) + step * (value - next);
    if (value < (state[minimumAt] as number)) state[minimumAt] = value;
    if (value > (state[maximumAt] as number)) state[maximumAt] = value;
  }

  /**
   * Adds values of an array: those at `start`, `start + stride` and so on. It takes a fraction of the time of adding them one
   * by one, since it divides once in several hundred values; the result may differ in the last bits.
   *
   * @param start index of the first. @default 0
   * @param stride distance from one to the next. @default 1
   * @param count how many. @default all that the array has
   * @throws FairleadError `INVALID_ARGUMENT` when the array does not have them; nothing is added then
   */
  addColumn(data: ArrayLike<number>, start = 0, stride = 1, count = columnLength(data, start, stride)): void {
    checkColumn(data, start, stride, count);
    const end = start + count * stride;
    for (let from = start; from < end; from += blockLength * stride) {
      this.#addBlock(data, from, stride, Math.min(end, from + blockLength * stride));
    }
  }

  #addBlock(data: ArrayLike<number>, start: number, stride: number, end: number): void {
    const state = this.#state;
    let count = 0;
    let seen = 0;
    let sum = 0;
    let minimum = state[minimumAt] as number;
    let maximum = state[maximumAt] as number;
    for (let at = start; at < end; at += stride) {
      const value = data[at] as number;
      seen++;
      if (value - value !== 0) continue;
      count++;
      sum += value;
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
    }
    if (count > 0 && sum - sum !== 0) {
      for (let at = start; at < end; at += stride) this.add(data[at] as number);
      return;
    }
    state[skippedAt] = (state[skippedAt] as number) + seen - count;
    if (count === 0) return;
    const mean = sum / count;
    let squares = 0;
    let rest = 0;
    for (let at = start; at < end; at += stride) {
      const value = data[at] as number;
      if (value - value !== 0) continue;
      const step = value - mean;
      squares += step * step;
      rest += step;
    }
    // What rounding left in the mean of the block is taken out again.
    this.#combine(count, mean + rest / count, Math.max(0, squares - (rest * rest) / count));
    state[minimumAt] = minimum;
    state[maximumAt] = maximum;
  }

  /** Chan's update, symmetric in the two sides, so that merging is commutative bit for bit. */
  #combine(count: number, mean: number, squares: number): void {
    const state = this.#state;
    const own = state[countAt] as number;
    const ownMean = state[meanAt] as number;
    if (own === 0) {
      state[countAt] = count;
      state[meanAt] = mean;
      state[squaresAt] = squares;
      return;
    }
    const total = own + count;
    const apart = mean - ownMean;
    const between = apart === 0 ? 0 : apart * apart * ((own * count) / total);
    state[countAt] = total;
    state[meanAt] = apart === 0 ? mean : ownMean * (own / total) + mean * (count / total);
    state[squaresAt] = (state[squaresAt] as number) + squares + between;
  }

  /** Adds what another saw: the same, to rounding, as if this had seen it too. */
  merge(other: Moments): void {
    const [count, mean, squares, minimum, maximum, skipped] = other.#state as unknown as MomentsState;
    const state = this.#state;
    if (count > 0) this.#combine(count, mean, squares);
    if (minimum < (state[minimumAt] as number)) state[minimumAt] = minimum;
    if (maximum > (state[maximumAt] as number)) state[maximumAt] = maximum;
    state[skippedAt] = (state[skippedAt] as number) + skipped;
  }

  /** Forgets everything. */
  reset(): void {
    this.#state.fill(0);
    this.#state[minimumAt] = Number.POSITIVE_INFINITY;
    this.#state[maximumAt] = Number.NEGATIVE_INFINITY;
  }

  /** Finite values that were added. */
  get count(): number {
    return this.#state[countAt] as number;
  }

  /** Values that were left out: NaN and the infinities. */
  get skipped(): number {
    return this.#state[skippedAt] as number;
  }

  /** The mean; NaN when there are no values. */
  get mean(): number {
    return this.count === 0 ? Number.NaN : (this.#state[meanAt] as number);
  }

  /** The least value; +∞ when there are none. */
  get minimum(): number {
    return this.#state[minimumAt] as number;
  }

  /** The greatest value; −∞ when there are none. */
  get maximum(): number {
    return this.#state[maximumAt] as number;
  }

  /**
   * The variance: the squared distances from the mean by `count − ddof`. NaN when there are not more than `ddof` values,
   * infinity where the squares are beyond doubles (distances above 1e154).
   *
   * @param ddof 0 for the values as they are, 1 for an estimate of what they were drawn from. @default 0
   */
  variance(ddof: 0 | 1 = 0): number {
    const divisor = this.count - ddof;
    return divisor > 0 ? (this.#state[squaresAt] as number) / divisor : Number.NaN;
  }

  /** The standard deviation: the root of {@link Moments.variance}. */
  deviation(ddof: 0 | 1 = 0): number {
    return Math.sqrt(this.variance(ddof));
  }

  /** Bytes of its array. */
  get byteLength(): number {
    return this.#state.byteLength;
  }

  /** The plain form, which {@link momentsFromJson} reads. */
  toJSON(): MomentsJson {
    const [count, mean, squares, minimum, maximum, skipped] = this.#state as unknown as MomentsState;
    return {
      count,
      skipped,
      mean: plainNumber(mean),
      squares: plainNumber(squares),
      minimum: plainNumber(minimum),
      maximum: plainNumber(maximum),
    };
  }
}

type MomentsState = readonly [number, number, number, number, number, number];

/**
 * Reads the plain form of {@link Moments.toJSON}.
 *
 * @param field how messages name it. @default 'moments'
 * @throws FairleadError `STORE_CORRUPT` when it is none or contradicts itself
 */
export function momentsFromJson(plain: unknown, field = 'moments'): Moments {
  const state = recordIn(plain, field, ['count', 'skipped', 'mean', 'squares', 'minimum', 'maximum']);
  const count = wholeIn(state.count, `${field}.count`);
  const skipped = wholeIn(state.skipped, `${field}.skipped`);
  const mean = numberIn(state.mean, `${field}.mean`);
  const squares = numberIn(state.squares, `${field}.squares`);
  const minimum = numberIn(state.minimum, `${field}.minimum`);
  const maximum = numberIn(state.maximum, `${field}.maximum`);
  if (count === 0) {
    const empty = mean === 0 && squares === 0 && minimum === Number.POSITIVE_INFINITY && maximum === -minimum;
    if (!empty) throw corruptState(field, 'nothing, as there are no values', 'moments of some');
    return new Moments({ count, skipped, mean: 0, squares: 0, minimum: 'Infinity', maximum: '-Infinity' });
  }
  if (!Number.isFinite(mean)) throw corruptState(`${field}.mean`, 'a finite number', String(mean));
  if (!(squares >= 0)) throw corruptState(`${field}.squares`, '0 or more', String(squares));
  if (!(Number.isFinite(minimum) && Number.isFinite(maximum) && minimum <= maximum)) {
    throw corruptState(`${field}.minimum`, 'finite, at or below the maximum', `${minimum} and ${maximum}`);
  }
  const slack = 1e-9 * Math.max(Math.abs(minimum), Math.abs(maximum));
  if (mean < minimum - slack || mean > maximum + slack) {
    throw corruptState(`${field}.mean`, `between ${minimum} and ${maximum}`, String(mean));
  }
  return new Moments({
    count,
    skipped,
    mean: plainNumber(mean),
    squares: plainNumber(squares),
    minimum: plainNumber(minimum),
    maximum: plainNumber(maximum),
  });
}
