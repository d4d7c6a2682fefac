import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { type BinaryStreamDetector, type DetectorState, unitValueOf } from './detector';
import { type ConfidenceOptions, confidenceFields, warningIsEasier } from './hddm-options';

/** How {@link createHddmW} is set. */
export interface HddmWOptions extends ConfidenceOptions {
  /** Weight of the newest observation in the moving means; above 0, below 1. @default 0.05 */
  readonly lambda?: number;
}

const optionsSchema = z
  .strictObject({ ...confidenceFields, lambda: z._default(z.number().check(z.gt(0), z.lt(1)), 0.05) })
  .check(warningIsEasier);

/**
 * HDDM_W of Frías-Blanco and others (2015), for a stream of errors or of numbers in [0, 1]: by McDiarmid's bound it holds
 * the exponentially weighted mean since the moment at which that was lowest against the one up to it. For changes that come slowly.
 *
 * @throws FairleadError `INVALID_OPTION`; `update` throws `INVALID_INPUT` for a value outside [0, 1]
 */
export function createHddmW(options?: HddmWOptions): BinaryStreamDetector {
  return new HddmW(parseOptions(optionsSchema, options, 'createHddmW'));
}

class HddmW implements BinaryStreamDetector {
  readonly #driftLog: number;
  readonly #warningLog: number;
  readonly #twoSided: boolean;
  readonly #total: WeightedMean;
  readonly #increase: Side;
  readonly #decrease: Side;
  #state: DetectorState = 'ok';

  constructor({ driftConfidence, warningConfidence, twoSided, lambda }: Required<HddmWOptions>) {
    this.#driftLog = Math.log(1 / driftConfidence);
    this.#warningLog = Math.log(1 / warningConfidence);
    this.#twoSided = twoSided;
    this.#total = new WeightedMean(lambda);
    this.#increase = new Side(1, lambda);
    this.#decrease = new Side(-1, lambda);
  }

  get state(): DetectorState {
    return this.#state;
  }

  update(value: number | boolean): DetectorState {
    const x = unitValueOf('createHddmW', value);
    if (this.#state === 'drift') this.reset();
    this.#total.add(x);
    this.#increase.add(x, this.#total, this.#driftLog);
    if (this.#twoSided) this.#decrease.add(x, this.#total, this.#driftLog);

    if (this.#increase.exceeds(this.#driftLog)) this.#state = 'drift';
    else if (this.#twoSided && this.#decrease.exceeds(this.#driftLog)) this.#state = 'drift';
    else if (this.#increase.exceeds(this.#warningLog)) this.#state = 'warning';
    else if (this.#twoSided && this.#decrease.exceeds(this.#warningLog)) this.#state = 'warning';
    else this.#state = 'ok';
    return this.#state;
  }

  reset(): void {
    this.#total.clear();
    this.#increase.clear();
    this.#decrease.clear();
    this.#state = 'ok';
  }
}

/** The two means whose distance is watched in one direction: up to the extreme moment, and since it. */
class Side {
  readonly #sign: 1 | -1;
  readonly #before: WeightedMean;
  readonly #since: WeightedMean;
  #extreme = Number.POSITIVE_INFINITY;

  /** @param sign 1 to watch for increases, -1 for decreases */
  constructor(sign: 1 | -1, lambda: number) {
    this.#sign = sign;
    this.#before = new WeightedMean(lambda);
    this.#since = new WeightedMean(lambda);
  }

  add(x: number, total: WeightedMean, log: number): void {
    const bound = this.#sign * total.mean + Math.sqrt((total.weight * log) / 2);
    if (bound < this.#extreme) {
      this.#extreme = bound;
      this.#before.copy(total);
      this.#since.clear();
    } else {
      this.#since.add(x);
    }
  }

  exceeds(log: number): boolean {
    if (!this.#before.begun || !this.#since.begun) return false;
    const weight = this.#before.weight + this.#since.weight;
    return this.#sign * (this.#since.mean - this.#before.mean) > Math.sqrt((weight * log) / 2);
  }

  clear(): void {
    this.#before.clear();
    this.#since.clear();
    this.#extreme = Number.POSITIVE_INFINITY;
  }
}

/** An exponentially weighted mean, and the sum of its squared weights. */
class WeightedMean {
  readonly #lambda: number;
  mean = 0;
  weight = 1;
  begun = false;

  constructor(lambda: number) {
    this.#lambda = lambda;
  }

  add(x: number): void {
    const rest = 1 - this.#lambda;
    this.mean = this.begun ? this.#lambda * x + rest * this.mean : x;
    this.weight = this.#lambda * this.#lambda + rest * rest * this.weight;
    this.begun = true;
  }

  copy(other: WeightedMean): void {
    this.mean = other.mean;
    this.weight = other.weight;
    this.begun = other.begun;
  }

  clear(): void {
    this.mean = 0;
    this.weight = 1;
    this.begun = false;
  }
}
