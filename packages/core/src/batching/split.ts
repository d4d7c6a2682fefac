import { FairleadError } from '../errors';
import type { TensorSpec } from '../signature';
import { arrayNameOf, bytesPerElement, type DataOf, type DType, isDataOf } from '../tensor/dtype';
import { elementCount, formatShape, nameOfData, type Tensor, type Tensors } from '../tensor/tensor';

/**
 * Up to this many bytes a caller gets a copy of its rows; above, a view of the batch's output. A view costs nothing but
 * keeps the whole batch in memory for as long as the caller keeps his part.
 */
const maxCopiedBytes = 4096;

/**
 * Checks what a runtime answered for a batch: every output there, whole, with one row for each row that went in. Fixed
 * sizes of the signature are not enforced: exporters declare them wrongly, and runtimes let that pass.
 * @throws FairleadError `OUTPUT_INVALID`
 */
export function checkOutputs(specs: readonly TensorSpec[], outputs: Tensors, rows: number | null): void {
  for (const spec of specs) {
    const tensor = (outputs as Tensors | null | undefined)?.[spec.name] as Tensor | null | undefined;
    if (tensor === undefined || tensor === null) throw invalid(spec.name, 'a tensor', 'nothing');
    const { dtype, shape, data } = tensor as Partial<Tensor>;
    if (dtype !== spec.dtype) throw invalid(spec.name, spec.dtype, String(dtype));
    if (!Array.isArray(shape)) throw invalid(spec.name, `a shape like ${formatShape(spec.shape)}`, String(shape));
    if (!isDataOf(spec.dtype, data)) {
      throw invalid(spec.name, `a ${arrayNameOf(spec.dtype)} for dtype ${spec.dtype}`, nameOfData(data));
    }
    if (data.length !== elementCount(shape)) {
      throw invalid(
        spec.name,
        `${elementCount(shape)} elements for shape ${formatShape(shape)}`,
        `${data.length} elements`,
      );
    }
    if (rows !== null && shape[0] !== rows) {
      throw invalid(
        spec.name,
        `${rows} rows for a batch of ${rows}; if this model does not answer row by row, set batching: false`,
        `shape ${formatShape(shape)}`,
      );
    }
  }
}

/** One output of a batch, ready to be parted. */
interface OutputRows {
  readonly name: string;
  readonly dtype: DType;
  readonly data: DataOf;
  readonly shape: readonly number[];
  readonly rowElements: number;
  /** Most elements that are copied for a caller. */
  readonly copiedElements: number;
}

/**
 * Makes the function that gives each caller his rows of a batch's outputs, which have been checked.
 * Shapes are shared by the callers of a batch, and frozen for that.
 */
export function createSplit(outputs: Tensors, specs: readonly TensorSpec[]): (start: number, rows: number) => Tensors {
  const parts = specs.map(({ name }) => rowsOfOutput(name, outputs[name] as Tensor));
  let shapesOf = 0;
  let shapes: readonly (readonly number[])[] = [];
  return (start, rows) => {
    if (rows !== shapesOf) {
      shapesOf = rows;
      shapes = parts.map(({ shape }) => Object.freeze([rows, ...shape.slice(1)]));
    }
    const own: Record<string, Tensor> = {};
    for (let index = 0; index < parts.length; index++) {
      const part = parts[index] as OutputRows;
      const shape = shapes[index] as readonly number[];
      own[part.name] = { dtype: part.dtype, shape, data: rowData(part, start, rows) } as Tensor;
    }
    return own;
  };
}

function rowsOfOutput(name: string, { dtype, data, shape }: Tensor): OutputRows {
  const rowElements = data.length / (shape[0] as number);
  return { name, dtype, data, shape, rowElements, copiedElements: mostCopied(dtype) };
}

function rowData({ data, rowElements, copiedElements }: OutputRows, start: number, rows: number): DataOf {
  const from = start * rowElements;
  return partOf(data, from, from + rows * rowElements, copiedElements);
}

/** The rows of one caller in one output. */
export function sliceTensor(tensor: Tensor, start: number, rows: number): Tensor {
  const { dtype, data, shape } = tensor;
  const rowElements = data.length / (shape[0] as number);
  const own = ownPart(dtype, data, start * rowElements, (start + rows) * rowElements);
  return { dtype, shape: [rows, ...shape.slice(1)], data: own } as Tensor;
}

/** A range of a batch's output for one caller: a copy where it is small, else a view. */
export function ownPart(dtype: DType, data: DataOf, from: number, to: number): DataOf {
  return partOf(data, from, to, mostCopied(dtype));
}

/** Most elements of a dtype that are copied for a caller; strings have no bytes to view, so all of them are. */
function mostCopied(dtype: DType): number {
  return dtype === 'string' ? Number.POSITIVE_INFINITY : maxCopiedBytes / bytesPerElement(dtype);
}

function partOf(data: DataOf, from: number, to: number, copiedElements: number): DataOf {
  if (to - from <= copiedElements) return copyRange(data, from, to);
  return (data as Float32Array).subarray(from, to);
}

/** Up to so many elements a loop beats the call of `slice` into the engine. */
const fewElements = 24;

function copyRange(data: DataOf, from: number, to: number): DataOf {
  if (to - from > fewElements || Array.isArray(data)) return data.slice(from, to);
  // Most are of one class, and a class that is known when this is compiled need not be looked up.
  const copy =
    data instanceof Float32Array
      ? new Float32Array(to - from)
      : new (data.constructor as Float32ArrayConstructor)(to - from);
  // Source and copy are of one class, whatever it is.
  for (let index = from; index < to; index++) copy[index - from] = data[index] as number;
  return copy;
}

/** Consecutive rows of a tensor; nothing is copied but strings. */
export function viewRows(tensor: Tensor, start: number, rows: number): Tensor {
  const { dtype, data, shape } = tensor;
  const rowElements = data.length / (shape[0] as number);
  const [from, to] = [start * rowElements, (start + rows) * rowElements];
  const part = Array.isArray(data) ? data.slice(from, to) : data.subarray(from, to);
  return { dtype, shape: [rows, ...shape.slice(1)], data: part } as Tensor;
}

/**
 * Joins the answers to the parts of a request that was too large for one batch.
 * @throws FairleadError `OUTPUT_INVALID` when the rows of one part have another shape than those of another
 */
export function joinRows(parts: readonly Tensors[], specs: readonly TensorSpec[]): Tensors {
  const joined: Record<string, Tensor> = {};
  for (const { name } of specs) {
    const tensors = parts.map((part) => part[name] as Tensor);
    const [first] = tensors as [Tensor];
    const rows = tensors.reduce((sum, tensor) => sum + (tensor.shape[0] as number), 0);
    const rowShape = first.shape.slice(1);
    for (const { shape } of tensors) {
      if (shape.slice(1).join() === rowShape.join()) continue;
      throw invalid(
        name,
        `rows of shape ${formatShape(rowShape)}, as in the first part of this request; if their shape depends on the batch, send at most maxBatchRows rows at once`,
        `rows of shape ${formatShape(shape.slice(1))}`,
      );
    }
    joined[name] = { dtype: first.dtype, shape: [rows, ...rowShape], data: concat(tensors) };
  }
  return joined;
}

function concat(tensors: readonly Tensor[]): DataOf {
  const [first] = tensors as [Tensor];
  if (Array.isArray(first.data)) return tensors.flatMap((tensor) => tensor.data as string[]);
  const length = tensors.reduce((sum, tensor) => sum + tensor.data.length, 0);
  const joined = new (first.data.constructor as Float32ArrayConstructor)(length);
  let offset = 0;
  for (const tensor of tensors) {
    joined.set(tensor.data as Float32Array, offset);
    offset += tensor.data.length;
  }
  return joined;
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('OUTPUT_INVALID', `Output ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
