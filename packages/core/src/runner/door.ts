import type { ShapeFit } from '../batching/shape-fit';
import { describeValue } from '../config';
import { FairleadError } from '../errors';
import type { ModelSignature, TensorSpec } from '../signature';
import { arrayNameOf, type DataOf, isDataOf, isDType } from '../tensor/dtype';
import { elementCount, formatShape, nameOfData, type Tensor, type Tensors } from '../tensor/tensor';

/** Inputs that fit the signature, in its order, ready to be copied into a batch. */
export interface Admitted {
  /** Rows along the batch axis; 1 where the model has none. */
  readonly rows: number;
  readonly tensors: readonly Tensor[];
  /**
   * Sizes of the symbolic axes other than the batch, for example `seq=12`; requests of one shape can share a batch.
   * Empty where all other axes are fixed.
   */
  readonly shapeKey: string;
  /** How it is brought into its bucket; absent where the runner has none. */
  readonly fit?: ShapeFit;
}

/** Checks the inputs of a call and brings them into the signature's order. */
export type Door = (inputs: Readonly<Record<string, unknown>>) => Admitted;

/**
 * Compiles a signature into the check that every request passes once, before it can spoil anyone's batch.
 *
 * @param optional inputs that may be left out; their places among the tensors then stay empty
 * @returns a function that throws FairleadError `INVALID_INPUT`, naming the field, the expected and the given
 */
export function compileDoor(signature: ModelSignature, optional?: ReadonlySet<string>): Door {
  const { inputs: specs, batchAxis } = signature;
  const names = new Set(specs.map((spec) => spec.name));
  const plain = specs.map((spec) => rowElements(spec, batchAxis));
  const allFixed = specs.every((spec) =>
    spec.shape.every((size, axis) => typeof size === 'number' || axis === batchAxis),
  );

  return (inputs) => {
    if (typeof inputs !== 'object' || inputs === null || isBare(inputs)) {
      throw invalidInput('inputs', `an object with ${listNames(specs)}`, describeValue(inputs));
    }
    for (const name of Object.keys(inputs)) {
      if (!names.has(name)) throw invalidInput(name, `an input named ${listNames(specs)}`, `"${name}"`);
    }
    const tensors: Tensor[] = new Array(specs.length);
    const symbols = allFixed ? undefined : new Map<string, number>();
    let rows = -1;
    for (let index = 0; index < specs.length; index++) {
      const spec = specs[index] as TensorSpec;
      const value = inputs[spec.name];
      if (value === undefined && optional?.has(spec.name)) continue;
      const tensor = isBare(value) ? fromBare(spec, value, plain[index], batchAxis) : fromTensor(spec, value);
      tensors[index] = tensor;
      checkShape(spec, tensor, batchAxis, symbols);
      if (batchAxis === null) continue;
      const size = tensor.shape[batchAxis] as number;
      if (size === 0) throw invalidInput(spec.name, 'at least one row', 'zero rows');
      if (rows !== -1 && size !== rows) {
        throw invalidInput(spec.name, `${rows} rows, as many as the inputs before it`, `${size} rows`);
      }
      rows = size;
    }
    return { rows: rows === -1 ? 1 : rows, tensors, shapeKey: symbols === undefined ? '' : keyOf(symbols) };
  };
}

/** Elements of one row of a spec (of the whole tensor, where there is no batch axis); undefined when not fixed. */
export function rowElements(spec: TensorSpec, batchAxis: number | null): number | undefined {
  let count = 1;
  for (const [axis, size] of spec.shape.entries()) {
    if (axis === batchAxis) continue;
    if (typeof size === 'string') return undefined;
    count *= size;
  }
  return count;
}

/**
 * A request of one row, and of no data: what any request takes at least.
 * @returns undefined where rows may have any size
 */
export function smallestRequest({ inputs: specs, batchAxis }: ModelSignature): Admitted | undefined {
  if (specs.some((spec) => rowElements(spec, batchAxis) === undefined)) return undefined;
  const tensors = specs.map(({ dtype, shape }) => {
    const row = shape.map((size, axis) => (axis === batchAxis ? 1 : (size as number)));
    return { dtype, shape: row, data: [] as unknown } as Tensor;
  });
  return { rows: 1, tensors, shapeKey: '' };
}

function isBare(value: unknown): value is DataOf {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

function fromBare(spec: TensorSpec, data: DataOf, elements: number | undefined, batchAxis: number | null): Tensor {
  if (!isDataOf(spec.dtype, data)) throw wrongArray(spec, data);
  if (elements === undefined) {
    throw invalidInput(
      spec.name,
      `a tensor with a shape like ${formatShape(spec.shape)}, since the signature leaves more than the rows open`,
      'a bare array',
    );
  }
  if (batchAxis === null) {
    if (data.length !== elements) {
      throw invalidInput(
        spec.name,
        `${elements} elements for shape ${formatShape(spec.shape)}`,
        `${data.length} elements`,
      );
    }
    return { dtype: spec.dtype, shape: spec.shape as number[], data };
  }
  if (elements === 0 || data.length % elements !== 0 || data.length === 0) {
    throw invalidInput(spec.name, `rows of ${elements} elements each`, `${data.length} elements`);
  }
  const shape = spec.shape.slice() as number[];
  shape[batchAxis] = data.length / elements;
  return { dtype: spec.dtype, shape, data };
}

function fromTensor(spec: TensorSpec, value: unknown): Tensor {
  if (value === undefined)
    throw invalidInput(spec.name, `a ${spec.dtype} tensor ${formatShape(spec.shape)}`, 'nothing');
  if (typeof value !== 'object' || value === null) {
    throw invalidInput(spec.name, `a ${spec.dtype} tensor ${formatShape(spec.shape)}`, describeValue(value));
  }
  const { dtype, shape, data } = value as Partial<Tensor>;
  if (dtype !== spec.dtype) {
    throw invalidInput(`${spec.name}.dtype`, spec.dtype, isDType(dtype) ? dtype : describeValue(dtype));
  }
  if (!Array.isArray(shape)) {
    throw invalidInput(`${spec.name}.shape`, formatShape(spec.shape), describeValue(shape));
  }
  if (!isDataOf(spec.dtype, data)) throw wrongArray(spec, data, '.data');
  return value as Tensor;
}

function checkShape(
  spec: TensorSpec,
  tensor: Tensor,
  batchAxis: number | null,
  symbols: Map<string, number> | undefined,
): void {
  const { shape } = tensor;
  let fits = shape.length === spec.shape.length;
  for (let axis = 0; fits && axis < shape.length; axis++) {
    const expected = spec.shape[axis];
    const size = shape[axis] as number;
    if (!Number.isSafeInteger(size) || size < 0) fits = false;
    else if (axis === batchAxis) continue;
    else if (typeof expected === 'number') fits = expected === size;
    else if (symbols !== undefined) bindSymbol(spec, axis, expected as string, size, symbols);
  }
  if (!fits) throw invalidInput(`${spec.name}.shape`, formatShape(spec.shape), formatSizes(shape));
  if (spec.dtype === 'string') checkStrings(spec, tensor.data as readonly unknown[]);
  const count = elementCount(shape);
  if (tensor.data.length !== count) {
    throw invalidInput(
      `${spec.name}.data`,
      `${count} elements for shape ${formatShape(shape)}`,
      `${tensor.data.length} elements`,
    );
  }
}

/** Sizes that may be anything, for a message. */
function formatSizes(shape: readonly unknown[]): string {
  const sizes = Array.from(shape.slice(0, 16), (size) =>
    typeof size === 'number' ? String(size) : describeValue(size),
  );
  return `[${sizes.join(', ')}${shape.length > sizes.length ? ', …' : ''}]`;
}

function checkStrings(spec: TensorSpec, data: readonly unknown[]): void {
  const index = data.findIndex((element) => typeof element !== 'string');
  if (index !== -1) throw invalidInput(`${spec.name}.data[${index}]`, 'a string', typeof data[index]);
}

function bindSymbol(spec: TensorSpec, axis: number, symbol: string, size: number, symbols: Map<string, number>): void {
  const key = symbolKey(spec, axis, symbol);
  const known = symbols.get(key);
  if (known !== undefined && known !== size) {
    throw invalidInput(
      `${spec.name}.shape`,
      `${known} for dimension "${symbol}", as in the inputs before it`,
      String(size),
    );
  }
  symbols.set(key, size);
}

/** What a symbolic axis is called: by its name, or `input.axis` where it has none and is independent of every other one. */
export function symbolKey(spec: TensorSpec, axis: number, symbol: string): string {
  return symbol === '' ? `${spec.name}.${axis}` : symbol;
}

function keyOf(symbols: Map<string, number>): string {
  let key = '';
  for (const [symbol, size] of symbols) key += `${symbol}=${size};`;
  return key;
}

function wrongArray(spec: TensorSpec, data: unknown, suffix = ''): FairleadError {
  return invalidInput(
    `${spec.name}${suffix}`,
    `a ${arrayNameOf(spec.dtype)} for dtype ${spec.dtype}`,
    `a ${nameOfData(data)}`,
  );
}

function listNames(specs: readonly TensorSpec[]): string {
  return specs.map((spec) => `"${spec.name}"`).join(', ');
}

/** The error for an input that does not fit: `INVALID_INPUT`, which names the field, the expected and the given. */
export function invalidInput(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Input ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}

/** The tensors of a door by name, for stages that pass a request on as a whole. */
export function byName(specs: readonly TensorSpec[], tensors: readonly Tensor[]): Tensors {
  return Object.fromEntries(specs.map((spec, index) => [spec.name, tensors[index] as Tensor]));
}
