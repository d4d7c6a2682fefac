import { createRandom } from '../random';

/** Pairs whose median squared distance sets the width of the kernel. */
const medianPairs = 4096;
/** Multiplications, or look-ups in the Gram matrix, between two places where the work can be put aside. */
const workOfStep = 40_000;
/** By which a permuted statistic may be smaller by rounding alone, and still count as equal. */
const rounding = 1e-12;

/** What a two-sample test found. */
export interface MmdOutcome {
  /** The unbiased estimate of the squared maximum mean discrepancy: about 0, and below it half of the time, without a drift. */
  readonly mmd2: number;
  /** (1 + permutations whose estimate is at least as great) / (1 + permutations). */
  readonly pValue: number;
  /** Width of the Gaussian kernel: the median distance between two rows of both samples together. */
  readonly sigma: number;
}

/**
 * The two-sample test by maximum mean discrepancy (Gretton and others, 2012) with the kernel exp(−d²/2σ²) and a permutation
 * p-value, as work that can be put aside at many places. The squared distances among reference rows are computed once.
 *
 * The Gram matrix is kept as its lower triangle: row i begins at i(i−1)/2, so that the reference's part is a prefix.
 */
export class MmdTest {
  readonly #width: number;
  readonly #referenceRows: number;
  readonly #rows: Float32Array;
  readonly #squaredDistances: Float32Array;
  readonly #kernel: Float32Array;
  readonly #rowSums: Float64Array;
  readonly #order: Int32Array;
  readonly #inGroup: Uint8Array;
  readonly #group: Int32Array;
  readonly #random: () => number;
  readonly #permutations: number;
  #comparedRows = 0;

  /**
   * @param reference standardised rows, one after another
   * @param windowRows rows of the other sample
   */
  constructor(reference: Float32Array, width: number, windowRows: number, permutations: number, seed: number) {
    this.#width = width;
    this.#referenceRows = reference.length / width;
    const rows = this.#referenceRows + windowRows;
    this.#rows = new Float32Array(rows * width);
    this.#rows.set(reference);
    this.#squaredDistances = new Float32Array((rows * (rows - 1)) / 2);
    this.#kernel = new Float32Array(this.#squaredDistances.length);
    this.#rowSums = new Float64Array(rows);
    this.#order = Int32Array.from({ length: rows }, (_, index) => index);
    this.#inGroup = new Uint8Array(rows);
    this.#group = new Int32Array(Math.min(this.#referenceRows, windowRows));
    this.#random = createRandom(seed);
    this.#permutations = permutations;
  }

  /**
   * Compares a sample with the reference. It must be driven to its end, or not be begun again.
   * @param window as many standardised rows as were announced; the first step copies them and does no more
   */
  *steps(window: Float32Array): Generator<void, MmdOutcome> {
    this.#rows.set(window, this.#referenceRows * this.#width);
    yield;
    yield* this.#measure();
    const sigma2 = this.#medianSquaredDistance();
    yield* this.#fillKernel(sigma2);
    // The smaller of the two groups, in ascending order: what is chosen is all that the other group is not.
    const size = this.#group.length;
    const start = size === this.#referenceRows ? 0 : this.#referenceRows;
    for (let i = 0; i < size; i++) this.#group[i] = start + i;
    const mmd2 = this.#estimate();
    const level = mmd2 - rounding * Math.max(1, Math.abs(mmd2));
    let asGreat = 0;
    let work = 0;
    for (let permutation = 0; permutation < this.#permutations; permutation++) {
      this.#drawGroup();
      if (this.#estimate() >= level) asGreat++;
      work += size * size;
      if (work < workOfStep) continue;
      work = 0;
      yield;
    }
    return { mmd2, pValue: (1 + asGreat) / (1 + this.#permutations), sigma: Math.sqrt(sigma2) };
  }

  *#measure(): Generator<void, void> {
    const rows = this.#rows;
    const width = this.#width;
    const count = this.#rowSums.length;
    let work = 0;
    for (let i = this.#comparedRows; i < count; i++) {
      const base = (i * (i - 1)) / 2;
      for (let j = 0; j < i; j++) {
        let sum = 0;
        for (let a = i * width, b = j * width, end = a + width; a < end; a++, b++) {
          const difference = (rows[a] as number) - (rows[b] as number);
          sum += difference * difference;
        }
        this.#squaredDistances[base + j] = sum;
        work += width;
        if (work < workOfStep) continue;
        work = 0;
        yield;
      }
    }
    this.#comparedRows = this.#referenceRows;
  }

  /** Of pairs drawn from both samples alike, so that the kernel does not know which row is whose. */
  #medianSquaredDistance(): number {
    const all = this.#squaredDistances;
    const drawn = new Float32Array(Math.min(medianPairs, all.length));
    for (let i = 0; i < drawn.length; i++) drawn[i] = all[Math.floor(this.#random() * all.length)] as number;
    drawn.sort();
    const median = drawn[drawn.length >> 1] as number;
    if (median > 0) return median;
    // More than half of the rows are the same one: the mean distance tells the others apart.
    let sum = 0;
    for (const value of drawn) sum += value;
    return sum > 0 ? sum / drawn.length : 1;
  }

  *#fillKernel(sigma2: number): Generator<void, void> {
    const factor = -1 / (2 * sigma2);
    const count = this.#rowSums.length;
    this.#rowSums.fill(0);
    let work = 0;
    for (let i = 1, at = 0; i < count; i++) {
      let sum = 0;
      for (let j = 0; j < i; j++, at++) {
        const value = Math.fround(Math.exp((this.#squaredDistances[at] as number) * factor));
        this.#kernel[at] = value;
        sum += value;
        this.#rowSums[j] = (this.#rowSums[j] as number) + value;
      }
      this.#rowSums[i] = (this.#rowSums[i] as number) + sum;
      work += i;
      if (work < workOfStep) continue;
      work = 0;
      yield;
    }
  }

  /** Draws rows at random (Fisher–Yates, as far as needed) and puts them in ascending order. */
  #drawGroup(): void {
    const order = this.#order;
    const count = order.length;
    const size = this.#group.length;
    this.#inGroup.fill(0);
    for (let i = 0; i < size; i++) {
      const other = i + Math.floor(this.#random() * (count - i));
      const drawn = order[other] as number;
      order[other] = order[i] as number;
      order[i] = drawn;
      this.#inGroup[drawn] = 1;
    }
    for (let row = 0, place = 0; row < count; row++) if (this.#inGroup[row] === 1) this.#group[place++] = row;
  }

  /** The unbiased estimate for the group against the rest: sums over the rest follow from sums over rows. */
  #estimate(): number {
    const group = this.#group;
    const kernel = this.#kernel;
    const size = group.length;
    const rest = this.#rowSums.length - size;
    let pairs = 0;
    let groupSum = 0;
    for (let a = 0; a < size; a++) {
      const row = group[a] as number;
      const base = (row * (row - 1)) / 2;
      for (let b = 0; b < a; b++) pairs += kernel[base + (group[b] as number)] as number;
      groupSum += this.#rowSums[row] as number;
    }
    let total = 0;
    for (let row = 0; row < this.#rowSums.length; row++) total += this.#rowSums[row] as number;
    const within = 2 * pairs;
    const between = groupSum - within;
    const withinRest = total - 2 * between - within;
    return within / (size * (size - 1)) + withinRest / (rest * (rest - 1)) - (2 * between) / (size * rest);
  }
}
