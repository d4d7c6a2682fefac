import { isObject } from './probe';

/** A tensor as a model's metadata describes it. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  /** -1 for an open size. */
  readonly shape: readonly number[];
}

/** Bytes of an element by datatype; 0 for BYTES, which have a length each. */
export const elementBytes: Readonly<Record<string, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  BF16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
};

/** The datatypes that JSON cannot carry everywhere: Triton takes them as bytes alone. */
export const isBinaryOnly = (datatype: string): boolean => datatype === 'FP16' || datatype === 'BF16';

/** A tensor of a message. */
export interface WireTensor extends TensorMetadata {
  readonly data: readonly unknown[];
}

/** Reads the tensors of metadata; what is wrong with them as a string. */
export function readTensors(value: unknown, field: string): readonly TensorMetadata[] | string {
  if (!Array.isArray(value) || value.length === 0) return `"${field}" is no array of tensors`;
  for (const [index, tensor] of value.entries()) {
    const where = `${field}[${index}]`;
    if (!isObject(tensor) || typeof tensor.name !== 'string' || tensor.name === '') return `${where} has no "name"`;
    if (elementBytes[String(tensor.datatype)] === undefined)
      return `${where}.datatype is ${JSON.stringify(tensor.datatype)}`;
    // Some servers write sizes as strings, since Protocol Buffers write 64-bit integers so; a client must not count on it.
    const isShape = Array.isArray(tensor.shape) && tensor.shape.every((size) => Number.isInteger(size) && size >= -1);
    if (!isShape) return `${where}.shape is ${JSON.stringify(tensor.shape)}`;
  }
  return value as TensorMetadata[];
}

/** How many elements a shape has. */
export function countOf(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

/** A tensor that fits: open sizes are 1, the first one `rows`; elements are those that nearly every model takes. */
export function sampleOf({ name, datatype, shape }: TensorMetadata, rows = 1): WireTensor {
  const sizes = shape.map((size, axis) => (size === -1 ? (axis === 0 ? rows : 1) : size));
  const element = datatype === 'BYTES' ? 'a' : datatype === 'BOOL' ? true : datatype.startsWith('FP') ? 0.5 : 0;
  return { name, datatype, shape: sizes, data: new Array<unknown>(countOf(sizes)).fill(element) };
}

/** The data nested like its shape. */
export function nested(data: readonly unknown[], shape: readonly number[]): unknown {
  const [size, ...rest] = shape;
  if (size === undefined || rest.length === 0) return data;
  const length = countOf(rest);
  return Array.from({ length: size }, (_, index) => nested(data.slice(index * length, (index + 1) * length), rest));
}

/** The elements as Triton's binary extension writes them. */
export function toBytes({ datatype, data }: WireTensor): Uint8Array {
  if (datatype === 'BYTES') {
    const parts = data.map((text) => Buffer.from(String(text)));
    return Buffer.concat(parts.flatMap((part) => [uint32(part.length), part]));
  }
  const size = elementBytes[datatype] ?? 0;
  const bytes = Buffer.alloc(size * data.length);
  for (const [index, element] of data.entries()) writeElement(bytes, index * size, datatype, element);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Samples are 0, 0.5 or true, so integers are zeros, and the halves are written by their bits. */
function writeElement(bytes: Buffer, offset: number, datatype: string, element: unknown): void {
  if (datatype === 'FP32') bytes.writeFloatLE(Number(element), offset);
  else if (datatype === 'FP64') bytes.writeDoubleLE(Number(element), offset);
  else if (datatype === 'FP16') bytes.writeUInt16LE(0x3800, offset);
  else if (datatype === 'BOOL') bytes.writeUInt8(element === true ? 1 : 0, offset);
}

/** What is wrong with a tensor of an answer in JSON; true when it fits what the metadata says. */
export function fits(tensor: unknown, metadata: TensorMetadata): true | string {
  const where = `output "${metadata.name}"`;
  if (!isObject(tensor)) return `no ${where}`;
  const { datatype, shape, data } = tensor;
  const head = headFits(tensor, metadata);
  if (head !== true) return head;
  if (!Array.isArray(data)) return `${where} without "data"`;
  const flat = data.flat(Number.POSITIVE_INFINITY);
  const count = countOf(shape as number[]);
  if (flat.length !== count) return `${where} with ${flat.length} elements for shape ${JSON.stringify(shape)}`;
  const isRight = elementTests[kindOf(String(datatype))] as (value: unknown) => boolean;
  const wrong = flat.find((element) => !isRight(element));
  return wrong === undefined ? true : `${where} of ${String(datatype)} with the element ${JSON.stringify(wrong)}`;
}

/** The same without the data. */
export function headFits(tensor: Record<string, unknown>, metadata: TensorMetadata): true | string {
  const where = `output "${metadata.name}"`;
  const { datatype, shape } = tensor;
  if (datatype !== metadata.datatype) return `${where} of ${JSON.stringify(datatype)}, not ${metadata.datatype}`;
  const sizes = Array.isArray(shape) ? shape : [];
  const isShape =
    Array.isArray(shape) &&
    sizes.length === metadata.shape.length &&
    sizes.every((size, axis) => Number.isInteger(size) && [-1, size].includes(metadata.shape[axis] ?? 0));
  return isShape || `${where} of shape ${JSON.stringify(shape)}, not ${JSON.stringify(metadata.shape)}`;
}

type Kind = 'text' | 'truth' | 'whole' | 'real';

function kindOf(datatype: string): Kind {
  if (datatype === 'BYTES') return 'text';
  if (datatype === 'BOOL') return 'truth';
  return datatype.includes('INT') ? 'whole' : 'real';
}

const elementTests: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  truth: (value) => typeof value === 'boolean' || value === 0 || value === 1,
  whole: (value) => Number.isInteger(value) || (typeof value === 'string' && /^-?\d+$/.test(value)),
  // What JSON lacks is written in several ways.
  real: (value) => typeof value === 'number' || value === null || /^(NaN|-?Infinity)$/.test(String(value)),
};
