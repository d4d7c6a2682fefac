import { describeValue } from '../../config';
import { checkOptions, optionError } from '../../option-checks';
import { checkColumn, columnLength, refuseArgument, refuseOtherSketch } from './arguments';
import { type Category, canonicalCategory } from './category';
import { createLogBuckets, type LogBucketsOptions } from './create-log-buckets';
import type { FeatureSketchJson, FeatureSummary, FeatureValue } from './feature-sketch-types';
import { createHeavyHitters, type HeavyHitters, type HeavyHittersOptions } from './heavy-hitters';
import { createHyperLogLog, type HyperLogLog, type HyperLogLogOptions } from './hyperloglog';
import type { LogBuckets } from './log-buckets';
import { createMoments, type Moments } from './moments';
import { createReservoir, type Reservoir, type ReservoirOptions } from './reservoir';

/** Options of {@link createFeatureSketch}. What is `false` is not kept and costs nothing. */
export interface FeatureSketchOptions {
  /** Distribution and moments of numbers: their log buckets. `false` for a feature that has categories only. @default {} */
  readonly numeric?: LogBucketsOptions | false;
  /** How many different values there are, as estimated. @default false */
  readonly distinct?: HyperLogLogOptions | false;
  /** The most frequent values. @default false */
  readonly top?: HeavyHittersOptions | false;
  /** A uniform sample of the numbers, NaN and infinities among them. @default false */
  readonly sample?: Pick<ReservoirOptions, 'size' | 'dtype' | 'seed'> | false;
}

/** The parts of a feature sketch, those that it keeps. */
export interface FeatureSketchParts {
  readonly buckets: LogBuckets | undefined;
  readonly moments: Moments | undefined;
  readonly distinct: HyperLogLog | undefined;
  readonly top: HeavyHitters | undefined;
  readonly sample: Reservoir | undefined;
}

const partChecks = Object.fromEntries(
  ['numeric', 'distinct', 'top', 'sample'].map((part) => [
    part,
    (value: unknown) =>
      value === false || (typeof value === 'object' && value !== null) ? undefined : 'an object of options, or false',
  ]),
);

/**
 * Makes the store of one feature: what of a stream of values is worth keeping in constant memory, so that workers, processes
 * and browsers can add up what they saw. By default it keeps the distribution and the moments of numbers, in less than 3 KB;
 * different values (4 KB), the most frequent ones (some 4 KB) and a sample (2 KB) are kept when asked for.
 *
 * @throws FairleadError `INVALID_OPTION` for an option that is wrong
 */
export function createFeatureSketch(options: FeatureSketchOptions = {}): FeatureSketch {
  checkOptions('createFeatureSketch', options, partChecks);
  const { numeric = {}, distinct = false, top = false, sample = false } = options;
  if (sample !== false && 'width' in sample) {
    throw optionError('createFeatureSketch', 'sample.width', 'no such option: a feature has one value', sample.width);
  }
  return new FeatureSketch({
    buckets: numeric === false ? undefined : createLogBuckets(numeric),
    moments: numeric === false ? undefined : createMoments(),
    distinct: distinct === false ? undefined : createHyperLogLog(distinct),
    top: top === false ? undefined : createHeavyHitters(top),
    sample: sample === false ? undefined : createReservoir(sample),
  });
}

const summaryShares = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/** The store of one feature; {@link createFeatureSketch} makes one and explains it. */
export class FeatureSketch {
  /** What it keeps; for reading, and nothing is to be added to the parts themselves. */
  readonly parts: FeatureSketchParts;
  #absent = 0;
  #numbers = 0;
  #notANumber = 0;
  #texts = 0;

  /**
   * Use {@link createFeatureSketch}.
   * @param state the tallies it begins with, checked
   */
  constructor(
    parts: FeatureSketchParts,
    state?: Pick<FeatureSketchJson, 'absent' | 'numbers' | 'notANumber' | 'texts'>,
  ) {
    this.parts = parts;
    if (state === undefined) return;
    this.#absent = state.absent;
    this.#numbers = state.numbers;
    this.#notANumber = state.notANumber;
    this.#texts = state.texts;
  }

  /**
   * Counts a value. Allocates nothing for numbers, and for texts that are known.
   *
   * @throws FairleadError `INVALID_ARGUMENT` for what is no {@link FeatureValue}, or a bigint beyond 64 bits; nothing is
   * counted then
   */
  add(value: FeatureValue): void {
    switch (typeof value) {
      case 'number':
        this.#addNumber(value);
        return;
      case 'boolean':
        this.#addNumber(value ? 1 : 0);
        return;
      case 'bigint':
        this.#addCategory(canonicalCategory(value));
        this.#addMeasure(Number(value));
        return;
      case 'string':
        this.#addCategory(value);
        this.#texts++;
        return;
      default:
        if (value !== undefined && value !== null) {
          throw refuseArgument('value', 'a number, bigint, string, boolean, null or undefined', describeValue(value));
        }
        this.#absent++;
    }
  }

  #addNumber(value: number): void {
    if (Number.isNaN(value)) this.#notANumber++;
    else this.#addCategory(value);
    this.#addMeasure(value);
  }

  #addCategory(value: Category): void {
    this.parts.distinct?.add(value);
    this.parts.top?.add(value);
  }

  #addMeasure(value: number): void {
    const { buckets, moments, sample } = this.parts;
    this.#numbers++;
    buckets?.add(value);
    moments?.add(value);
    sample?.add(value);
  }

  /**
   * Counts numbers of an array: those at `start`, `start + stride` and so on, such as a column of a row-major batch.
   *
   * @param start index of the first. @default 0
   * @param stride distance from one to the next. @default 1
   * @param count how many. @default all that the array has
   * @throws FairleadError `INVALID_ARGUMENT` when the array does not have them; nothing is counted then
   */
  addColumn(data: ArrayLike<number>, start = 0, stride = 1, count = columnLength(data, start, stride)): void {
    checkColumn(data, start, stride, count);
    const { buckets, moments, distinct, top, sample } = this.parts;
    const nanBefore = buckets?.notANumber ?? 0;
    buckets?.addColumn(data, start, stride, count);
    moments?.addColumn(data, start, stride, count);
    sample?.addColumn(data, start, stride, count);
    this.#numbers += count;
    if (buckets !== undefined) {
      this.#notANumber += buckets.notANumber - nanBefore;
      if (distinct === undefined && top === undefined) return;
    }
    const end = start + count * stride;
    for (let at = start; at < end; at += stride) {
      const value = data[at] as number;
      if (!Number.isNaN(value)) this.#addCategory(value);
      else if (buckets === undefined) this.#notANumber++;
    }
  }

  /**
   * Takes in what another saw.
   * @throws FairleadError `INVALID_ARGUMENT` when the other keeps other parts or has other options; nothing is changed then
   */
  merge(other: FeatureSketch): void {
    const [own, theirs] = [optionsOf(this.parts), optionsOf(other.parts)];
    if (own !== theirs) throw refuseOtherSketch(own, theirs);
    mergeInto(this.parts.buckets, other.parts.buckets);
    mergeInto(this.parts.moments, other.parts.moments);
    mergeInto(this.parts.distinct, other.parts.distinct);
    mergeInto(this.parts.top, other.parts.top);
    mergeInto(this.parts.sample, other.parts.sample);
    this.#absent += other.#absent;
    this.#numbers += other.#numbers;
    this.#notANumber += other.#notANumber;
    this.#texts += other.#texts;
  }

  /** Forgets everything. */
  reset(): void {
    const { buckets, moments, distinct, top, sample } = this.parts;
    buckets?.reset();
    moments?.reset();
    distinct?.reset();
    top?.reset();
    sample?.reset();
    this.#absent = 0;
    this.#numbers = 0;
    this.#notANumber = 0;
    this.#texts = 0;
  }

  /** Values that were seen, missing ones too. */
  get count(): number {
    return this.#absent + this.#numbers + this.#texts;
  }

  /** Values that were `null`, `undefined` or NaN. */
  get missing(): number {
    return this.#absent + this.#notANumber;
  }

  /** Bytes of its arrays. */
  get byteLength(): number {
    const { buckets, moments, distinct, top, sample } = this.parts;
    return [buckets, moments, distinct, top, sample].reduce((sum, part) => sum + (part?.byteLength ?? 0), 0);
  }

  /** The feature in figures, for people. */
  summary(): FeatureSummary {
    const { buckets, moments, distinct, top } = this.parts;
    return {
      count: this.count,
      missing: this.missing,
      numbers: this.#numbers,
      texts: this.#texts,
      ...(buckets === undefined || moments === undefined ? {} : { numeric: summarize(buckets, moments) }),
      ...(distinct && { distinct: { count: Math.round(distinct.estimate()), relativeError: distinct.relativeError } }),
      ...(top && { top: top.top(10) }),
    };
  }

  /** The plain form, which `featureSketchFromJson` reads; `JSON.stringify(sketch)` takes it. */
  toJSON(): FeatureSketchJson {
    const { buckets, moments, distinct, top, sample } = this.parts;
    return {
      format: 'fairlead-feature-sketch',
      version: 1,
      absent: this.#absent,
      numbers: this.#numbers,
      notANumber: this.#notANumber,
      texts: this.#texts,
      numeric: buckets && moments ? { buckets: buckets.toJSON(), moments: moments.toJSON() } : null,
      distinct: distinct?.toJSON() ?? null,
      top: top?.toJSON() ?? null,
      sample: sample?.toJSON() ?? null,
    };
  }
}

function mergeInto<Part extends { merge(other: Part): void }>(own: Part | undefined, other: Part | undefined): void {
  if (own !== undefined && other !== undefined) own.merge(other);
}

/** What must be alike for two sketches to be merged, in words. */
function optionsOf({ buckets, distinct, top, sample }: FeatureSketchParts): string {
  return [
    buckets ? `${buckets.buckets} buckets and zeroWithin ${buckets.zeroWithin}` : 'no buckets',
    distinct ? `distinct values of lgK ${distinct.lgK}` : 'no distinct values',
    top ? `${top.counters} top values of length ${top.maxLength}` : 'no top values',
    sample ? `a ${sample.dtype} sample of ${sample.size}` : 'no sample',
  ].join(', ');
}

function summarize(buckets: LogBuckets, moments: Moments): NonNullable<FeatureSummary['numeric']> {
  const some = moments.count > 0;
  const { zeros, negativeInfinity, positiveInfinity, relativeError } = buckets;
  return {
    zeros,
    negativeInfinity,
    positiveInfinity,
    mean: some ? moments.mean : null,
    deviation: some ? moments.deviation() : null,
    minimum: some ? moments.minimum : null,
    maximum: some ? moments.maximum : null,
    quantiles: summaryShares.map((share) => {
      const value = buckets.quantile(share);
      if (Number.isNaN(value)) return { share, value: null };
      // What stands for a bucket may lie beyond the least or the greatest value, which are known.
      const inRange = Math.min(Math.max(value, moments.minimum), moments.maximum);
      return { share, value: Number.isFinite(value) ? inRange : value };
    }),
    relativeError,
  };
}
