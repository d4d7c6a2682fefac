import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import { FairleadError, throwIfAborted } from '../../errors';
import type { CallOptions } from '../../lifecycle';
import type { Tensors } from '../../tensor/tensor';
import type { BareRow } from '../fit-reference';
import type { Reference } from '../reference';
import { describeRow, invalidInput } from '../rows';
import { cellAt, defaultFieldNames, looksLikeTensor, viewColumns } from './columns';
import { FieldProfile } from './field-profile';
import { type DataSchema, type SchemaInput, schemaLimits } from './schema';
import { schemaFromReference } from './schema-from-reference';

/** A row by field name, such as `{ age: 31, city: 'Oslo' }`. */
export type DataRecord = Readonly<Record<string, unknown>>;

/** Rows to infer a schema from: tensors that hold all of them, or anything that yields them one by one. */
export type SchemaRows =
  | Tensors
  | Iterable<DataRecord | BareRow | Tensors>
  | AsyncIterable<DataRecord | BareRow | Tensors>;

/** Options of {@link inferSchema}. */
export interface InferSchemaOptions extends CallOptions {
  /**
   * A name for each value of a row, for bare rows and tensors, input after input.
   * @default for tensors the input's name where it has one value, else `input[0]`, `input[1]`, …; bare rows need them
   */
  readonly fieldNames?: readonly string[];
  /**
   * For tensors, the inputs to take. For bare rows the one input of the model that they belong to, where its tensors are
   * to be checked.
   * @default every input of the tensors; for bare rows none
   */
  readonly inputs?: readonly string[];
  /** The axis of the tensors that counts rows. @default 0 */
  readonly batchAxis?: number;
  /** Part of the training range that is added at each of its ends, but not across zero. 0 to 10. @default 0.1 */
  readonly margin?: number;
  /** What is added to the shares of missing values and unseen categories that may be. 0 to 1. @default 0.01 */
  readonly shareMargin?: number;
  /**
   * How sure a bound on a share has to be: the schema allows what the training rows leave possible at this confidence,
   * so that few rows make a lenient schema. 0.5 to 0.999999. @default 0.999
   */
  readonly confidence?: number;
  /** Most categories of a closed set of strings; a field with more is none. 1 to 10000. @default 100 */
  readonly maxCategories?: number;
  /** Fields whose values are a closed set although they are numbers or booleans, or occur seldom. @default none */
  readonly categories?: readonly string[];
}

const names = z.array(z.string().check(z.minLength(1, 'names that are not empty'))).check(
  z.minLength(1),
  z.refine((list) => new Set(list).size === list.length, 'names that occur once'),
);

const optionsSchema = z.strictObject({
  fieldNames: z.optional(names),
  inputs: z.optional(names),
  batchAxis: z._default(z.int().check(z.minimum(0), z.maximum(31)), 0),
  margin: z._default(z.number().check(z.minimum(0), z.maximum(10)), 0.1),
  shareMargin: z._default(z.number().check(z.minimum(0), z.maximum(1)), 0.01),
  confidence: z._default(z.number().check(z.minimum(0.5), z.maximum(0.999999)), 0.999),
  maxCategories: z._default(z.int().check(z.minimum(1), z.maximum(schemaLimits.categories)), 100),
  categories: z.optional(names),
  signal: z.optional(z.instanceof(AbortSignal)),
});

type ParsedOptions = z.output<typeof optionsSchema>;

/** Distinct values to keep over all fields, and of one field at most and at least. */
const distinctBudget = 1_000_000;
const mostDistinct = 10_000;

/**
 * Infers from training rows, or from a drift monitor's reference, what rows must be like: types, whole numbers, ranges
 * with a margin, the share of missing values, closed sets of categories, keys that never repeat. Memory is bounded,
 * however many rows come.
 *
 * @param rowsOrReference `{ pixels: tensor }`, an iterable or async iterable of records, bare rows or tensors by name,
 * or what `fitReference` made
 * @throws FairleadError `INVALID_INPUT` for no row at all, or a row that is none or has another width; `INVALID_OPTION`,
 * also for an option that has no use here; `LIMIT_EXCEEDED` above 65536 fields; `ABORTED`
 */
export async function inferSchema(
  rowsOrReference: SchemaRows | Reference,
  options: InferSchemaOptions = {},
): Promise<DataSchema> {
  const parsed = parseOptions(optionsSchema, options, 'inferSchema');
  if (isReference(rowsOrReference)) {
    refuseOptions(options, ['fieldNames', 'inputs', 'categories', 'maxCategories'], 'a reference, which has none');
    return schemaFromReference(rowsOrReference, parsed);
  }
  const inference = new Inference(parsed);
  if (isIterable(rowsOrReference) && !ArrayBuffer.isView(rowsOrReference)) {
    for await (const row of rowsOrReference) {
      throwIfAborted(parsed.signal, 'Inferring the schema');
      inference.add(row);
    }
  } else if (isRecord(rowsOrReference) && isTensors(rowsOrReference)) inference.addTensors(rowsOrReference);
  else throw invalidInput('rows', 'tensors by name, an iterable of rows, or a reference', describeRow(rowsOrReference));
  return inference.finish();
}

class Inference {
  readonly #options: ParsedOptions;
  readonly #fields = new Map<string, FieldProfile>();
  #ordered: FieldProfile[] = [];
  #inputs: readonly SchemaInput[] | undefined;
  /** What the rows before were: rows of one kind only can be counted together. */
  #kind: 'records' | 'bare rows' | 'tensors' | undefined;
  #rows = 0;

  constructor(options: ParsedOptions) {
    this.#options = options;
  }

  add(row: unknown): void {
    if (Array.isArray(row) || (ArrayBuffer.isView(row) && !(row instanceof DataView))) {
      this.#addBareRow(row as unknown as ArrayLike<unknown>);
    } else if (!isRecord(row)) {
      throw invalidInput(`rows[${this.#rows}]`, 'a record, an array of numbers, or tensors by name', describeRow(row));
    } else if (isTensors(row)) this.addTensors(row);
    else this.#addRecord(row);
  }

  addTensors(tensors: Tensors): void {
    this.#expect('tensors');
    const wanted = this.#inputs?.map(({ name }) => name) ?? this.#options.inputs ?? Object.keys(tensors);
    const views = wanted.map((name) => ({ name, ...viewColumns(tensors, name, this.#options.batchAxis) }));
    let inputs = this.#inputs;
    if (inputs === undefined) {
      inputs = views.map(({ name, dtype, width }) => ({ name, dtype, width }));
      this.#begin(inputs.flatMap(({ name, width }) => defaultFieldNames(name, width)));
      this.#inputs = inputs;
    }
    const rows = views[0]?.rows ?? 0;
    views.forEach((view, index) => {
      const { dtype, width } = inputs[index] as SchemaInput;
      if (view.dtype !== dtype) throw invalidInput(view.name, `dtype ${dtype}, as in the rows before`, view.dtype);
      if (view.width !== width) throw invalidInput(view.name, `${width} values a row`, String(view.width));
      if (view.rows !== rows) throw invalidInput(view.name, `${rows} rows, as ${wanted[0]} has`, String(view.rows));
    });
    let place = 0;
    for (const { columns } of views) {
      for (const column of columns) {
        const field = this.#ordered[place++] as FieldProfile;
        for (let row = 0; row < rows; row++) field.add(cellAt(column, row));
      }
    }
    this.#rows += rows;
  }

  #addBareRow(row: ArrayLike<unknown>): void {
    this.#expect('bare rows');
    if (this.#ordered.length === 0) {
      const { fieldNames, inputs } = this.#options;
      if (fieldNames === undefined && inputs === undefined) {
        throw invalidInput('fieldNames', 'a name for each value of bare rows', 'none');
      }
      if (inputs !== undefined && inputs.length !== 1) {
        throw invalidInput('inputs', 'the one input that bare rows belong to', `${inputs.length}`);
      }
      const [input] = inputs ?? [];
      this.#begin(defaultFieldNames(input ?? '', row.length));
      if (input !== undefined) this.#inputs = [{ name: input, dtype: 'float32', width: row.length }];
    }
    if (row.length !== this.#ordered.length) {
      throw invalidInput(`rows[${this.#rows}]`, `${this.#ordered.length} values`, String(row.length));
    }
    this.#ordered.forEach((field, index) => {
      field.add(row[index]);
    });
    this.#rows++;
  }

  #addRecord(record: DataRecord): void {
    this.#expect('records');
    for (const name of Object.keys(record)) {
      const known = this.#fields.get(name);
      if (known !== undefined) {
        known.add(record[name]);
        continue;
      }
      this.#refuseMore(this.#fields.size + 1);
      const field = new FieldProfile(name, this.#distinctLimit(Object.keys(record).length));
      this.#fields.set(name, field);
      this.#ordered.push(field);
      field.add(record[name]);
    }
    this.#rows++;
  }

  #begin(defaultNames: readonly string[]): void {
    this.#refuseMore(defaultNames.length);
    if (defaultNames.length === 0) throw invalidInput('rows', 'at least one value a row', 'none');
    const { fieldNames } = this.#options;
    if (fieldNames !== undefined && fieldNames.length !== defaultNames.length) {
      throw invalidInput(
        'fieldNames',
        `${defaultNames.length} names, one for each value of a row`,
        `${fieldNames.length}`,
      );
    }
    const limit = this.#distinctLimit(defaultNames.length);
    this.#ordered = (fieldNames ?? defaultNames).map((name) => new FieldProfile(name, limit));
  }

  finish(): DataSchema {
    if (this.#rows === 0) throw invalidInput('rows', 'at least one training row', 'none');
    if (this.#kind === 'records') {
      const unused = (['fieldNames', 'inputs'] as const).find((option) => this.#options[option] !== undefined);
      if (unused !== undefined) throw invalidInput(unused, 'none beside records, which bring their names', 'some');
    }
    if (this.#ordered.length === 0) throw invalidInput('rows', 'records with at least one field', 'empty ones');
    const closed = new Set(this.#options.categories);
    for (const name of closed) {
      if (!this.#ordered.some((field) => field.name === name)) {
        throw invalidInput(
          'categories',
          `fields of the rows (${this.#ordered.map((field) => field.name).join(', ')})`,
          name,
        );
      }
    }
    return {
      rows: this.#rows,
      ...(this.#inputs === undefined ? {} : { inputs: this.#inputs }),
      fields: this.#ordered.map((field) => field.schema(this.#rows, this.#options, closed.has(field.name))),
    };
  }

  #expect(kind: 'records' | 'bare rows' | 'tensors'): void {
    this.#kind ??= kind;
    if (this.#kind !== kind) throw invalidInput(`rows[${this.#rows}]`, `${this.#kind}, as the rows before`, kind);
  }

  #distinctLimit(fields: number): number {
    const share = Math.floor(distinctBudget / Math.max(1, fields));
    return Math.min(mostDistinct, Math.max(this.#options.maxCategories + 1, share));
  }

  #refuseMore(fields: number): void {
    if (fields <= schemaLimits.fields) return;
    const expected = `at most ${schemaLimits.fields} fields`;
    throw new FairleadError(
      'LIMIT_EXCEEDED',
      `rows: expected ${expected}, given ${fields}. Leave fields out of the rows.`,
      {
        details: { field: 'rows', expected, given: String(fields) },
      },
    );
  }
}

function refuseOptions(options: InferSchemaOptions, unused: readonly (keyof InferSchemaOptions)[], what: string): void {
  const given = unused.find((option) => options[option] !== undefined);
  if (given === undefined) return;
  throw new FairleadError('INVALID_OPTION', `inferSchema: option "${given}" is wrong: expected none beside ${what}.`, {
    details: { field: given, expected: `none beside ${what}`, given: 'a value' },
  });
}

function isRecord(value: unknown): value is DataRecord {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !(value instanceof Date)
  );
}

function isTensors(value: DataRecord): value is Tensors {
  const values = Object.values(value);
  return values.length > 0 && values.every(looksLikeTensor);
}

function isReference(value: unknown): value is Reference {
  return isRecord(value) && Array.isArray(value.features) && Array.isArray(value.inputs);
}

function isIterable(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value);
}
