import * as z from 'zod/mini';
import { describeValue, parseOptions } from '../../config';
import { FairleadError } from '../../errors';
import { countBySortedEdges, quantileEdges } from '../binning';
import { invalidInput } from '../rows';
import { type FeatureLayout, layOut } from '../sketches/feature-layout';
import { slotsOfColumn } from '../sketches/slots-of-column';
import type { DetectorState, StreamDetector } from './detector';
import { EvidenceProcess } from './evidence-process';
import { rowsNeeded } from './reference-size';

/** How {@link createEDetector} is set. */
export interface EDetectorOptions {
  /** Values as they should be, in any order: a sample, whose size is taken into account. NaN and ±∞ may be among them. */
  readonly reference: ArrayLike<number>;
  /** The mean number of values between false alarms while nothing changes, 100 or more. */
  readonly meanTimeBetweenFalseAlarms: number;
  /** The Kolmogorov–Smirnov distance that is no change yet, 0 to 0.5. @default 0 */
  readonly minimumEffect?: number;
  /** How many quantile bins to aim at, 2 to 256. @default 20 */
  readonly bins?: number;
}

/** An e-detector, and what it holds. */
export interface EDetector extends StreamDetector {
  /** The evidence that something changed: 0 to begin with, an alarm at `meanTimeBetweenFalseAlarms`. */
  readonly evidence: number;
}

const optionsSchema = z.strictObject({
  reference: z.custom<ArrayLike<number>>(
    (value) => Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView)),
    'an array of numbers',
  ),
  meanTimeBetweenFalseAlarms: z.number().check(z.minimum(100), z.maximum(1e15)),
  minimumEffect: z._default(z.number().check(z.minimum(0), z.maximum(0.5)), 0),
  bins: z._default(z.int().check(z.minimum(2), z.maximum(256)), 20),
});

const owner = 'createEDetector';

/**
 * The detector behind the drift monitor's alarm, for a single stream of numbers: it needs no threshold, only the mean time
 * between false alarms that is to be kept. It sees shifts, changes of spread, values that were rare or missing, and any other
 * change that lasts. It warns at a tenth of an alarm's evidence. How it works, and that it assumes independent values, is
 * written in `evidence-process.ts`.
 *
 * After an alarm it begins anew, with all it saw before the alarm among what it takes for usual.
 *
 * @throws FairleadError `INVALID_OPTION`, also for a reference that is too small for the stated time; `update` throws
 * `INVALID_INPUT` for what is no number
 */
export function createEDetector(options: EDetectorOptions): EDetector {
  const { reference, meanTimeBetweenFalseAlarms, minimumEffect, bins } = parseOptions(optionsSchema, options, owner);
  const needed = rowsNeeded(meanTimeBetweenFalseAlarms, 1);
  if (reference.length < needed) {
    const [expected, given] = [`at least ${needed} values for so rare false alarms`, String(reference.length)];
    throw new FairleadError(
      'INVALID_OPTION',
      `${owner}: option "reference" is wrong: expected ${expected}, given ${given}. Give it more values, or state a shorter time.`,
      { details: { field: 'reference', expected, given } },
    );
  }
  return new SequentialEvidence(Float64Array.from(reference), meanTimeBetweenFalseAlarms, minimumEffect, bins);
}

class SequentialEvidence implements EDetector {
  readonly #alarmLevel: number;
  readonly #begin: () => EvidenceProcess;
  readonly #layout: FeatureLayout;
  /** The value as a block of one row. */
  readonly #view = { data: new Float64Array(1), rows: 1, width: 1, outer: 1, inner: 1 };
  readonly #picked = new Int32Array(1);
  readonly #sum = new Float64Array(1);
  readonly #slot = new Uint16Array(1);
  readonly #fresh: Float64Array;
  #process: EvidenceProcess;
  #freshValues = 0;
  #untilNote: number;
  #evidence = 0;
  #state: DetectorState = 'ok';

  constructor(reference: Float64Array, alarmLevel: number, minimumEffect: number, bins: number) {
    const sorted = reference.filter(Number.isFinite).sort();
    const edges = quantileEdges(sorted, bins);
    const count = (is: (value: number) => boolean): number =>
      reference.reduce((sum, value) => sum + (is(value) ? 1 : 0), 0);
    const feature = {
      name: 'value',
      edges,
      counts: countBySortedEdges(sorted, edges),
      missing: count(Number.isNaN),
      negativeInfinity: count((value) => value === Number.NEGATIVE_INFINITY),
      positiveInfinity: count((value) => value === Number.POSITIVE_INFINITY),
      mean: null,
      deviation: null,
      minimum: null,
      maximum: null,
    };
    const layout = layOut({
      rows: reference.length,
      rowsRead: reference.length,
      inputs: [{ name: 'value', dtype: 'float64', width: 1 }],
      features: [feature],
    });
    this.#alarmLevel = alarmLevel;
    this.#layout = layout;
    this.#fresh = new Float64Array(layout.slots);
    this.#begin = () => new EvidenceProcess(layout, minimumEffect, 1);
    this.#process = this.#begin();
    this.#untilNote = this.#process.untilRefresh;
  }

  get state(): DetectorState {
    return this.#state;
  }

  get evidence(): number {
    return this.#evidence;
  }

  update(value: number): DetectorState {
    if (typeof value !== 'number') throw invalidInput(owner, 'a number, NaN where it is missing', describeValue(value));
    this.#view.data[0] = value;
    slotsOfColumn(this.#layout, 0, this.#view, 0, this.#picked, 1, this.#slot, this.#sum);
    const slot = this.#slot[0] as number;
    this.#fresh[slot] = (this.#fresh[slot] as number) + 1;
    this.#process.beginBlock(1);
    this.#process.addColumn(0, this.#slot, 1);
    this.#evidence = this.#process.endBlock(1);
    this.#freshValues++;
    if (--this.#untilNote <= 0) this.#takeNote();
    this.#state =
      this.#evidence >= this.#alarmLevel ? 'drift' : this.#evidence * 10 >= this.#alarmLevel ? 'warning' : 'ok';
    if (this.#state === 'drift') this.#process.restart();
    return this.#state;
  }

  reset(): void {
    this.#process = this.#begin();
    this.#fresh.fill(0);
    this.#freshValues = 0;
    this.#untilNote = this.#process.untilRefresh;
    this.#evidence = 0;
    this.#state = 'ok';
  }

  #takeNote(): void {
    this.#process.takeNote(this.#fresh, this.#freshValues, true);
    this.#fresh.fill(0);
    this.#freshValues = 0;
    this.#untilNote = this.#process.untilRefresh;
  }
}
