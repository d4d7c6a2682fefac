import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { checkValue, type DetectorState, type StreamDetector } from './detector';

/** How {@link createPageHinkley} is set. */
export interface PageHinkleyOptions {
  /** Observations before it may alarm; 1 or more. @default 30 */
  readonly minInstances?: number;
  /** Deviation from the running mean that is let pass at each observation, in units of the values; 0 or more. @default 0.005 */
  readonly delta?: number;
  /** Sum of deviations that is a drift, in units of the values; above 0. @default 50 */
  readonly threshold?: number;
  /** What is kept of the sums from one observation to the next; above 0, at most 1. @default 0.9999 */
  readonly alpha?: number;
  /** Which changes of the mean count: `up`, `down` or `both`. @default 'both' */
  readonly mode?: 'up' | 'down' | 'both';
}

const optionsSchema = z.strictObject({
  minInstances: z._default(z.int().check(z.minimum(1)), 30),
  delta: z._default(z.number().check(z.minimum(0)), 0.005),
  threshold: z._default(z.number().check(z.gt(0)), 50),
  alpha: z._default(z.number().check(z.gt(0), z.maximum(1)), 0.9999),
  mode: z._default(z.enum(['up', 'down', 'both']), 'both'),
});

/**
 * The test of Page (1954) and Hinkley (1971): the sum of the deviations from the running mean, less `delta` each, against
 * the lowest it has been (and mirrored, for a fall). `delta` and `threshold` are in units of the values, and the defaults
 * suit none in particular. It never warns.
 *
 * @throws FairleadError `INVALID_OPTION`; `update` throws `INVALID_INPUT` for a value that is not finite
 */
export function createPageHinkley(options?: PageHinkleyOptions): StreamDetector {
  return new PageHinkley(parseOptions(optionsSchema, options, 'createPageHinkley'));
}

class PageHinkley implements StreamDetector {
  readonly #minInstances: number;
  readonly #delta: number;
  readonly #threshold: number;
  readonly #alpha: number;
  readonly #up: boolean;
  readonly #down: boolean;
  #count = 0;
  #mean = 0;
  #increase = 0;
  #decrease = 0;
  #leastIncrease = Number.POSITIVE_INFINITY;
  #mostDecrease = -1;
  #state: DetectorState = 'ok';

  constructor({ minInstances, delta, threshold, alpha, mode }: Required<PageHinkleyOptions>) {
    this.#minInstances = minInstances;
    this.#delta = delta;
    this.#threshold = threshold;
    this.#alpha = alpha;
    this.#up = mode !== 'down';
    this.#down = mode !== 'up';
  }

  get state(): DetectorState {
    return this.#state;
  }

  update(value: number): DetectorState {
    checkValue('createPageHinkley', value);
    if (this.#state === 'drift') this.reset();
    this.#count++;
    this.#mean += (1 / this.#count) * (value - this.#mean);
    const deviation = value - this.#mean;
    this.#increase = this.#alpha * this.#increase + deviation - this.#delta;
    this.#decrease = this.#alpha * this.#decrease + deviation + this.#delta;
    if (this.#increase < this.#leastIncrease) this.#leastIncrease = this.#increase;
    if (this.#decrease > this.#mostDecrease) this.#mostDecrease = this.#decrease;
    if (this.#count >= this.#minInstances) {
      const rose = this.#up && this.#increase - this.#leastIncrease > this.#threshold;
      const fell = this.#down && this.#mostDecrease - this.#decrease > this.#threshold;
      this.#state = rose || fell ? 'drift' : 'ok';
    }
    return this.#state;
  }

  reset(): void {
    this.#count = 0;
    this.#mean = 0;
    this.#increase = 0;
    this.#decrease = 0;
    this.#leastIncrease = Number.POSITIVE_INFINITY;
    // Not −∞: River begins here, and its indices are met exactly.
    this.#mostDecrease = -1;
    this.#state = 'ok';
  }
}
