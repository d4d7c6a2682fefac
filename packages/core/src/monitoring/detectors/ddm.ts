import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { type BinaryStreamDetector, type DetectorState, errorOf } from './detector';

/** How {@link createDdm} is set. */
export interface DdmOptions {
  /** Observations before it may warn; 1 or more. @default 30 */
  readonly warmStart?: number;
  /** Standard deviations above the best error rate at which it warns; above 0. @default 2 */
  readonly warningThreshold?: number;
  /** Standard deviations above the best error rate that are a drift; `warningThreshold` or more. @default 3 */
  readonly driftThreshold?: number;
}

/** DDM, and the error rate that it has seen. */
export interface DdmDetector extends BinaryStreamDetector {
  /** Share of errors since it began anew; 0 before the first observation. */
  readonly errorRate: number;
}

const optionsSchema = z
  .strictObject({
    warmStart: z._default(z.int().check(z.minimum(1)), 30),
    warningThreshold: z._default(z.number().check(z.gt(0)), 2),
    driftThreshold: z._default(z.number().check(z.gt(0)), 3),
  })
  .check(
    z.refine(({ warningThreshold, driftThreshold }) => warningThreshold <= driftThreshold, {
      path: ['driftThreshold'],
      error: 'warningThreshold or more',
    }),
  );

/**
 * The drift detection method of Gama and others (2004), for a stream of errors: a model that learns errs less and less, so a
 * rate p with its standard deviation s = √(p(1−p)/n) above the smallest p + s seen, by so many of its s, is a drift. It
 * sees increases only, and the longer the quiet before it, the later.
 *
 * @throws FairleadError `INVALID_OPTION`; `update` throws `INVALID_INPUT` for anything but 0, 1, false and true
 */
export function createDdm(options?: DdmOptions): DdmDetector {
  return new Ddm(parseOptions(optionsSchema, options, 'createDdm'));
}

class Ddm implements DdmDetector {
  readonly #warmStart: number;
  readonly #warningThreshold: number;
  readonly #driftThreshold: number;
  #count = 0;
  #rate = 0;
  #bestRate = 0;
  #bestDeviation = 0;
  #bestSum = Number.POSITIVE_INFINITY;
  #state: DetectorState = 'ok';

  constructor({ warmStart, warningThreshold, driftThreshold }: Required<DdmOptions>) {
    this.#warmStart = warmStart;
    this.#warningThreshold = warningThreshold;
    this.#driftThreshold = driftThreshold;
  }

  get state(): DetectorState {
    return this.#state;
  }

  get errorRate(): number {
    return this.#rate;
  }

  update(value: number | boolean): DetectorState {
    const error = errorOf('createDdm', value);
    if (this.#state === 'drift') this.reset();
    this.#count++;
    this.#rate += (1 / this.#count) * (error - this.#rate);
    if (this.#count <= this.#warmStart) return this.#state;
    const rate = this.#rate;
    const deviation = Math.sqrt(Math.max(0, (rate * (1 - rate)) / this.#count));
    const sum = rate + deviation;
    if (sum <= this.#bestSum) {
      this.#bestRate = rate;
      this.#bestDeviation = deviation;
      this.#bestSum = sum;
    }
    if (sum > this.#bestRate + this.#driftThreshold * this.#bestDeviation) this.#state = 'drift';
    else if (sum > this.#bestRate + this.#warningThreshold * this.#bestDeviation) this.#state = 'warning';
    else this.#state = 'ok';
    return this.#state;
  }

  reset(): void {
    this.#count = 0;
    this.#rate = 0;
    this.#bestSum = Number.POSITIVE_INFINITY;
    this.#state = 'ok';
  }
}
