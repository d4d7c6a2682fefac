import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { FairleadError, throwIfAborted } from '../../errors';
import type { CallOptions } from '../../lifecycle';
import type { Tensor } from '../../tensor/tensor';
import type { BareRow } from '../fit-reference';
import { createRandom } from '../random';
import { isIterable, ReferenceFitter } from '../reference-fitter';
import { RowStore } from '../row-store';
import { describeRow, invalidInput, viewRows } from '../rows';
import { type EmbeddingReference, embeddingLimits, projectionInput, projectionNames } from './embedding-reference';
import { rademacherSigns, scalesOf } from './projector';

/** Embeddings: a tensor that holds all of them, or anything that yields them one by one or in tensors. */
export type EmbeddingRows = Tensor | Iterable<Tensor | BareRow> | AsyncIterable<Tensor | BareRow>;

/** Options of {@link fitEmbeddingReference}. */
export interface FitEmbeddingOptions extends CallOptions {
  /** Random directions to watch; a drift along none of them is left to the two-sample test. 1 to 256. @default 16 */
  readonly projections?: number;
  /** What the directions and the sample follow from. 0 to 4,294,967,295. @default 1 */
  readonly seed?: number;
  /** Quantile bins of each projection, 2 to 256. @default 10 */
  readonly bins?: number;
  /** Most rows to keep while fitting; of more, a uniform sample. 2 to 1,000,000. @default 10000 */
  readonly maxRows?: number;
  /** Rows to keep in the reference for the two-sample test. 2 to 2048, 64 MiB at most. @default 256 */
  readonly sampleRows?: number;
  /** The axis of the tensors that counts rows. @default 0 */
  readonly batchAxis?: number;
}

const whole = (least: number, most: number) => z.int().check(z.minimum(least), z.maximum(most));
const optionsSchema = z.strictObject({
  projections: z._default(whole(1, embeddingLimits.projections), 16),
  seed: z._default(whole(0, 2 ** 32 - 1), 1),
  bins: z._default(whole(2, 256), 10),
  maxRows: z._default(whole(2, 1_000_000), 10_000),
  sampleRows: z._default(whole(2, embeddingLimits.sampleRows), 256),
  batchAxis: z._default(whole(0, 31), 0),
  signal: z.optional(z.instanceof(AbortSignal)),
});

type FitSettings = z.output<typeof optionsSchema>;

/**
 * Fits what embeddings look like in training: mean and deviation of each dimension, the distribution of random projections and
 * of the distance from the mean, and a sample of the rows for the two-sample test.
 *
 * @param rows a tensor `[rows, width]` with all of them, or an iterable or async iterable of rows or such tensors. Rows with a
 * value that is NaN or infinite are counted, as missing, and no part of the moments or the sample
 * @throws FairleadError `INVALID_INPUT` for fewer than two finite rows, a row of another width, or strings; `INVALID_OPTION`;
 * `LIMIT_EXCEEDED`; `ABORTED`
 */
export async function fitEmbeddingReference(
  rows: EmbeddingRows,
  options: FitEmbeddingOptions = {},
): Promise<EmbeddingReference> {
  const settings = parseOptions(optionsSchema, options, 'fitEmbeddingReference');
  const collector = new EmbeddingCollector(settings);
  if (isTensor(rows)) collector.addTensor(rows);
  else {
    if (!isIterable(rows) || ArrayBuffer.isView(rows)) {
      throw invalidInput('rows', 'a tensor, or an iterable of rows', describeRow(rows));
    }
    for await (const row of rows) {
      throwIfAborted(settings.signal, 'Fitting the embedding reference');
      if (isTensor(row)) collector.addTensor(row);
      else collector.addRow(row);
    }
  }
  return collector.finish();
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'dtype' in value && 'shape' in value;
}

class EmbeddingCollector {
  readonly #settings: FitSettings;
  #store: RowStore | undefined;
  #row = new Float64Array(0);
  #nonFiniteRows = 0;

  constructor(settings: FitSettings) {
    this.#settings = settings;
  }

  addTensor(tensor: Tensor): void {
    const { data, rows, width, outer, inner } = viewRows(tensor, 'rows', this.#settings.batchAxis);
    if (rows === 0) return;
    this.#expect(width);
    for (let row = 0; row < rows; row++) {
      let place = 0;
      for (let o = 0; o < outer; o++) {
        const start = (o * rows + row) * inner;
        for (let i = 0; i < inner; i++) this.#row[place++] = data[start + i] as number;
      }
      this.#keep();
    }
  }

  addRow(row: unknown): void {
    if (!(Array.isArray(row) || (ArrayBuffer.isView(row) && !(row instanceof DataView)))) {
      throw invalidInput('rows', 'each row to be an array of numbers, or a tensor of rows', describeRow(row));
    }
    const values = row as unknown as ArrayLike<unknown>;
    this.#expect(values.length);
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (typeof value !== 'number' && typeof value !== 'bigint') {
        throw invalidInput(`rows[${this.#rowsRead}][${i}]`, 'a number', describeRow(value));
      }
      // As a model computes it, and as the sample keeps it.
      this.#row[i] = Math.fround(Number(value));
    }
    this.#keep();
  }

  get #rowsRead(): number {
    return (this.#store?.rowsRead ?? 0) + this.#nonFiniteRows;
  }

  #expect(width: number): void {
    if (this.#store !== undefined) {
      if (width === this.#row.length) return;
      throw invalidInput(`rows[${this.#rowsRead}]`, `${this.#row.length} values`, `${width}`);
    }
    const { projections, sampleRows, maxRows } = this.#settings;
    if (width === 0) throw invalidInput('rows', 'at least one value a row', 'none');
    refuseAbove('rows', embeddingLimits.width, width, 'Watch a pooled embedding instead.');
    const mostProjections = Math.floor(embeddingLimits.signs / width);
    refuseAbove('projections', mostProjections, projections, `${width} values a row allow no more.`);
    const mostSample = Math.floor(embeddingLimits.sampleValues / width);
    refuseAbove('sampleRows', mostSample, sampleRows, `${width} values a row allow no more.`);
    this.#store = new RowStore(width, maxRows);
    this.#row = new Float64Array(width);
  }

  #keep(): void {
    if (this.#row.every((value) => Number.isFinite(Math.fround(value)))) this.#store?.add(this.#row);
    else this.#nonFiniteRows++;
  }

  finish(): EmbeddingReference {
    const store = this.#store;
    if (store === undefined || store.rows < 2) {
      const given = `${store?.rows ?? 0} (and ${this.#nonFiniteRows} with values that are NaN or infinite)`;
      throw invalidInput('rows', 'at least two rows of finite values', given);
    }
    const { seed, projections: projectionCount, bins } = this.#settings;
    const { width, rows } = store;
    const sampleRows = Math.min(rows, this.#settings.sampleRows);
    const chosen = chooseRows(rows, sampleRows, seed);
    const mean = new Float64Array(width);
    const deviation = new Float64Array(width);
    for (let i = 0; i < width; i++) {
      const moments = store.moments(i);
      mean[i] = moments.mean as number;
      deviation[i] = moments.deviation as number;
    }
    const scale = scalesOf(deviation);
    const inverse = scale.map((one) => 1 / one);
    const signs = rademacherSigns(seed, width, projectionCount);
    const sample = new Float32Array(width * sampleRows);
    const features = projectionCount + 1;
    const values = new Float64Array(rows * features);
    const squares = new Float64Array(rows);
    const distances = new Float64Array(rows);
    for (let i = 0; i < width; i++) {
      const column = store.column(i);
      for (let row = 0; row < rows; row++) {
        const fromMean = (column[row] as number) - (mean[i] as number);
        // To the bit as the projector does it, so that a value that lies on an edge stays on its side.
        const standardised = fromMean * (inverse[i] as number);
        const start = row * features;
        for (let p = 0; p < projectionCount; p++) {
          values[start + p] = (values[start + p] as number) + (signs[p * width + i] as number) * standardised;
        }
        const others = fromOthers(fromMean, deviation[i] as number, scale[i] as number, store.rowsRead);
        squares[row] = (squares[row] as number) + standardised * standardised;
        distances[row] = (distances[row] as number) + others * others;
      }
      for (let k = 0; k < sampleRows; k++) sample[k * width + i] = column[chosen[k] as number] as number;
    }
    // Rows that repeat are compared by which of them they are, and must measure to the bit what live ones do.
    const isRepeating = new Set(squares).size < rows / 2;
    // Of rows that could not be projected, as large a share as among all that were read.
    const missing = Math.round((this.#nonFiniteRows * rows) / store.rowsRead);
    const fitter = new ReferenceFitter({
      inputs: [projectionInput],
      featureNames: projectionNames(projectionCount),
      dtype: 'float64',
      bins,
      maxRows: rows + missing,
      batchAxis: 0,
      seasons: undefined,
    });
    const norm = 1 / Math.sqrt(width);
    for (let row = 0; row < rows; row++) {
      const scaled = values.subarray(row * features, (row + 1) * features);
      for (let p = 0; p < projectionCount; p++) scaled[p] = (scaled[p] as number) * norm;
      scaled[projectionCount] = Math.sqrt((isRepeating ? squares : distances)[row] as number) * norm;
      fitter.add(scaled);
    }
    const unknown = new Float64Array(features).fill(Number.NaN);
    for (let row = 0; row < missing; row++) fitter.add(unknown);
    return {
      width,
      rows: store.rowsRead,
      nonFiniteRows: this.#nonFiniteRows,
      seed,
      projectionCount,
      mean,
      deviation,
      projections: fitter.finish(),
      sampleRows,
      sample,
    };
  }
}

/**
 * The standardised distance of a training value from the mean of all the others, by their deviation. Measured from a mean that it
 * has a part in, a training row would lie nearer than a live one, and that alone would look like a drift.
 */
function fromOthers(fromMean: number, deviation: number, scale: number, rows: number): number {
  if (rows < 3 || scale !== deviation) return fromMean / scale;
  const grown = rows / (rows - 1);
  const variance = (rows * deviation * deviation - fromMean * fromMean * grown) / (rows - 1);
  // It may be the only row that differs in this dimension.
  return (fromMean * grown) / Math.sqrt(Math.max(variance, (deviation * deviation) / rows));
}

/** `count` of so many rows, each as likely as another. */
function chooseRows(rows: number, count: number, seed: number): Int32Array {
  const random = createRandom(seed);
  const order = Int32Array.from({ length: rows }, (_, index) => index);
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(random() * (rows - i));
    const chosen = order[other] as number;
    order[other] = order[i] as number;
    order[i] = chosen;
  }
  return order.slice(0, count);
}

function refuseAbove(field: string, most: number, given: number, why: string): void {
  if (given <= most) return;
  throw new FairleadError('LIMIT_EXCEEDED', `${field}: expected at most ${most}, given ${given}. ${why}`, {
    details: { field, expected: `at most ${most}`, given: String(given) },
  });
}
