import { checkOptions, test } from '../../option-checks';
import { LogBuckets } from './log-buckets';
import { checkLogBuckets, isBucketCount, isMagnitude } from './log-buckets-state';

/** Options of {@link createLogBuckets}. */
export interface LogBucketsOptions {
  /**
   * Buckets for positive values, and as many for negative ones: a power of two, 16 to 4096. Memory is 16 bytes for each.
   * @default 128
   */
  readonly buckets?: number;
  /**
   * Magnitudes up to this count as 0, a finite number, 0 or more. Where noise about zero (1e-17 instead of 0) would widen
   * the range, and so coarsen every bucket, set it to what means nothing.
   * @default 0
   */
  readonly zeroWithin?: number;
}

const optionChecks = {
  buckets: test(isBucketCount, 'a power of two, 16 to 4096'),
  zeroWithin: test(isMagnitude, 'a finite number, 0 or more'),
};

/**
 * Makes a histogram of numbers with a relative error, in constant memory: 2 KB by default.
 *
 * A value's bucket follows from the bits of its double, so that adding one takes a few nanoseconds and allocates nothing.
 * The buckets start out very fine. When the range of the values no longer fits, each two neighbours become one, over the
 * whole range. So what a sketch holds depends on the values that it saw alone, not on their order or on who saw them, and
 * merging is exact, associative and commutative, bit for bit.
 *
 * The relative error grows with the range: with 128 buckets, values from 1 to 2 come within .4 %, over two decades within
 * 3 %, over four within 6 %, over nine within 11 %. Values on a grid coarser than the buckets (small whole numbers, 0 and 1) are exact.
 *
 * Counts are exact up to 2⁵³. Below 2⁻¹⁰²² (denormal numbers) the relative error does not hold.
 *
 * @throws FairleadError `INVALID_OPTION` for an option that is wrong
 */
export function createLogBuckets(options: LogBucketsOptions = {}): LogBuckets {
  checkOptions('createLogBuckets', options, optionChecks);
  return new LogBuckets(options.buckets ?? 128, options.zeroWithin ?? 0);
}

/**
 * Reads the plain form of {@link LogBuckets.toJSON}. Nothing is believed: sizes, ranges and counts are checked.
 *
 * @param field how messages name it. @default 'buckets'
 * @throws FairleadError `STORE_CORRUPT` when it is none or contradicts itself
 */
export function logBucketsFromJson(plain: unknown, field = 'buckets'): LogBuckets {
  const state = checkLogBuckets(plain, field);
  return new LogBuckets(state.buckets, state.zeroWithin, state);
}
