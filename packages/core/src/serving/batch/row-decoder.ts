import { FairleadError } from '../../errors';
import { invalidInput } from '../../runner/door';
import type { ModelSignature, TensorSpec } from '../../signature';
import { decodeData } from '../../tensor/json/decode-data';
import { describeGiven } from '../../tensor/json/describe-given';
import { roundedInteger } from '../../tensor/json/lenient-json';
import { elementCount, formatShape, type Tensor, type Tensors } from '../../tensor/tensor';
import { valueOfText } from './csv-cells';
import type { ColumnNames, InputRow, RowDecoder, RowId } from './format';

/** What the decoder of a model goes by. */
export interface RowDecoderOptions {
  /** Name of the column, or key, that is the row's id. */
  readonly idName: string;
  readonly columns: ColumnNames;
  /** Elements that one tensor may have. */
  readonly maxElements: number;
}

/** One input of one row. */
interface RowInput {
  readonly spec: TensorSpec;
  /** Sizes without the batch axis; a string is open. */
  readonly sizes: readonly (number | string)[];
  /** Elements of a row; undefined where a size is open. */
  readonly elements: number | undefined;
}

/** Where a missing value is allowed: in a tensor of floats. */
const options = { nullIsNaN: true };

/** @throws FairleadError `INVALID_OPTION` for columns of an input that the model does not have, or of another number than it has elements */
export function createRowDecoder(signature: ModelSignature, settings: RowDecoderOptions): RowDecoder {
  const { batchAxis } = signature;
  const { idName, columns, maxElements } = settings;
  const inputs = signature.inputs.map((spec) => rowInput(spec, batchAxis));
  checkColumns(inputs, columns);
  // An input called like the id is the input.
  const hasId = !inputs.some(({ spec }) => spec.name === idName);

  const tensorOf = (input: RowInput, value: unknown): Tensor => {
    const { spec, sizes } = input;
    const shape = shapeOf(input, value);
    if (elementCount(shape) > maxElements) {
      const expected = `at most ${maxElements} elements`;
      throw new FairleadError(
        'LIMIT_EXCEEDED',
        `Input ${spec.name}: expected ${expected}, given ${formatShape(shape)}.`,
        {
          details: { field: spec.name, expected, given: formatShape(shape) },
        },
      );
    }
    // A scalar for a row of one element.
    const elements = sizes.length > 0 && !Array.isArray(value) && elementCount(shape) === 1 ? [value] : value;
    const data = decodeData(spec.dtype, shape, elements, spec.name, options);
    return { dtype: spec.dtype, shape: withBatchAxis(shape, batchAxis), data } as Tensor;
  };

  const inputsOfRecord = (record: Readonly<Record<string, unknown>>): Tensors => {
    let left = Object.keys(record).length - (hasId && Object.hasOwn(record, idName) ? 1 : 0);
    const found: Record<string, Tensor> = Object.create(null);
    for (const input of inputs) {
      const { name } = input.spec;
      if (Object.hasOwn(record, name)) {
        left--;
        found[name] = tensorOf(input, record[name]);
        continue;
      }
      const parts = Object.hasOwn(columns, name) ? (columns[name] as readonly string[]) : [];
      const missing = parts.find((part) => !Object.hasOwn(record, part));
      if (parts.length === 0 || missing !== undefined)
        throw invalidInput(missing ?? name, 'a value of that name in each row', 'nothing');
      left -= parts.length;
      const values = parts.map((part) => record[part]);
      found[name] = tensorOf(input, values);
    }
    if (left > 0) throw unknownNames(Object.keys(record), inputs, columns, hasId ? idName : undefined);
    return found;
  };

  const fromJson = (value: unknown): InputRow => {
    const [first] = inputs;
    if (isRecord(value)) {
      return readRow(
        () => (hasId && Object.hasOwn(value, idName) ? idOf(value[idName], idName) : undefined),
        () => inputsOfRecord(value),
      );
    }
    return readRow(noId, () => {
      if (inputs.length !== 1 || first === undefined)
        throw invalidInput('row', `an object with ${namesOf(inputs)}`, describeGiven(value));
      return { [first.spec.name]: tensorOf(first, value) };
    });
  };

  const forColumns = (names: readonly string[], isText: boolean) => {
    const plan = planColumns(names, inputs, columns, hasId ? idName : undefined);
    const read = (spec: TensorSpec, cell: unknown): unknown =>
      isText && typeof cell === 'string' ? valueOfText(spec, cell) : cell;
    const inputsOf = (cells: readonly unknown[]): Tensors => {
      if (cells.length !== names.length) throw invalidInput('row', `${names.length} cells`, String(cells.length));
      const found: Record<string, Tensor> = Object.create(null);
      for (const { input, places, isWhole } of plan.inputs) {
        const value = isWhole
          ? read(input.spec, cells[places[0] as number])
          : places.map((place) => read(input.spec, cells[place]));
        found[input.spec.name] = tensorOf(input, value);
      }
      return found;
    };
    return (cells: readonly unknown[]): InputRow => {
      try {
        return readRow(
          () => (plan.id === undefined ? undefined : idOfCell(cells[plan.id], idName)),
          () => inputsOf(cells),
        );
      } catch (thrown) {
        // Cells keep their digits, so a whole number is rounded only where it has a fraction or an exponent.
        if (thrown !== roundedInteger) throw thrown;
        return { id: undefined, error: invalidInput('row', 'whole numbers past 2^53 as digits', 'others') };
      }
    };
  };

  return { fromJson, forColumns };
}

/** A row keeps its id where its inputs cannot be read. */
function readRow(readId: () => RowId | undefined, readInputs: () => Tensors): InputRow {
  let id: RowId | undefined;
  try {
    id = readId();
    return { id, inputs: readInputs() };
  } catch (error) {
    if (error === roundedInteger) throw error;
    return { id, error };
  }
}

const noId = (): undefined => undefined;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function rowInput(spec: TensorSpec, batchAxis: number | null): RowInput {
  const sizes = spec.shape.filter((_size, axis) => axis !== batchAxis);
  const isFixed = sizes.every((size) => typeof size === 'number');
  return { spec, sizes, elements: isFixed ? elementCount(sizes as number[]) : undefined };
}

/** The shape of a row: what the signature fixes, and for the rest what the nesting of the value says. */
function shapeOf({ spec, sizes, elements }: RowInput, value: unknown): readonly number[] {
  if (elements !== undefined) return sizes as readonly number[];
  const shape: number[] = [];
  let inner = value;
  for (const size of sizes) {
    if (!Array.isArray(inner))
      throw invalidInput(spec.name, `arrays nested like ${formatShape(sizes)}`, describeGiven(inner));
    shape.push(typeof size === 'number' ? size : inner.length);
    inner = inner[0];
  }
  return shape;
}

function withBatchAxis(shape: readonly number[], batchAxis: number | null): readonly number[] {
  return batchAxis === null ? shape : [...shape.slice(0, batchAxis), 1, ...shape.slice(batchAxis)];
}

interface ColumnPlan {
  readonly inputs: readonly {
    readonly input: RowInput;
    /** Indexes of the cells. */
    readonly places: readonly number[];
    /** Whether the one cell holds the whole value. */
    readonly isWhole: boolean;
  }[];
  readonly id: number | undefined;
}

/**
 * Finds the cells of each input: a column of its name; or one for each element, called `name[0]`, `name[1]`, …, or as the
 * server was told; or, where the model has one input and none of these is there, all columns in their order.
 */
function planColumns(
  names: readonly string[],
  inputs: readonly RowInput[],
  columns: ColumnNames,
  idName: string | undefined,
): ColumnPlan {
  const places = new Map(names.map((name, place) => [name, place]));
  if (places.size < names.length) {
    const twice = names.find((name, place) => places.get(name) !== place);
    throw invalidInput('columns', 'names that occur once', describeGiven(twice));
  }
  const id = idName === undefined ? undefined : places.get(idName);
  let left = names.length - (id === undefined ? 0 : 1);
  const found = inputs.map((input) => {
    const { name } = input.spec;
    const whole = places.get(name);
    if (whole !== undefined) {
      left--;
      return { input, places: [whole], isWhole: true };
    }
    const parts = (Object.hasOwn(columns, name) ? columns[name] : undefined) ?? elementNames(input, places);
    const cells = parts.map((part) => places.get(part)).filter((place) => place !== undefined);
    const isAll = cells.length === parts.length && cells.length > 0;
    if (isAll) left -= cells.length;
    return { input, places: isAll ? cells : [], isWhole: false };
  });
  const missing = found.find((each) => each.places.length === 0);
  if (missing !== undefined && inputs.length === 1 && left === missing.input.elements && left > 0) {
    const all = names.map((_name, place) => place).filter((place) => place !== id);
    return { inputs: [{ input: missing.input, places: all, isWhole: false }], id };
  }
  if (missing !== undefined || left > 0) throw unknownNames(names, inputs, columns, idName);
  return { inputs: found, id };
}

function elementNames({ spec, elements = 0 }: RowInput, places: ReadonlyMap<string, number>): string[] {
  // No more names are made than there are columns.
  if (elements === 0 || elements > places.size) return [];
  return Array.from({ length: elements }, (_, index) => `${spec.name}[${index}]`);
}

function checkColumns(inputs: readonly RowInput[], columns: ColumnNames): void {
  for (const [name, parts] of Object.entries(columns)) {
    const input = inputs.find(({ spec }) => spec.name === name);
    if (input !== undefined && input.elements === parts.length) continue;
    const expected =
      input === undefined ? `inputs ${namesOf(inputs)}` : `${input.elements ?? 'no'} columns for "${name}"`;
    const given = input === undefined ? `"${name}"` : `${parts.length} columns`;
    throw new FairleadError(
      'INVALID_OPTION',
      `batchScoring: option "columns" is wrong: expected ${expected}, given ${given}.`,
      {
        details: { field: `columns.${name}`, expected, given },
      },
    );
  }
}

function unknownNames(
  names: readonly string[],
  inputs: readonly RowInput[],
  columns: ColumnNames,
  idName: string | undefined,
): FairleadError {
  const known = inputs.map(({ spec, sizes }) => {
    const parts = Object.hasOwn(columns, spec.name) ? ` or ${columns[spec.name]?.join(', ')}` : '';
    return `"${spec.name}" ${formatShape(sizes)}${parts}`;
  });
  const some = names.slice(0, 8).map((name) => JSON.stringify(name.slice(0, 60)));
  const given = `${names.length}: ${some.join(', ')}${names.length > some.length ? ', …' : ''}`;
  const expected = `columns for ${known.join(', ').slice(0, 500)}${idName === undefined ? '' : `, and "${idName}" if you like`}`;
  return invalidInput('columns', expected, given);
}

function namesOf(inputs: readonly RowInput[]): string {
  return inputs.map(({ spec }) => `"${spec.name}"`).join(', ');
}

function idOf(value: unknown, name: string): RowId | undefined {
  if (value === null) return undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) {
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw roundedInteger;
    return value;
  }
  throw invalidInput(name, 'a string or a number', describeGiven(value));
}

/** Cells keep the text or digits that they have. */
function idOfCell(value: unknown, name: string): RowId | undefined {
  if (typeof value === 'bigint') return String(value);
  return value === undefined ? undefined : idOf(value, name);
}
