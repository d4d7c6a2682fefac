import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { type BinaryStreamDetector, type DetectorState, unitValueOf } from './detector';
import { type ConfidenceOptions, confidenceFields, warningIsEasier } from './hddm-options';

/** How {@link createHddmA} is set. */
export interface HddmAOptions extends ConfidenceOptions {}

const optionsSchema = z.strictObject(confidenceFields).check(warningIsEasier);

/**
 * HDDM_A of Frías-Blanco and others (2015), for a stream of errors or of numbers in [0, 1]: by Hoeffding's bound it holds the mean of all that
 * was seen against the mean up to the moment at which that was lowest. For sudden changes.
 *
 * @throws FairleadError `INVALID_OPTION`; `update` throws `INVALID_INPUT` for a value outside [0, 1]
 */
export function createHddmA(options?: HddmAOptions): BinaryStreamDetector {
  return new HddmA(parseOptions(optionsSchema, options, 'createHddmA'));
}

class HddmA implements BinaryStreamDetector {
  readonly #cutLog: number;
  readonly #driftLog: number;
  readonly #warningLog: number;
  readonly #twoSided: boolean;
  #count = 0;
  #mean = 0;
  // Up to the moment at which the upper bound of the mean was lowest, and the lower bound highest.
  #lowCount = 0;
  #lowMean = 0;
  #highCount = 0;
  #highMean = 0;
  #state: DetectorState = 'ok';

  constructor({ driftConfidence, warningConfidence, twoSided }: Required<HddmAOptions>) {
    this.#cutLog = Math.log(1 / driftConfidence);
    this.#driftLog = Math.log(2 / driftConfidence);
    this.#warningLog = Math.log(2 / warningConfidence);
    this.#twoSided = twoSided;
  }

  get state(): DetectorState {
    return this.#state;
  }

  update(value: number | boolean): DetectorState {
    const x = unitValueOf('createHddmA', value);
    if (this.#state === 'drift') this.reset();
    this.#count++;
    this.#mean += (1 / this.#count) * (x - this.#mean);
    if (this.#count === 1) {
      this.#rememberLow();
      this.#rememberHigh();
    }
    const bound = this.#boundOf(this.#count);
    if (this.#lowMean + this.#boundOf(this.#lowCount) >= this.#mean + bound) this.#rememberLow();
    if (this.#highMean - this.#boundOf(this.#highCount) <= this.#mean - bound) this.#rememberHigh();

    const increase = this.#mean - this.#lowMean;
    const decrease = this.#highMean - this.#mean;
    if (this.#exceeds(increase, this.#lowCount, this.#driftLog)) this.#state = 'drift';
    else if (this.#twoSided && this.#exceeds(decrease, this.#highCount, this.#driftLog)) this.#state = 'drift';
    else if (this.#exceeds(increase, this.#lowCount, this.#warningLog)) this.#state = 'warning';
    else if (this.#twoSided && this.#exceeds(decrease, this.#highCount, this.#warningLog)) this.#state = 'warning';
    else this.#state = 'ok';
    return this.#state;
  }

  reset(): void {
    this.#count = 0;
    this.#mean = 0;
    this.#lowCount = 0;
    this.#highCount = 0;
    this.#state = 'ok';
  }

  #boundOf(count: number): number {
    return Math.sqrt((1 / (2 * count)) * this.#cutLog);
  }

  #exceeds(difference: number, count: number, log: number): boolean {
    if (count === this.#count) return false;
    const inverse = ((this.#count - count) / count) * (1 / this.#count);
    return difference >= Math.sqrt((inverse / 2) * log);
  }

  #rememberLow(): void {
    this.#lowCount = this.#count;
    this.#lowMean = this.#mean;
  }

  #rememberHigh(): void {
    this.#highCount = this.#count;
    this.#highMean = this.#mean;
  }
}
