import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { AdaptiveWindow } from './adaptive-window';
import { checkValue, type DetectorState, type StreamDetector } from './detector';

/** How {@link createAdwin} is set. */
export interface AdwinOptions {
  /**
   * How likely a change is seen where there is none, at one look at the window; above 0, below 1. Looks are many, so this
   * is not the rate of false alarms.
   * @default 0.002
   */
  readonly delta?: number;
  /** Observations from one look at the window to the next; 1 or more. @default 32 */
  readonly clock?: number;
  /** Most buckets of one size that the window keeps, 2 to 100: more see a change's place more finely. @default 5 */
  readonly maxBuckets?: number;
  /** Fewest observations on either side of a cut, 1 or more; `moa` wants two more. @default 5 */
  readonly minWindowLength?: number;
  /** The window is looked at when it holds more than this many; 0 or more. @default 10 */
  readonly gracePeriod?: number;
  /**
   * Whose indices are met exactly. `river` throws the whole window away at the observation after a change. `moa` keeps
   * what came after the cut and goes on with it, and wants `minWindowLength + 2` observations on either side.
   * @default 'river'
   */
  readonly compat?: 'river' | 'moa';
}

/** ADWIN, and what its window holds. */
export interface AdwinDetector extends StreamDetector {
  /** Observations in the window. */
  readonly width: number;
  /** Mean of the window; `NaN` while it is empty. */
  readonly estimate: number;
  /** Variance of the window, the mean of the squared deviations; `NaN` while it is empty. */
  readonly variance: number;
}

const optionsSchema = z.strictObject({
  delta: z._default(z.number().check(z.gt(0), z.lt(1)), 0.002),
  clock: z._default(z.int().check(z.minimum(1)), 32),
  maxBuckets: z._default(z.int().check(z.minimum(2), z.maximum(100)), 5),
  minWindowLength: z._default(z.int().check(z.minimum(1)), 5),
  gracePeriod: z._default(z.int().check(z.minimum(0)), 10),
  compat: z._default(z.enum(['river', 'moa']), 'river'),
});

/**
 * ADWIN of Bifet and Gavaldà (2007): a window that grows while its mean is steady, and shrinks when two parts of it
 * differ by more than ε = √(2/m·σ²·L) + ⅔·L/m, where L = ln(2·ln W/δ) and 1/m is the sum of the parts' inverse lengths.
 * It takes any numbers; its bound is made for values of a range of about 1, so scale others. It never warns.
 *
 * @throws FairleadError `INVALID_OPTION`; `update` throws `INVALID_INPUT` for a value that is not finite
 */
export function createAdwin(options?: AdwinOptions): AdwinDetector {
  return new Adwin(parseOptions(optionsSchema, options, 'createAdwin'));
}

class Adwin implements AdwinDetector {
  readonly #window: AdaptiveWindow;
  readonly #clock: number;
  readonly #gracePeriod: number;
  readonly #startsAnew: boolean;
  #sinceLook = 0;
  #state: DetectorState = 'ok';

  constructor({ delta, clock, maxBuckets, minWindowLength, gracePeriod, compat }: Required<AdwinOptions>) {
    this.#startsAnew = compat === 'river';
    const minPartLength = compat === 'river' ? minWindowLength : minWindowLength + 2;
    this.#window = new AdaptiveWindow({ delta, maxBuckets, minWindowLength, minPartLength });
    this.#clock = clock;
    this.#gracePeriod = gracePeriod;
  }

  get state(): DetectorState {
    return this.#state;
  }

  get width(): number {
    return this.#window.width;
  }

  get estimate(): number {
    return this.#window.total / this.#window.width;
  }

  get variance(): number {
    return this.#window.squares / this.#window.width;
  }

  update(value: number): DetectorState {
    checkValue('createAdwin', value);
    if (this.#state === 'drift' && this.#startsAnew) this.reset();
    const window = this.#window;
    window.add(value);
    this.#state = 'ok';
    this.#sinceLook++;
    if (this.#sinceLook === this.#clock) {
      this.#sinceLook = 0;
      if (window.width > this.#gracePeriod && window.shrink()) this.#state = 'drift';
    }
    return this.#state;
  }

  reset(): void {
    this.#window.clear();
    this.#sinceLook = 0;
    this.#state = 'ok';
  }
}
