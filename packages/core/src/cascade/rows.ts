import { FairleadError } from '../errors';
import type { TensorSpec } from '../signature';
import { allocateData, type DataOf } from '../tensor/dtype';
import { elementCount, formatShape, type Tensor, type Tensors } from '../tensor/tensor';

/* Rows out of tensors and back into them, along the first axis. */

/** Copies some rows, in the order of `rows`. */
export function pickRows(tensors: Tensors, rows: readonly number[]): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      const elements = elementsOfRow(tensor);
      const data = allocateData(tensor.dtype, rows.length * elements);
      for (const [index, row] of rows.entries()) copyRow(tensor.data, row * elements, data, index * elements, elements);
      return [name, { dtype: tensor.dtype, shape: [rows.length, ...tensor.shape.slice(1)], data } as Tensor];
    }),
  );
}

/**
 * The rows of one answer with some of them put in the place of another's: row `rows[i]` is row `from[i]` of `parts`.
 * Nothing of what was given is changed.
 *
 * @throws FairleadError `OUTPUT_INVALID` when the rows of both differ in shape
 */
export function replaceRows(
  whole: Tensors,
  parts: Tensors,
  specs: readonly TensorSpec[],
  rows: readonly number[],
  from: readonly number[],
): Tensors {
  const joined: Record<string, Tensor> = {};
  for (const { name } of specs) {
    const [tensor, part] = [whole[name], parts[name]] as [Tensor, Tensor];
    if (tensor.shape.slice(1).join() !== part.shape.slice(1).join()) {
      const expected = `rows of shape ${formatShape(tensor.shape.slice(1))}, as on the device`;
      const given = formatShape(part.shape.slice(1));
      throw new FairleadError('OUTPUT_INVALID', `Output ${name} of the cloud: expected ${expected}, given ${given}.`, {
        details: { field: name, expected, given },
      });
    }
    const elements = elementsOfRow(tensor);
    const data = tensor.data.slice() as DataOf;
    for (const [index, row] of rows.entries()) {
      copyRow(part.data, (from[index] as number) * elements, data, row * elements, elements);
    }
    joined[name] = { dtype: tensor.dtype, shape: [...tensor.shape], data } as Tensor;
  }
  return joined;
}

/**
 * Checks that an answer is whole: every output there, with one row for each that went in where the model has rows.
 * @throws FairleadError `OUTPUT_INVALID`
 */
export function checkAnswer(outputs: Tensors, specs: readonly TensorSpec[], rows: number, hasRows: boolean): void {
  for (const { name, dtype } of specs) {
    const tensor = (outputs as Tensors | undefined)?.[name];
    const isWhole = tensor?.dtype === dtype && tensor.data.length === elementCount(tensor.shape);
    if (isWhole && (!hasRows || tensor.shape[0] === rows)) continue;
    const expected = `${dtype} with ${hasRows ? `${rows} rows` : 'as many elements as its shape says'}`;
    const given = tensor === undefined ? 'nothing' : `${tensor.dtype} of shape ${formatShape(tensor.shape)}`;
    throw new FairleadError('OUTPUT_INVALID', `Output ${name}: expected ${expected}, given ${given}.`, {
      details: { field: name, expected, given },
    });
  }
}

/** One row of each tensor; of what is no string, a view. */
export function viewRow(tensors: Tensors, row: number): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      const { dtype, shape, data } = tensor;
      const elements = elementsOfRow(tensor);
      const [from, to] = [row * elements, (row + 1) * elements];
      const part = Array.isArray(data) ? data.slice(from, to) : data.subarray(from, to);
      return [name, { dtype, shape: [1, ...shape.slice(1)], data: part } as Tensor];
    }),
  );
}

/** Copies of tensors, for a time when the caller's arrays are his again. */
export function copyTensors(tensors: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, data }]) => [
      name,
      { dtype, shape: [...shape], data: data.slice() } as Tensor,
    ]),
  );
}

function elementsOfRow({ data, shape }: Tensor): number {
  return data.length / (shape[0] as number);
}

function copyRow(source: DataOf, start: number, target: DataOf, at: number, elements: number): void {
  for (let index = 0; index < elements; index++) target[at + index] = source[start + index] as never;
}
