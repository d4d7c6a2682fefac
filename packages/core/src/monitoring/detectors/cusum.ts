import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { checkValue, type DetectorState, type StreamDetector } from './detector';

/** How {@link createCusum} is set. */
export interface CusumOptions {
  /** Observations from which the mean and the standard deviation are taken, 1 or more; it may alarm at the last. @default 30 */
  readonly minInstances?: number;
  /** Deviation that is let pass at each observation, in standard deviations: half the shift that is to be seen; 0 or more. @default 0.5 */
  readonly slack?: number;
  /** Sum of deviations that is a drift, in standard deviations; above 0. @default 5 */
  readonly threshold?: number;
  /** Which changes of the mean count: `up`, `down` or `both`. @default 'both' */
  readonly mode?: 'up' | 'down' | 'both';
}

/** CUSUM, and what it holds. */
export interface CusumDetector extends StreamDetector {
  /** Mean of the first observations, against which the others are held; `NaN` until it is known. */
  readonly mean: number;
  /** Their standard deviation (n − 1); `NaN` until it is known. Where it is 0, any change is a drift. */
  readonly standardDeviation: number;
}

const optionsSchema = z.strictObject({
  minInstances: z._default(z.int().check(z.minimum(1)), 30),
  slack: z._default(z.number().check(z.minimum(0)), 0.5),
  threshold: z._default(z.number().check(z.gt(0)), 5),
  mode: z._default(z.enum(['up', 'down', 'both']), 'both'),
});

/**
 * The tabular CUSUM chart of Page (1954): S⁺ = max(0, S⁺ + x − μ − k) and S⁻ = max(0, S⁻ − x + μ − k), a drift beyond h, with
 * k and h in standard deviations of the first observations, from which μ is taken too. At its defaults it alarms every few
 * hundred observations of a steady stream, since so few tell its mean badly: raise `minInstances` and `threshold`. It never warns.
 *
 * @throws FairleadError `INVALID_OPTION`; `update` throws `INVALID_INPUT` for a value that is not finite
 */
export function createCusum(options?: CusumOptions): CusumDetector {
  return new Cusum(parseOptions(optionsSchema, options, 'createCusum'));
}

class Cusum implements CusumDetector {
  readonly #minInstances: number;
  readonly #slack: number;
  readonly #threshold: number;
  readonly #up: boolean;
  readonly #down: boolean;
  #count = 0;
  #mean = 0;
  #squares = 0;
  #deviation = 0;
  #increase = 0;
  #decrease = 0;
  #state: DetectorState = 'ok';

  constructor({ minInstances, slack, threshold, mode }: Required<CusumOptions>) {
    this.#minInstances = minInstances;
    this.#slack = slack;
    this.#threshold = threshold;
    this.#up = mode !== 'down';
    this.#down = mode !== 'up';
  }

  get state(): DetectorState {
    return this.#state;
  }

  get mean(): number {
    return this.#count < this.#minInstances ? Number.NaN : this.#mean;
  }

  get standardDeviation(): number {
    return this.#count < this.#minInstances ? Number.NaN : this.#deviation;
  }

  update(value: number): DetectorState {
    checkValue('createCusum', value);
    if (this.#state === 'drift') this.reset();
    if (this.#count < this.#minInstances) {
      this.#learn(value);
      if (this.#count < this.#minInstances) return this.#state;
    }
    const deviation = value - this.#mean;
    const slack = this.#slack * this.#deviation;
    const threshold = this.#threshold * this.#deviation;
    this.#increase = Math.max(0, this.#increase + deviation - slack);
    this.#decrease = Math.max(0, this.#decrease - deviation - slack);
    const rose = this.#up && this.#increase > threshold;
    const fell = this.#down && this.#decrease > threshold;
    this.#state = rose || fell ? 'drift' : 'ok';
    return this.#state;
  }

  reset(): void {
    this.#count = 0;
    this.#mean = 0;
    this.#squares = 0;
    this.#increase = 0;
    this.#decrease = 0;
    this.#state = 'ok';
  }

  #learn(value: number): void {
    this.#count++;
    const before = this.#mean;
    this.#mean += (1 / this.#count) * (value - before);
    this.#squares += (value - before) * (value - this.#mean);
    this.#deviation = this.#count > 1 ? Math.sqrt(Math.max(0, this.#squares / (this.#count - 1))) : 0;
  }
}
