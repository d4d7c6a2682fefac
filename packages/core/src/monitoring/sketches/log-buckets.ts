import { checkColumn, columnLength, refuseOtherSketch } from './arguments';
import { infinityBits, lowestBitExponent, powerOfTwo } from './float-bits';
import { type BucketRun, bucketLimits, gridLimits, type LogBucketsJson, relativeErrorOf } from './log-buckets-state';
import { type CountEstimate, LogBucketsView, type Rebinned } from './log-buckets-view';

const double = new Float64Array(1);
const words = new Int32Array(double.buffer);
const highWord = new Uint8Array(Int32Array.of(1).buffer)[0] === 1 ? 1 : 0;
/** Where neighbours are summed; nothing in it outlives a call. */
const scratch = new Float64Array(bucketLimits.most);
const nothingLowest = 0x7fffffff;
const nothingHighest = -1;
/** The grid before the first value: above that of any number. */
const noGrid = 1024;
/** Places among the tallies, which follow the buckets. */
const [nanTally, negativeTally, positiveTally, zeroTally] = [0, 1, 2, 3] as const;
const tallies = 4;

/** A histogram with logarithmic buckets; `createLogBuckets` makes one and explains it. */
export class LogBuckets {
  readonly buckets: number;
  readonly zeroWithin: number;
  /** Positive values, then negative ones, then the tallies. A key's place is the key modulo the buckets, so that nothing moves as the range grows. */
  readonly #counts: Float64Array;
  /** Lowest and highest key of the positive values, then of the negative ones. */
  readonly #keys = Int32Array.of(nothingLowest, nothingHighest, nothingLowest, nothingHighest);
  readonly #mask: number;
  /** log2 of the buckets. */
  readonly #bits: number;
  #shift = 0;
  /** 2 to the minus grid: a value times this is whole. NaN before the first value, so that no value passes. */
  #scale = Number.NaN;
  #grid: number = noGrid;

  /**
   * Use `createLogBuckets`.
   * @param state what it begins with, checked
   */
  constructor(buckets: number, zeroWithin: number, state?: LogBucketsJson) {
    this.buckets = buckets;
    this.zeroWithin = zeroWithin;
    this.#mask = buckets - 1;
    this.#bits = Math.log2(buckets);
    this.#counts = new Float64Array(2 * buckets + tallies);
    if (state !== undefined) this.#restore(state);
  }

  /** Counts a value: a finite one in its bucket, zero, NaN and the infinities in tallies. Allocates nothing. */
  add(value: number): void {
    double[0] = value;
    const high = words[highWord] as number;
    const magnitude = high & 0x7fffffff;
    if (magnitude >= infinityBits || Math.abs(value) <= this.zeroWithin) {
      this.#tally(value);
      return;
    }
    const scaled = value * this.#scale;
    if (scaled !== Math.floor(scaled)) this.#refineGrid(value);
    const negative = high >>> 31;
    const key = magnitude >>> this.#shift;
    if (key < (this.#keys[negative << 1] as number) || key > (this.#keys[(negative << 1) | 1] as number)) {
      this.#widen(negative, magnitude, magnitude);
    }
    const place = (negative << this.#bits) | ((magnitude >>> this.#shift) & this.#mask);
    this.#counts[place] = (this.#counts[place] as number) + 1;
  }

  /**
   * Counts values of an array: those at `start`, `start + stride` and so on. What a column of a row-major batch takes.
   *
   * @param start index of the first. @default 0
   * @param stride distance from one to the next. @default 1
   * @param count how many. @default all that the array has
   * @throws FairleadError `INVALID_ARGUMENT` when the array does not have them; nothing is counted then
   */
  addColumn(data: ArrayLike<number>, start = 0, stride = 1, count = columnLength(data, start, stride)): void {
    checkColumn(data, start, stride, count);
    const { zeroWithin } = this;
    const bits = this.#bits;
    const counts = this.#counts;
    const keys = this.#keys;
    const mask = this.#mask;
    let shift = this.#shift;
    let scale = this.#scale;
    const end = start + count * stride;
    for (let at = start; at < end; at += stride) {
      const value = data[at] as number;
      double[0] = value;
      const high = words[highWord] as number;
      const magnitude = high & 0x7fffffff;
      if (magnitude >= infinityBits || Math.abs(value) <= zeroWithin) {
        this.#tally(value);
        continue;
      }
      const scaled = value * scale;
      if (scaled !== Math.floor(scaled)) {
        this.#refineGrid(value);
        scale = this.#scale;
      }
      const negative = high >>> 31;
      const key = magnitude >>> shift;
      if (key < (keys[negative << 1] as number) || key > (keys[(negative << 1) | 1] as number)) {
        this.#widen(negative, magnitude, magnitude);
        shift = this.#shift;
      }
      const place = (negative << bits) | ((magnitude >>> shift) & mask);
      counts[place] = (counts[place] as number) + 1;
    }
  }

  #tally(value: number): void {
    const place = Number.isNaN(value)
      ? nanTally
      : value === Number.POSITIVE_INFINITY
        ? positiveTally
        : value === Number.NEGATIVE_INFINITY
          ? negativeTally
          : zeroTally;
    const at = 2 * this.buckets + place;
    this.#counts[at] = (this.#counts[at] as number) + 1;
  }

  #refineGrid(value: number): void {
    const exponent = Math.min(this.#grid, lowestBitExponent(value), gridLimits.most);
    // Below that 2 to minus the grid is no double: the finest grid, on which every number lies, stands for all of those.
    this.#setGrid(exponent < gridLimits.least ? gridLimits.finest : exponent);
  }

  #setGrid(grid: number): void {
    this.#grid = grid;
    this.#scale = grid === noGrid ? Number.NaN : powerOfTwo(-grid);
  }

  /** Makes room for magnitudes of one sign from `lowest` to `highest` (high words), coarsening as far as that takes. */
  #widen(negative: number, lowest: number, highest: number): void {
    const keys = this.#keys;
    const low = 2 * negative;
    const high = low + 1;
    let shift = this.#shift;
    for (; ; shift++) {
      const finer = shift - this.#shift;
      const from = Math.min((keys[low] as number) >> finer, lowest >>> shift);
      const to = Math.max((keys[high] as number) >> finer, highest >>> shift);
      if (to - from < this.buckets) break;
    }
    this.#coarsenTo(shift);
    keys[low] = Math.min(keys[low] as number, lowest >>> shift);
    keys[high] = Math.max(keys[high] as number, highest >>> shift);
  }

  #coarsenTo(shift: number): void {
    const by = shift - this.#shift;
    if (by === 0) return;
    for (let negative = 0; negative < 2; negative++) {
      const from = this.#keys[2 * negative] as number;
      const to = this.#keys[2 * negative + 1] as number;
      if (to < from) continue;
      // No views of the arrays: a window that empties its buckets again and again comes by here every time.
      const counts = this.#counts;
      const store = negative * this.buckets;
      scratch.fill(0, 0, this.buckets);
      for (let key = from; key <= to; key++) {
        const place = (key >> by) & this.#mask;
        scratch[place] = (scratch[place] as number) + (counts[store + (key & this.#mask)] as number);
      }
      for (let place = 0; place < this.buckets; place++) counts[store + place] = scratch[place] as number;
      this.#keys[2 * negative] = from >> by;
      this.#keys[2 * negative + 1] = to >> by;
    }
    this.#shift = shift;
  }

  /**
   * Adds what another sketch counted: bit for bit what this one would hold if it had seen those values too.
   * @throws FairleadError `INVALID_ARGUMENT` when the other has other options
   */
  merge(other: LogBuckets): void {
    if (other.buckets !== this.buckets || other.zeroWithin !== this.zeroWithin) {
      const options = (of: LogBuckets) => `${of.buckets} buckets and zeroWithin ${of.zeroWithin}`;
      throw refuseOtherSketch(options(this), options(other));
    }
    this.#coarsenTo(Math.max(this.#shift, other.#shift));
    for (let negative = 0; negative < 2; negative++) {
      const from = other.#keys[2 * negative] as number;
      const to = other.#keys[2 * negative + 1] as number;
      if (from <= to) this.#widen(negative, from << other.#shift, to << other.#shift);
    }
    const finer = this.#shift - other.#shift;
    for (let negative = 0; negative < 2; negative++) {
      const from = other.#keys[2 * negative] as number;
      const to = other.#keys[2 * negative + 1] as number;
      const store = negative * this.buckets;
      for (let key = from; key <= to; key++) {
        const place = store + ((key >> finer) & this.#mask);
        this.#counts[place] = (this.#counts[place] as number) + (other.#counts[store + (key & this.#mask)] as number);
      }
    }
    for (let i = 2 * this.buckets; i < this.#counts.length; i++) {
      this.#counts[i] = (this.#counts[i] as number) + (other.#counts[i] as number);
    }
    if (other.#grid < this.#grid) this.#setGrid(other.#grid);
  }

  /** Forgets everything; the buckets are as fine as at the beginning. */
  reset(): void {
    this.#counts.fill(0);
    for (let sign = 0; sign < 4; sign += 2) {
      this.#keys[sign] = nothingLowest;
      this.#keys[sign + 1] = nothingHighest;
    }
    this.#shift = 0;
    this.#setGrid(noGrid);
  }

  /** Values that were counted: all, NaN and the infinities too. */
  get count(): number {
    let count = 0;
    for (let i = 0; i < this.#counts.length; i++) count += this.#counts[i] as number;
    return count;
  }

  /** Values that are NaN. */
  get notANumber(): number {
    return this.#counts[2 * this.buckets + nanTally] as number;
  }

  /** Values that are −∞. */
  get negativeInfinity(): number {
    return this.#counts[2 * this.buckets + negativeTally] as number;
  }

  /** Values that are +∞. */
  get positiveInfinity(): number {
    return this.#counts[2 * this.buckets + positiveTally] as number;
  }

  /** Values that are 0 or −0, or no larger than `zeroWithin`. */
  get zeros(): number {
    return this.#counts[2 * this.buckets + zeroTally] as number;
  }

  /** How coarse the buckets are: bits of the high word of a double that they leave out. */
  get shift(): number {
    return this.#shift;
  }

  /**
   * The greatest relative error of a quantile, which follows from the shift: 1 / (1 + 2^(21 − shift)) while there is a
   * bucket an octave at least. Denormal numbers, and what `zeroWithin` counts as 0, are outside of it.
   */
  get relativeError(): number {
    return relativeErrorOf(this.#shift);
  }

  /** Bytes of its arrays. */
  get byteLength(): number {
    return this.#counts.byteLength + this.#keys.byteLength;
  }

  /**
   * The value below or at which a share of the values lies: that of rank ⌈q · n⌉ among the n that are not NaN, within
   * {@link LogBuckets.relativeError}. NaN when there are none.
   *
   * @param q 0 to 1
   * @throws FairleadError `INVALID_ARGUMENT` for another share
   */
  quantile(q: number): number {
    return new LogBucketsView(this.toJSON()).quantile(q);
  }

  /**
   * How many values are at or below a number, −∞ among them, NaN not.
   * @throws FairleadError `INVALID_ARGUMENT` for NaN
   */
  rank(value: number): CountEstimate {
    return new LogBucketsView(this.toJSON()).rank(value);
  }

  /**
   * The share of the values, NaN left out, that are at or below a number; NaN when there are none.
   * @throws FairleadError `INVALID_ARGUMENT` for NaN
   */
  cdf(value: number): number {
    const view = new LogBucketsView(this.toJSON());
    return view.rank(value).count / view.ordered;
  }

  /**
   * How many values are above one number and at or below another.
   * @throws FairleadError `INVALID_ARGUMENT` for NaN, or where the range ends before it begins
   */
  countBetween(above: number, upTo: number): CountEstimate {
    return new LogBucketsView(this.toJSON()).countBetween(above, upTo);
  }

  /**
   * The finite values by other edges, such as those of a reference: bin i holds those above edge i − 1 and at or below edge
   * i. Where an edge cuts through a bucket, its values are shared out evenly, and the error says how many those are.
   *
   * @param edges finite and ascending
   * @throws FairleadError `INVALID_ARGUMENT` for other edges
   */
  rebin(edges: ArrayLike<number>): Rebinned {
    return new LogBucketsView(this.toJSON()).rebin(edges);
  }

  /** The plain form, which `logBucketsFromJson` reads. Equal sketches have equal forms. */
  toJSON(): LogBucketsJson {
    return {
      buckets: this.buckets,
      zeroWithin: this.zeroWithin,
      shift: this.#shift,
      grid: this.#grid === noGrid ? null : this.#grid,
      notANumber: this.notANumber,
      negativeInfinity: this.negativeInfinity,
      positiveInfinity: this.positiveInfinity,
      zeros: this.zeros,
      negative: this.#run(1),
      positive: this.#run(0),
    };
  }

  #run(negative: number): BucketRun {
    const from = this.#keys[2 * negative] as number;
    const to = this.#keys[2 * negative + 1] as number;
    if (to < from) return { from: 0, counts: [] };
    const counts: number[] = [];
    for (let key = from; key <= to; key++) {
      counts.push(this.#counts[negative * this.buckets + (key & this.#mask)] as number);
    }
    return { from, counts };
  }

  #restore(state: LogBucketsJson): void {
    this.#shift = state.shift;
    if (state.grid !== null) this.#setGrid(state.grid);
    const { notANumber, negativeInfinity, positiveInfinity, zeros } = state;
    this.#counts.set([notANumber, negativeInfinity, positiveInfinity, zeros], 2 * this.buckets);
    for (const [negative, { from, counts }] of [state.positive, state.negative].entries()) {
      if (counts.length === 0) continue;
      this.#keys[2 * negative] = from;
      this.#keys[2 * negative + 1] = from + counts.length - 1;
      for (const [index, count] of counts.entries()) {
        this.#counts[negative * this.buckets + ((from + index) & this.#mask)] = count;
      }
    }
  }
}
