import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { type BinaryStreamDetector, type DetectorState, errorOf } from './detector';

/** How {@link createEddm} is set. */
export interface EddmOptions {
  /** Observations before it measures, and errors before it may warn; 1 or more. @default 30 */
  readonly warmStart?: number;
  /** Part of the largest distance below which it warns; above 0, at most 1. @default 0.95 */
  readonly alpha?: number;
  /** Part of the largest distance below which it is a drift; above 0, at most `alpha`. @default 0.9 */
  readonly beta?: number;
}

/** EDDM, and the distance between errors that it has seen. */
export interface EddmDetector extends BinaryStreamDetector {
  /** Mean number of observations from one error to the next; 0 before the first error. */
  readonly meanDistance: number;
}

const share = () => z.number().check(z.gt(0), z.maximum(1));

const optionsSchema = z
  .strictObject({
    warmStart: z._default(z.int().check(z.minimum(1)), 30),
    alpha: z._default(share(), 0.95),
    beta: z._default(share(), 0.9),
  })
  .check(z.refine(({ alpha, beta }) => beta <= alpha, { path: ['beta'], error: 'at most alpha' }));

/**
 * The early drift detection method of Baena-García and others (2006), for a stream of errors: it watches the distance
 * between errors, its mean p and deviation s, and calls it a drift when p + 2s falls below a part of its largest. Meant for
 * changes that come slowly. On steady streams it alarms often: its ratio knows nothing of how many errors it has seen.
 *
 * @throws FairleadError `INVALID_OPTION`; `update` throws `INVALID_INPUT` for anything but 0, 1, false and true
 */
export function createEddm(options?: EddmOptions): EddmDetector {
  return new Eddm(parseOptions(optionsSchema, options, 'createEddm'));
}

class Eddm implements EddmDetector {
  readonly #warmStart: number;
  readonly #alpha: number;
  readonly #beta: number;
  #count = 0;
  #lastError = 0;
  #errors = 0;
  #mean = 0;
  #squares = 0;
  #largest = -1;
  #state: DetectorState = 'ok';

  constructor({ warmStart, alpha, beta }: Required<EddmOptions>) {
    this.#warmStart = warmStart;
    this.#alpha = alpha;
    this.#beta = beta;
  }

  get state(): DetectorState {
    return this.#state;
  }

  get meanDistance(): number {
    return this.#mean;
  }

  update(value: number | boolean): DetectorState {
    const error = errorOf('createEddm', value);
    if (this.#state === 'drift') this.reset();
    this.#count++;
    if (error === 1) {
      this.#observeDistance(this.#count - this.#lastError);
      this.#lastError = this.#count;
    }
    return this.#state;
  }

  reset(): void {
    this.#count = 0;
    this.#lastError = 0;
    this.#errors = 0;
    this.#mean = 0;
    this.#squares = 0;
    this.#largest = -1;
    this.#state = 'ok';
  }

  /** Between errors, and at a new largest distance, the state stays what it was. */
  #observeDistance(distance: number): void {
    this.#errors++;
    const before = this.#mean;
    this.#mean += (1 / this.#errors) * (distance - before);
    this.#squares += (distance - before) * (distance - this.#mean);
    if (this.#count <= this.#warmStart) return;
    const variance = this.#errors > 1 ? this.#squares / (this.#errors - 1) : 0;
    const level = this.#mean + 2 * Math.sqrt(variance);
    if (level > this.#largest) {
      this.#largest = level;
    } else if (this.#errors > this.#warmStart) {
      const ratio = level / this.#largest;
      if (ratio < this.#beta) this.#state = 'drift';
      else if (ratio < this.#alpha) this.#state = 'warning';
      else this.#state = 'ok';
    }
  }
}
