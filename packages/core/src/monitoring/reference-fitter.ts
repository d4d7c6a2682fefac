import { FairleadError } from '../errors';
import type { NumericDType } from '../tensor/dtype';
import type { Tensors } from '../tensor/tensor';
import { countBySortedEdges, quantileEdges } from './binning';
import { type Reference, type ReferenceFeature, type ReferenceInput, referenceLimits } from './reference';
import { RowStore } from './row-store';
import { describeRow, invalidInput, viewRows } from './rows';
import { fewestRowsOfSeason, type SeasonKind, seasonCount } from './seasons';

/** How rows become a reference; as the options of `fitReference`, complete. */
export interface FitterOptions {
  readonly inputs: readonly string[] | undefined;
  readonly featureNames: readonly string[] | undefined;
  readonly dtype: Exclude<NumericDType, 'float16'> | undefined;
  readonly bins: number;
  readonly maxRows: number;
  readonly batchAxis: number;
  /** Which season a row belongs to, by its index; references of the seasons are fitted beside the whole. */
  readonly seasons:
    | { readonly kind: SeasonKind; readonly utcOffsetMinutes: number; of(row: number): number }
    | undefined;
}

/** Takes rows, then makes a reference of them. */
export class ReferenceFitter {
  readonly #options: FitterOptions;
  /** By season, those that had a row. */
  readonly #seasons = new Map<number, RowStore>();
  #inputs: readonly ReferenceInput[] | undefined;
  #store: RowStore | undefined;
  #row = new Float64Array(0);

  constructor(options: FitterOptions) {
    this.#options = options;
  }

  /** Rows that were read. */
  get rowsRead(): number {
    return this.#store?.rowsRead ?? 0;
  }

  /**
   * Takes a row of bare numbers, or tensors that hold several.
   * @throws FairleadError `INVALID_INPUT`, `LIMIT_EXCEEDED`
   */
  add(row: unknown): void {
    if (isTensors(row)) this.addTensors(row);
    else this.#addBareRow(row);
  }

  /**
   * Takes the rows of tensors.
   * @throws FairleadError `INVALID_INPUT`, `LIMIT_EXCEEDED`
   */
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
      this.#keepRow();
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
    this.#keepRow();
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

  #keepRow(): void {
    const { seasons, maxRows } = this.#options;
    const season = seasons?.of(this.rowsRead);
    this.#store?.add(this.#row);
    if (season === undefined) return;
    let store = this.#seasons.get(season);
    if (store === undefined) {
      store = new RowStore(this.#row.length, maxRows);
      this.#seasons.set(season, store);
    }
    store.add(this.#row);
  }

  /**
   * Makes the reference at once.
   * @throws FairleadError `INVALID_INPUT` without a row
   */
  finish(): Reference {
    const steps = this.steps();
    for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
  }

  /**
   * Makes the reference a feature at a time, for those who have other things to do between.
   * @throws FairleadError `INVALID_INPUT` without a row
   */
  *steps(): Generator<void, Reference> {
    const store = this.#store;
    const inputs = this.#inputs;
    if (store === undefined || inputs === undefined || store.rows === 0) {
      throw invalidInput('rows', 'at least one training row', 'none');
    }
    const featureNames = this.#options.featureNames ?? inputs.flatMap(defaultNames);
    const whole = yield* stepsOf(store, inputs, featureNames, this.#options.bins);
    const { seasons } = this.#options;
    if (seasons === undefined) return whole;
    const { kind, utcOffsetMinutes } = seasons;
    const references: (Reference | null)[] = new Array<null>(seasonCount(kind)).fill(null);
    for (const [season, rows] of this.#seasons) {
      if (rows.rows >= fewestRowsOfSeason) {
        references[season] = yield* stepsOf(rows, inputs, featureNames, this.#options.bins);
      }
    }
    return { ...whole, seasons: { kind, utcOffsetMinutes, references } };
  }
}

function* stepsOf(
  store: RowStore,
  inputs: readonly ReferenceInput[],
  featureNames: readonly string[],
  bins: number,
): Generator<void, Reference> {
  const features: ReferenceFeature[] = [];
  for (const [index, name] of featureNames.entries()) {
    features.push(fitFeature(name, store, index, bins));
    yield;
  }
  return { rows: store.rows, rowsRead: store.rowsRead, inputs, features };
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

/** Whether rows are given as tensors by name. */
export function isTensors(value: unknown): value is Tensors {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !isIterable(value);
}

/** Whether rows are given one after another. */
export function isIterable(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}
