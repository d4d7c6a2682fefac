import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { createRandom } from '../random';
import { checkValue, type DetectorState, type StreamDetector } from './detector';
import { kolmogorovSmirnovTable, largestGap } from './equal-samples';

/** How {@link createKswin} is set. */
export interface KswinOptions {
  /** p-value of the test at or below which it is a drift; above 0, below 1. A test is made at every observation. @default 0.005 */
  readonly alpha?: number;
  /** Observations that are kept; twice `statSize` or more, at most 100,000. @default 100 */
  readonly windowSize?: number;
  /** Newest observations that are tested, against as many drawn from the older ones; 2 to 1,000. @default 30 */
  readonly statSize?: number;
  /** Where the draws begin, so that a run can be repeated: a whole number from 0. It begins there anew after a drift. @default 0 */
  readonly seed?: number;
}

/** KSWIN, and its latest test. */
export interface KswinDetector extends StreamDetector {
  /** p-value of the latest test, exact for samples without ties; `NaN` before the first. */
  readonly pValue: number;
}

const optionsSchema = z
  .strictObject({
    alpha: z._default(z.number().check(z.gt(0), z.lt(1)), 0.005),
    windowSize: z._default(z.int().check(z.minimum(4), z.maximum(100_000)), 100),
    statSize: z._default(z.int().check(z.minimum(2), z.maximum(1000)), 30),
    seed: z._default(z.int().check(z.minimum(0), z.maximum(4294967295)), 0),
  })
  .check(
    z.refine(({ windowSize, statSize }) => windowSize >= 2 * statSize, {
      path: ['windowSize'],
      error: 'twice statSize or more',
    }),
  );

/** A distance up to this is no drift, whatever its p-value. */
const leastDistance = 0.1;

/**
 * KSWIN of Raab and others (2020): the newest observations of a window against as many drawn from the older ones, by the
 * two-sample Kolmogorov–Smirnov test. It sees changes of any kind, not of the mean alone, for some microseconds an
 * observation. It never warns. River's indices are met exactly where River is given the same draws; its own come from Python's
 * generator, which is none of ours.
 *
 * @throws FairleadError `INVALID_OPTION`; `update` throws `INVALID_INPUT` for a value that is not finite
 */
export function createKswin(options?: KswinOptions): KswinDetector {
  return new Kswin(parseOptions(optionsSchema, options, 'createKswin'));
}

class Kswin implements KswinDetector {
  readonly #alpha: number;
  readonly #size: number;
  readonly #olderSize: number;
  readonly #seed: number;
  readonly #window: Float64Array;
  readonly #older: Float64Array;
  readonly #newest: Float64Array;
  /** Positions among the older observations, in the order of the draws so far. */
  readonly #places: Int32Array;
  /** The p-value by how many of a sample's observations the largest gap is. */
  readonly #pValues: Float64Array;
  #random: () => number;
  #count = 0;
  #next = 0;
  #pValue = Number.NaN;
  #state: DetectorState = 'ok';

  constructor({ alpha, windowSize, statSize, seed }: Required<KswinOptions>) {
    this.#alpha = alpha;
    this.#size = statSize;
    this.#olderSize = windowSize - statSize;
    this.#seed = seed;
    this.#window = new Float64Array(windowSize);
    this.#older = new Float64Array(statSize);
    this.#newest = new Float64Array(statSize);
    this.#places = Int32Array.from({ length: this.#olderSize }, (_, place) => place);
    this.#pValues = kolmogorovSmirnovTable(statSize);
    this.#random = createRandom(seed);
  }

  get state(): DetectorState {
    return this.#state;
  }

  get pValue(): number {
    return this.#pValue;
  }

  update(value: number): DetectorState {
    checkValue('createKswin', value);
    if (this.#state === 'drift') this.reset();
    const { length } = this.#window;
    this.#window[this.#next] = value;
    this.#next = this.#next + 1 === length ? 0 : this.#next + 1;
    if (this.#count < length) this.#count++;
    if (this.#count === length) this.#test();
    return this.#state;
  }

  reset(): void {
    this.#count = 0;
    this.#next = 0;
    this.#pValue = Number.NaN;
    this.#state = 'ok';
    this.#random = createRandom(this.#seed);
    for (let place = 0; place < this.#olderSize; place++) this.#places[place] = place;
  }

  #test(): void {
    const size = this.#size;
    const { length } = this.#window;
    for (let index = 0; index < size; index++) {
      this.#older[index] = this.#window[(this.#next + this.#draw(index)) % length] as number;
      this.#newest[index] = this.#window[(this.#next + this.#olderSize + index) % length] as number;
    }
    this.#older.sort();
    this.#newest.sort();
    const gap = largestGap(this.#older, this.#newest);
    this.#pValue = this.#pValues[gap] as number;
    this.#state = this.#pValue <= this.#alpha && gap / size > leastDistance ? 'drift' : 'ok';
  }

  /** The draw number `index` without replacement: a step of the shuffle of Fisher and Yates. */
  #draw(index: number): number {
    const other = index + Math.floor(this.#random() * (this.#olderSize - index));
    const drawn = this.#places[other] as number;
    this.#places[other] = this.#places[index] as number;
    this.#places[index] = drawn;
    return drawn;
  }
}
