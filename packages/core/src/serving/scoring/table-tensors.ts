import { FairleadError } from '../../errors';
import type { ModelSignature, TensorSpec } from '../../signature';
import { decodeData } from '../../tensor/json/decode-data';
import { checkElements, decodeNested } from '../../tensor/json/decode-nested';
import { formatShape, type Tensor, type Tensors } from '../../tensor/tensor';
import { scalarOfText } from '../csv/value';
import type { Table } from './table';

/**
 * The inputs of a model from a data frame, each line of it one row on the first axis. There are two ways, and the signature
 * decides between them:
 *
 * 1. **By name**, where the columns are called as the inputs are, every input once and nothing besides. A cell is that
 *    input's value for the row: a scalar, or an array where the input has more axes.
 * 2. **As a matrix**, where the model has one input of two axes, `[rows, width]`: the cells of a line, in the order of the
 *    columns, are its row; `width` of them where the model fixes it. What the columns are called does not matter. An input
 *    of one axis takes a single column.
 *
 * A missing value, `null` or an empty field of CSV, is NaN in a tensor of floats and refused in any other.
 *
 * @param maxElements elements that one tensor may have
 * @throws FairleadError `INVALID_INPUT`, `LIMIT_EXCEEDED`; `roundedInteger` when `readJson` must read the text again
 */
export function tableToTensors(table: Table, signature: ModelSignature, maxElements: number): Tensors {
  const { inputs, batchAxis } = signature;
  const { columns, field, rows } = table;
  if (batchAxis !== null && batchAxis !== 0) {
    throw invalid(field, '"inputs", since this model joins rows on another axis than the first', 'a table');
  }
  if (columns !== undefined && isNamedLike(columns, inputs)) {
    // No prototype, so that an input may have any name.
    const tensors: Record<string, Tensor> = Object.create(null);
    for (const spec of inputs) tensors[spec.name] = columnTensor(table, columns.indexOf(spec.name), spec, maxElements);
    return tensors;
  }
  const [spec] = inputs;
  const width = rows[0]?.length ?? 0;
  if (spec === undefined || inputs.length > 1 || spec.shape.length > 2 || spec.shape.length === 0)
    throw misfit(table, signature);
  const fixed = spec.shape.length === 1 ? 1 : spec.shape[1];
  if (typeof fixed === 'number' && fixed !== width) throw misfit(table, signature);
  const shape = spec.shape.length === 1 ? [rows.length] : [rows.length, width];
  checkElements(spec.name, shape, maxElements);
  const cells = rows.flat();
  return { [spec.name]: tensorOf(spec, shape, table.isText ? cells.map(textReader(spec)) : cells) };
}

function isNamedLike(columns: readonly string[], inputs: readonly TensorSpec[]): boolean {
  return columns.length === inputs.length && inputs.every(({ name }) => columns.includes(name));
}

function columnTensor(table: Table, column: number, spec: TensorSpec, maxElements: number): Tensor {
  const { name, shape } = spec;
  if (shape.length === 0) throw invalid(name, '"inputs", since this input has no axis of rows', 'a column');
  const cells = table.rows.map((row) => row[column]);
  const options = { maxElements, nullIsNaN: true };
  if (Array.isArray(cells[0])) return decodeNested(spec, cells, options);
  const sizes = [cells.length, ...shape.slice(1).map((size) => (typeof size === 'number' ? size : 1))];
  checkElements(name, sizes, maxElements);
  return tensorOf(spec, sizes, table.isText ? cells.map(textReader(spec)) : cells);
}

function tensorOf({ dtype, name }: TensorSpec, shape: readonly number[], cells: unknown[]): Tensor {
  return { dtype, shape, data: decodeData(dtype, shape, cells, name, { nullIsNaN: true }) } as Tensor;
}

/** Turns the text of a cell into the JSON value that the decoder of elements takes; what it cannot turn stays text. */
function textReader({ dtype }: TensorSpec): (cell: unknown) => unknown {
  return (cell) => scalarOfText(dtype, String(cell));
}

function misfit({ columns, rows, field }: Table, { inputs }: ModelSignature): FairleadError {
  const names = inputs.map(({ name, dtype, shape }) => `"${name}" ${dtype} ${formatShape(shape)}`).join(', ');
  const expected =
    inputs.length === 1 && inputs[0]?.shape.length === 2
      ? `${inputs[0].shape[1]} columns, or one called "${inputs[0].name}"`
      : `columns for the inputs ${names}`;
  const width = rows[0]?.length ?? 0;
  const some = columns
    ?.slice(0, 8)
    .map((name) => `"${name.slice(0, 60)}"`)
    .join(', ');
  const given = `${width} columns${some === undefined ? '' : ` (${some}${width > 8 ? ', …' : ''})`}`;
  return invalid(field, expected, given);
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Input ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
