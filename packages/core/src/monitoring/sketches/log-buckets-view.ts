import { checkShare, refuseArgument } from './arguments';
import { fromHighBits, infinityBits, leastNormal, powerOfTwo } from './float-bits';
import type { BucketRun, LogBucketsJson } from './log-buckets-state';

/** A number of values, and how far off it may be: the true one lies within `count ± error`. */
export interface CountEstimate {
  readonly count: number;
  /** Values in buckets that an end cuts through, and so may lie on its other side. */
  readonly error: number;
}

/** Counts by edges that the buckets do not know. */
export interface Rebinned {
  /** Finite values in each bin: up to and with the first edge, …, above the last; they add up to all of them. */
  readonly counts: Float64Array;
  /** How far each count may be off. */
  readonly errors: Float64Array;
}

/** Values of one bucket. Its magnitudes go from `low` up to, without, `high`. */
interface Bucket {
  readonly negative: boolean;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** Where a number falls among the buckets. */
interface Place {
  /** Values that lie at or below it, as estimated. */
  readonly count: number;
  readonly error: number;
  /** The bucket that it cuts through, where that leaves doubt. */
  readonly cut: Bucket | undefined;
}

/** Answers questions about what log buckets held at one moment. */
export class LogBucketsView {
  readonly #state: LogBucketsJson;
  /** Those with values, in ascending order; zeros are one of them. */
  readonly #buckets: readonly Bucket[];
  readonly #step: number;
  readonly #finite: number;

  constructor(state: LogBucketsJson) {
    this.#state = state;
    this.#step = state.grid === null ? 0 : powerOfTwo(state.grid);
    const zeros = { negative: false, low: 0, high: 0, count: state.zeros };
    const negative = bucketsOf(state.negative, state.shift, true).reverse();
    const positive = bucketsOf(state.positive, state.shift, false);
    this.#buckets = [...negative, zeros, ...positive].filter(({ count }) => count > 0);
    this.#finite = this.#buckets.reduce((sum, { count }) => sum + count, 0);
  }

  /** Finite values. */
  get finite(): number {
    return this.#finite;
  }

  /** Values that are not NaN. */
  get ordered(): number {
    return this.#finite + this.#state.negativeInfinity + this.#state.positiveInfinity;
  }

  quantile(q: number): number {
    checkShare('q', q);
    if (this.ordered === 0) return Number.NaN;
    let left = Math.max(1, Math.ceil(q * this.ordered)) - this.#state.negativeInfinity;
    if (left <= 0) return Number.NEGATIVE_INFINITY;
    for (const bucket of this.#buckets) {
      left -= bucket.count;
      if (left <= 0) return bucket.negative ? -this.#typical(bucket) : this.#typical(bucket);
    }
    return Number.POSITIVE_INFINITY;
  }

  rank(value: number): CountEstimate {
    refuseNaN('value', value);
    if (value === Number.POSITIVE_INFINITY) return { count: this.ordered, error: 0 };
    const { count, error } = this.#place(value);
    return { count: count + this.#state.negativeInfinity, error };
  }

  countBetween(above: number, upTo: number): CountEstimate {
    refuseNaN('above', above);
    refuseNaN('upTo', upTo);
    if (above > upTo) throw refuseArgument('upTo', `at least ${above}, where the range begins`, upTo);
    const infinite = upTo === Number.POSITIVE_INFINITY && above < upTo ? this.#state.positiveInfinity : 0;
    const { count, error } = between(this.#place(above), this.#place(upTo));
    return { count: count + infinite, error };
  }

  rebin(edges: ArrayLike<number>): Rebinned {
    const counts = new Float64Array(edges.length + 1);
    const errors = new Float64Array(edges.length + 1);
    let before = this.#place(Number.NEGATIVE_INFINITY);
    for (let bin = 0; bin <= edges.length; bin++) {
      const edge = bin < edges.length ? (edges[bin] as number) : Number.POSITIVE_INFINITY;
      if (bin < edges.length && !Number.isFinite(edge)) throw refuseArgument(`edges.${bin}`, 'a finite number', edge);
      if (bin > 0 && bin < edges.length && edge <= (edges[bin - 1] as number)) {
        throw refuseArgument(`edges.${bin}`, 'ascending edges', `${edge} after ${edges[bin - 1]}`);
      }
      const place = this.#place(edge);
      const { count, error } = between(before, place);
      counts[bin] = count;
      errors[bin] = error;
      before = place;
    }
    return { counts, errors };
  }

  /** The finite values up to a number. */
  #place(value: number): Place {
    let count = 0;
    for (const bucket of this.#buckets) {
      const inside = this.#upTo(bucket, value);
      if (inside.error > 0) return { count: count + inside.count, error: inside.error, cut: bucket };
      if (inside.count === 0) break;
      count += inside.count;
    }
    return { count, error: 0, cut: undefined };
  }

  /** How many of a bucket's values are at or below a number. */
  #upTo(bucket: Bucket, value: number): CountEstimate {
    const { negative, low, high, count } = bucket;
    if (low === high) return this.#zerosUpTo(count, value);
    const magnitude = negative ? -value : value;
    // A bucket of negatives lies at or below its end nearest to zero, that end itself included.
    if (negative ? magnitude <= low : magnitude < low) return certain(negative ? count : 0);
    if (magnitude >= high) return certain(negative ? 0 : count);
    const { first, points } = this.#grid(bucket);
    if (points === 0) {
      const most = Math.min(high, Number.MAX_VALUE);
      const share = (negative ? most - magnitude : magnitude - low) / (most - low);
      return { count: share * count, error: Math.max(share, 1 - share) * count };
    }
    const steps = magnitude / this.#step - first;
    const inside = negative ? points - Math.ceil(steps) : Math.floor(steps) + 1;
    if (inside <= 0) return certain(0);
    if (inside >= points) return certain(count);
    const share = inside / points;
    return { count: share * count, error: Math.max(share, 1 - share) * count };
  }

  /** Magnitudes up to `zeroWithin` count as 0: inside that nothing is certain. */
  #zerosUpTo(count: number, value: number): CountEstimate {
    const { zeroWithin } = this.#state;
    if (value >= zeroWithin) return certain(count);
    if (value < -zeroWithin) return certain(0);
    return { count: value < 0 ? 0 : count, error: count };
  }

  /** The magnitudes a bucket can hold, seen that all are multiples of one step; no points where they are too many to tell. */
  #grid({ low, high }: Bucket): { readonly first: number; readonly points: number } {
    const first = Math.max(1, Math.ceil(low / this.#step));
    const points = Math.ceil(Math.min(high, Number.MAX_VALUE) / this.#step) - first;
    return points > 0 && points < 2 ** 30 && first + points < 2 ** 53 ? { first, points } : { first: 0, points: 0 };
  }

  /** The magnitude that stands for a bucket: the only one possible, or that with the least relative error at both ends. */
  #typical(bucket: Bucket): number {
    if (bucket.low === bucket.high) return 0;
    const { first, points } = this.#grid(bucket);
    if (points === 1) return first * this.#step;
    const high = Math.min(bucket.high, Number.MAX_VALUE);
    // A first bucket with normal numbers in it holds the relative error for those, one without for none.
    const low = bucket.low === 0 && high > leastNormal ? leastNormal : bucket.low;
    return low === 0 ? high / 2 : low * (2 / (1 + low / high));
  }
}

function certain(count: number): CountEstimate {
  return { count, error: 0 };
}

function between(from: Place, to: Place): CountEstimate {
  const count = to.count - from.count;
  if (from.cut === undefined || from.cut !== to.cut) return { count, error: from.error + to.error };
  return { count, error: Math.max(count, to.cut.count - count) };
}

function bucketsOf({ from, counts }: BucketRun, shift: number, negative: boolean): Bucket[] {
  return counts.map((count, index) => {
    const bits = (from + index) * 2 ** shift;
    const next = bits + 2 ** shift;
    const low = fromHighBits(bits);
    return { negative, low, high: next >= infinityBits ? Number.POSITIVE_INFINITY : fromHighBits(next), count };
  });
}

function refuseNaN(field: string, value: number): void {
  if (Number.isNaN(value)) throw refuseArgument(field, 'a number', value);
}
