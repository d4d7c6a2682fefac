import * as z from 'zod/mini';
import { describeValue, parseOptions } from '../../config';
import { FairleadError, throwIfAborted } from '../../errors';
import type { CallOptions } from '../../lifecycle';
import { invalidInput } from '../rows';
import { fitIsotonic, type IsotonicCurve } from './isotonic';
import { fitLossModel } from './loss-model';
import { type LabelledRows, type MetricEstimates, measure } from './measure';
import { normalUpperQuantile } from './normal-law';
import type { PerformanceReference, ReferenceMetric, ReferenceMetrics } from './performance-reference';
import { type ClassLabel, checkFeatures, createRowReader, type Prediction, type RowReader } from './prediction';
import { selectRows } from './row-windows';
import { type SliceOptions, SliceTable } from './slices';
import { parseSlices, parseTask, type TaskOptions } from './task-options';

/** A prediction whose label is known. */
export interface LabelledPrediction extends Prediction {
  /** The class, or the value. */
  readonly label: ClassLabel;
}

/** Options of {@link fitPerformanceReference}. */
export interface FitPerformanceReferenceOptions extends TaskOptions, CallOptions {
  /** Slices of which the reference holds metrics, as in the monitor. @default none */
  readonly slices?: SliceOptions;
  /** Most parts of slices, 1 to 10,000; the others are one. @default 50 */
  readonly maxParts?: number;
  /** Most rows taken; more are refused with `LIMIT_EXCEEDED`. 1 to 10,000,000. @default 1000000 */
  readonly maxRows?: number;
  /** Decides which rows a loss model is tried on. @default 1 */
  readonly seed?: number;
}

const schema = z.strictObject({
  task: z.optional(z.unknown()),
  classes: z.optional(z.unknown()),
  threshold: z.optional(z.unknown()),
  slices: z.optional(z.unknown()),
  maxParts: z._default(z.int().check(z.minimum(1), z.maximum(10_000)), 50),
  maxRows: z._default(z.int().check(z.minimum(1), z.maximum(10_000_000)), 1_000_000),
  seed: z._default(z.int(), 1),
  signal: z.optional(z.instanceof(AbortSignal)),
});

const owner = 'fitPerformanceReference';

/**
 * Fits a reference of performance: metrics with their standard errors, over all rows and by slice; for a classifier curves
 * that calibrate its probabilities (isotonic regression, always applied); for a regression whose rows bring features, models
 * of its absolute and squared error. The rows must be ones that the model was not trained on, else it promises too much.
 *
 * @throws FairleadError `INVALID_OPTION`; `INVALID_INPUT` for no row at all, a bad prediction or label, features of another
 * width or too few rows to learn errors from; `LIMIT_EXCEEDED`; `ABORTED`
 */
export async function fitPerformanceReference(
  rows: Iterable<LabelledPrediction> | AsyncIterable<LabelledPrediction>,
  options: FitPerformanceReferenceOptions,
): Promise<PerformanceReference> {
  const { maxParts, maxRows, seed, signal } = parseOptions(schema, options, owner);
  const reader = createRowReader(parseTask(options, owner));
  const table = new SliceTable(parseSlices(options.slices, owner), maxParts);
  if (!isIterable(rows)) throw invalidInput('rows', 'an iterable of labelled predictions', describeValue(rows));
  const collector = new RowCollector(reader, table);
  throwIfAborted(signal, owner);
  for await (const row of rows) {
    throwIfAborted(signal, owner);
    if (collector.rows === maxRows) throw tooManyRows(maxRows);
    collector.add(row);
  }
  if (collector.rows === 0) throw invalidInput('rows', 'at least one labelled prediction', 'none');
  return collector.fit(seed);
}

class RowCollector {
  readonly #reader: RowReader;
  readonly #table: SliceTable;
  readonly #actual: number[] = [];
  readonly #predicted: number[] = [];
  readonly #probabilities: number[] = [];
  readonly #parts: number[] = [];
  readonly #features: number[] = [];
  #width: number | undefined;
  readonly #row: Float64Array;
  readonly #part: Int32Array;

  constructor(reader: RowReader, table: SliceTable) {
    this.#reader = reader;
    this.#table = table;
    this.#row = new Float64Array(reader.width);
    this.#part = new Int32Array(table.slices);
  }

  get rows(): number {
    return this.#actual.length;
  }

  add(row: LabelledPrediction): void {
    const predicted = this.#reader.readPrediction(row, this.#row, 0);
    const actual = this.#reader.readLabel(row.label);
    if (this.#reader.task === 'regression') this.#addFeatures(row.features);
    this.#predicted.push(predicted);
    this.#actual.push(actual);
    this.#probabilities.push(...this.#row);
    this.#table.number(row, this.#part, 0);
    this.#parts.push(...this.#part);
  }

  #addFeatures(features: ArrayLike<number> | undefined): void {
    this.#width ??= features?.length ?? 0;
    if (this.#width === 0 && features === undefined) return;
    checkFeatures(features ?? [], this.#width);
    for (let i = 0; i < this.#width; i++) this.#features.push((features as ArrayLike<number>)[i] as number);
  }

  fit(seed: number): PerformanceReference {
    const { task, classes, threshold } = this.#reader;
    const all = this.#select();
    const losses = this.#fitLosses(seed);
    return {
      format: 'fairlead-performance-reference',
      version: 1,
      task,
      classes,
      threshold,
      rows: this.rows,
      metrics: toReference(all),
      slices: this.#table.parts.map(({ slice, part }, number) => ({
        slice,
        part,
        metrics: toReference(this.#select(number)),
      })),
      calibration: task === 'regression' ? [] : fitCalibration(all),
      ...(losses === undefined ? {} : { losses }),
    };
  }

  #select(part?: number): LabelledRows {
    const { slices } = this.#table;
    const chosen: number[] = [];
    for (let row = 0; row < this.rows; row++) {
      if (part === undefined || this.#parts.slice(row * slices, (row + 1) * slices).includes(part)) chosen.push(row);
    }
    return selectRows(this.#reader, this.#actual, this.#predicted, this.#probabilities, chosen);
  }

  #fitLosses(seed: number): PerformanceReference['losses'] {
    const width = this.#width ?? 0;
    if (width === 0) return undefined;
    const features = Float64Array.from(this.#features);
    const errors = this.#actual.map((actual, row) => actual - (this.#predicted[row] as number));
    return {
      absolute: fitLossModel(features, width, errors.map(Math.abs), seed),
      squared: fitLossModel(
        features,
        width,
        errors.map((error) => error * error),
        seed,
      ),
    };
  }
}

const settings = { z: normalUpperQuantile(0.025), calibrationBins: 10 };

function toReference(data: LabelledRows): ReferenceMetrics {
  const estimates: MetricEstimates = measure(data, settings);
  const plain = ({ value, standardError, rows }: ReferenceMetric): ReferenceMetric => ({ value, standardError, rows });
  return Object.fromEntries(Object.entries(estimates).map(([metric, estimate]) => [metric, plain(estimate)]));
}

function fitCalibration({ task, classes, rows, actual, probabilities }: LabelledRows): IsotonicCurve[] {
  const width = task === 'binary' ? 1 : classes;
  const usable: number[] = [];
  for (let row = 0; row < rows; row++) if (!Number.isNaN(probabilities[row * width])) usable.push(row);
  if (usable.length === 0) return [];
  return Array.from({ length: width }, (_, index) =>
    fitIsotonic(
      usable.map((row) => probabilities[row * width + index] as number),
      usable.map((row) => (actual[row] === (task === 'binary' ? 1 : index) ? 1 : 0)),
    ),
  );
}

function isIterable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}

function tooManyRows(maxRows: number): FairleadError {
  return new FairleadError(
    'LIMIT_EXCEEDED',
    `rows: more than ${maxRows} labelled predictions. Give a sample of them, or raise maxRows.`,
    { details: { field: 'rows', expected: `at most ${maxRows}`, given: 'more' } },
  );
}
