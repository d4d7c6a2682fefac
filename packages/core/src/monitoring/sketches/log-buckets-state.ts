import { fractionBits, infinityBits } from './float-bits';
import { corruptState, listIn, recordIn, wholeIn } from './state-checks';

/** The plain form of log buckets: what JSON holds. */
export interface LogBucketsJson {
  readonly buckets: number;
  readonly zeroWithin: number;
  /** Bits that are shifted out of the high word of a magnitude to make the key of its bucket. */
  readonly shift: number;
  /** All values are multiples of 2 to this power, 0 or less; `null` before the first that is not 0. */
  readonly grid: number | null;
  readonly notANumber: number;
  readonly negativeInfinity: number;
  readonly positiveInfinity: number;
  readonly zeros: number;
  /** Negative values, by magnitude. */
  readonly negative: BucketRun;
  readonly positive: BucketRun;
}

/** Counts of consecutive buckets, in order of magnitude; the first and the last are not 0. */
export interface BucketRun {
  /** Key of the first; 0 where there are none. */
  readonly from: number;
  readonly counts: readonly number[];
}

/** Buckets of one sign that may be asked for. */
export const bucketLimits = { fewest: 16, most: 4096 } as const;

/** The exponents of grids: of whole numbers at most; those below the least are all the finest, that of every double. */
export const gridLimits = { most: 0, least: -1023, finest: -1074 } as const;

/** Whether so many buckets can be had: a power of two within the limits. */
export function isBucketCount(value: unknown): value is number {
  const count = value as number;
  return (
    Number.isInteger(count) && count >= bucketLimits.fewest && count <= bucketLimits.most && (count & -count) === count
  );
}

/** Whether it is a finite number, 0 or more. */
export function isMagnitude(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) >= 0 && !Object.is(value, -0);
}

const keys = [
  'buckets',
  'zeroWithin',
  'shift',
  'grid',
  'notANumber',
  'negativeInfinity',
  'positiveInfinity',
  'zeros',
  'negative',
  'positive',
];

/**
 * Checks that plain data is the state of log buckets that does not contradict itself.
 * @throws FairleadError `STORE_CORRUPT`
 */
export function checkLogBuckets(plain: unknown, field: string): LogBucketsJson {
  const state = recordIn(plain, field, keys);
  const { buckets, zeroWithin } = state;
  if (!isBucketCount(buckets)) throw corruptState(`${field}.buckets`, 'a power of two, 16 to 4096', buckets);
  if (!isMagnitude(zeroWithin)) throw corruptState(`${field}.zeroWithin`, 'a finite number, 0 or more', zeroWithin);
  // With that shift all magnitudes fit, so that no sketch has a greater one.
  const shift = wholeIn(state.shift, `${field}.shift`, 0, 31 - Math.log2(buckets));
  const negative = checkRun(state.negative, `${field}.negative`, buckets, shift);
  const positive = checkRun(state.positive, `${field}.positive`, buckets, shift);
  const longest = Math.max(negative.counts.length, positive.counts.length);
  if (shift > 0 && longest <= buckets / 2) {
    throw corruptState(`${field}.shift`, 'the least with which all values fit', shift);
  }
  const values = longest > 0;
  if ((state.grid !== null) !== values) {
    throw corruptState(`${field}.grid`, values ? 'a whole number, as there are values' : 'null: no values', state.grid);
  }
  return {
    buckets,
    zeroWithin,
    shift,
    grid: values ? checkGrid(state.grid, `${field}.grid`) : null,
    notANumber: wholeIn(state.notANumber, `${field}.notANumber`),
    negativeInfinity: wholeIn(state.negativeInfinity, `${field}.negativeInfinity`),
    positiveInfinity: wholeIn(state.positiveInfinity, `${field}.positiveInfinity`),
    zeros: wholeIn(state.zeros, `${field}.zeros`),
    negative,
    positive,
  };
}

function checkGrid(grid: unknown, field: string): number {
  return grid === gridLimits.finest ? grid : wholeIn(grid, field, gridLimits.least, gridLimits.most);
}

function checkRun(plain: unknown, field: string, buckets: number, shift: number): BucketRun {
  const run = recordIn(plain, field, ['from', 'counts']);
  const list = listIn(run.counts, `${field}.counts`, buckets);
  const most = list.length === 0 ? 0 : Math.floor((infinityBits - 1) / 2 ** shift) - list.length + 1;
  const from = wholeIn(run.from, `${field}.from`, 0, most);
  const counts = list.map((count, index) => wholeIn(count, `${field}.counts.${index}`));
  if (counts[0] === 0 || counts.at(-1) === 0) {
    throw corruptState(`${field}.counts`, 'no 0 at the beginning and the end', `${counts[0]} and ${counts.at(-1)}`);
  }
  return { from, counts };
}

/** The greatest relative error of a value that stands for its bucket. */
export function relativeErrorOf(shift: number): number {
  if (shift <= fractionBits) return 1 / (1 + 2 ** (fractionBits + 1 - shift));
  return Math.tanh((2 ** (shift - fractionBits) * Math.LN2) / 2);
}
