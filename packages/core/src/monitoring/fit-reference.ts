import * as z from 'zod/mini';
import { parseOptions } from '../config';
import { FairleadError, throwIfAborted } from '../errors';
import type { CallOptions } from '../lifecycle';
import { dtypes, type NumericDType } from '../tensor/dtype';
import type { Tensors } from '../tensor/tensor';
import { countBySortedEdges, quantileEdges } from './binning';
import { type Reference, type ReferenceFeature, type ReferenceInput, referenceLimits } from './reference';
import { RowStore } from './row-store';
import { describeRow, invalidInput, viewRows } from './rows';

/** One row as bare numbers, in the order of the features. Big integers are read as numbers. */
export type BareRow = ArrayLike<number> | ArrayLike<bigint>;

/**
 * Training rows: tensors that hold all of them, or anything that yields them one by one or in batches of tensors.
 */
export type ReferenceRows = Tensors | Iterable<Tensors | BareRow> | AsyncIterable<Tensors | BareRow>;

/** Options of {@link fitReference}. */
export interface FitReferenceOptions extends CallOptions {
  /**
   * Names of the inputs to watch. For bare rows exactly one; for tensors, the others are left out of the reference.
   * @default every input of the tensors
   */
  readonly inputs?: readonly string[];
  /**
   * A name for each value of a row, input after input, for example `p0` to `p63`.
   * @default the input's name where it has one value, else `input[0]`, `input[1]`, …
   */
  readonly featureNames?: readonly string[];
  /**
   * The dtype that the model's input has; only for bare rows, as tensors bring their own. Values are rounded to it, so
   * that a training value of 0.1 meets the same 0.1 in a live float32 tensor.
   * @default 'float32'
   */
  readonly dtype?: Exclude<NumericDType, 'float16'>;
  /** How many quantile bins to aim at for each feature, 2 to 256. @default 10 */
  readonly bins?: number;
  /** Most rows to keep while fitting; of more, a uniform sample. 1 to 10,000,000. @default 50000 */
  readonly maxRows?: number;
  /** The axis of the tensors that counts rows. @default 0 */
  readonly batchAxis?: number;
}

const names = (what: string) =>
  z.array(z.string().check(z.minLength(1, `${what} that is not empty`))).check(
    z.minLength(1),
    z.refine((list) => new Set(list).size === list.length, `${what} that occurs once`),
  );

const optionsSchema = z.strictObject({
  inputs: z.optional(names('a name of an input')),
  featureNames: z.optional(names('a name of a feature')),
  dtype: z.optional(z.enum(dtypes.filter((dtype) => dtype !== 'string' && dtype !== 'float16'))),
  bins: z._default(z.int().check(z.minimum(2), z.maximum(256)), 10),
  maxRows: z._default(z.int().check(z.minimum(1), z.maximum(10_000_000)), 50_000),
  batchAxis: z._default(z.int().check(z.minimum(0), z.maximum(31)), 0),
  signal: z.optional(z.instanceof(AbortSignal)),
});

type ParsedOptions = z.output<typeof optionsSchema>;

/**
 * Fits a reference from training rows: for each feature quantile bins, tallies of NaN, −∞ and +∞, mean, standard
 * deviation, least and greatest value. Keep it with {@link serializeReference} beside the model, as its sidecar
 * `reference`.
 *
 * @param rows `{ pixels: tensor }` with all rows, or an iterable or async iterable of rows or of such records
 * @throws FairleadError `INVALID_INPUT` for no row at all, a row of another width or dtype, a missing input or strings;
 * `INVALID_OPTION`; `LIMIT_EXCEEDED`; `ABORTED`
 */
export async function fitReference(rows: ReferenceRows, options: FitReferenceOptions = {}): Promise<Reference> {
  const parsed = parseOptions(optionsSchema, options, 'fitReference');
  const fitter = new ReferenceFitter(parsed);
  if (isTensors(rows)) fitter.addTensors(rows);
  else {
    if (!isIterable(rows)) {
      throw invalidInput('rows', 'tensors by name, or an iterable of rows', describeRow(rows));
    }
    if (ArrayBuffer.isView(rows)) {
      throw invalidInput('rows', 'several rows, such as [row] for a single one', describeRow(rows));
    }
    for await (const row of rows) {
      throwIfAborted(parsed.signal, 'Fitting the reference');
      fitter.add(row);
    }
  }
  return fitter.finish();
}

class ReferenceFitter {
  readonly #options: ParsedOptions;
  #inputs: readonly ReferenceInput[] | undefined;
  #store: RowStore | undefined;
  #row = new Float64Array(0);

  constructor(options: ParsedOptions) {
    this.#options = options;
  }

  add(row: unknown): void {
    if (isTensors(row)) this.addTensors(row);
    else this.#addBareRow(row);
  }

  addTensors(tensors: Tensors): void {
    const { batchAxis } = this.#options;
    const wanted = this.#inputs?.map(({ name }) => name) ?? this.#options.inputs ?? Object.keys(tensors);
    const views = wanted.map((name) => {
      if (!Object.hasOwn(tensors, name)) {
        throw invalidInput(
          name,
          'a tensor of this input in every batch of rows',
          `only ${Object.keys(tensors).join(', ')}`,
        );
      }
      return viewRows(tensors[name], name, batchAxis);
    });
    if (this.#inputs === undefined) {
      if (this.#options.dtype !== undefined) {
        throw invalidInput('dtype', 'no dtype beside tensors, which bring their own', this.#options.dtype);
      }
      this.#begin(
        wanted.map((name, index) => ({
          name,
          dtype: (tensors[name] as { dtype: NumericDType }).dtype,
          width: views[index]?.width ?? 0,
        })),
      );
    }
    const rows = views[0]?.rows ?? 0;
    this.#inputs?.forEach(({ name, dtype, width }, index) => {
      const view = views[index];
      const given = tensors[name]?.dtype;
      if (given !== dtype) throw invalidInput(name, `dtype ${dtype}, as in the rows before`, String(given));
      if (view?.width !== width) throw invalidInput(name, `${width} values a row`, `${view?.width}`);
      if (view.rows !== rows) throw invalidInput(name, `${rows} rows, as ${wanted[0]} has`, `${view.rows}`);
    });
    for (let row = 0; row < rows; row++) {
      let place = 0;
      for (const { data, outer, inner, rows: count } of views) {
        for (let o = 0; o < outer; o++) {
          const start = (o * count + row) * inner;
          for (let i = 0; i < inner; i++) this.#row[place++] = data[start + i] as number;
        }
      }
      this.#store?.add(this.#row);
    }
  }

  #addBareRow(row: unknown): void {
    if (!(Array.isArray(row) || (ArrayBuffer.isView(row) && !(row instanceof DataView)))) {
      throw invalidInput('rows', 'each row to be an array of numbers, or tensors by name', describeRow(row));
    }
    const values = row as unknown as ArrayLike<unknown>;
    if (this.#inputs === undefined) {
      const { inputs, dtype = 'float32' } = this.#options;
      if (inputs?.length !== 1) {
        throw invalidInput('inputs', 'the name of the one input that bare rows belong to', describeRow(inputs));
      }
      this.#begin([{ name: inputs[0] as string, dtype, width: values.length }]);
    }
    const [input] = this.#inputs ?? [];
    if (values.length !== this.#row.length || this.#inputs?.length !== 1) {
      throw invalidInput(`rows[${this.#store?.rowsRead}]`, `${this.#row.length} values`, `${values.length}`);
    }
    const round = input?.dtype === 'float32' ? Math.fround : Number;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (typeof value !== 'number' && typeof value !== 'bigint') {
        throw invalidInput(
          `rows[${this.#store?.rowsRead}][${i}]`,
          'a number (NaN where it is missing)',
          describeRow(value),
        );
      }
      this.#row[i] = round(Number(value));
    }
    this.#store?.add(this.#row);
  }

  #begin(inputs: readonly ReferenceInput[]): void {
    const width = inputs.reduce((sum, input) => sum + input.width, 0);
    const { featureNames, maxRows } = this.#options;
    if (width === 0) throw invalidInput('rows', 'at least one value a row', 'none');
    if (width > referenceLimits.features) {
      throw new FairleadError(
        'LIMIT_EXCEEDED',
        `rows: at most ${referenceLimits.features} values a row can be watched, given ${width}. Choose inputs with the option "inputs".`,
        { details: { field: 'rows', expected: `at most ${referenceLimits.features} values`, given: String(width) } },
      );
    }
    if (featureNames !== undefined && featureNames.length !== width) {
      throw invalidInput('featureNames', `${width} names, one for each value of a row`, `${featureNames.length}`);
    }
    this.#inputs = inputs;
    this.#store = new RowStore(width, maxRows);
    this.#row = new Float64Array(width);
  }

  finish(): Reference {
    const store = this.#store;
    const inputs = this.#inputs;
    if (store === undefined || inputs === undefined || store.rows === 0) {
      throw invalidInput('rows', 'at least one training row', 'none');
    }
    const featureNames = this.#options.featureNames ?? inputs.flatMap(defaultNames);
    return {
      rows: store.rows,
      rowsRead: store.rowsRead,
      inputs,
      features: featureNames.map((name, index) => fitFeature(name, store, index, this.#options.bins)),
    };
  }
}

function fitFeature(name: string, store: RowStore, index: number, bins: number): ReferenceFeature {
  const column = store.column(index);
  let missing = 0;
  let negativeInfinity = 0;
  let positiveInfinity = 0;
  for (const value of column) {
    if (Number.isNaN(value)) missing++;
    else if (value === Number.POSITIVE_INFINITY) positiveInfinity++;
    else if (value === Number.NEGATIVE_INFINITY) negativeInfinity++;
  }
  const sorted = column.filter(Number.isFinite).sort();
  const edges = quantileEdges(sorted, bins);
  const counts = countBySortedEdges(sorted, edges);
  return { name, edges, counts, missing, negativeInfinity, positiveInfinity, ...store.moments(index) };
}

function defaultNames({ name, width }: ReferenceInput): string[] {
  if (width === 1) return [name];
  return Array.from({ length: width }, (_, index) => `${name}[${index}]`);
}

function isIterable(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}

function isTensors(value: unknown): value is Tensors {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !isIterable(value);
}
