import { FairleadError } from '../../errors';
import { bytesPerElement, type DType, type NumericDType, viewData } from '../../tensor/dtype';
import { elementCount, formatShape, type Tensor } from '../../tensor/tensor';
import { joinChunks } from '../body';

/*
 * NumPy's format of one array, which SageMaker's Python SDK sends and asks for as application/x-npy: a magic word, a version,
 * the length of a header, the header (a literal of a Python dictionary, padded so that the elements begin at a multiple of 64)
 * and the elements.
 */

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

const descriptions: Readonly<Record<NumericDType, string>> = {
  float32: '<f4',
  float64: '<f8',
  float16: '<f2',
  int8: '|i1',
  int16: '<i2',
  int32: '<i4',
  int64: '<i8',
  uint8: '|u1',
  uint16: '<u2',
  uint32: '<u4',
  uint64: '<u8',
  bool: '|b1',
};

function dtypeOf(description: string): NumericDType | undefined {
  const found = Object.entries(descriptions).find(([, each]) => each === description);
  return found?.[0] as NumericDType | undefined;
}

/** More bytes than the header of any array that a model takes. */
const maxHeaderBytes = 16_384;

/**
 * Reads an array of numbers or booleans in C order, little-endian. Nothing of the header is executed.
 *
 * @param maxElements elements that it may have, checked on its shape
 * @throws FairleadError `PROTOCOL_ERROR` for bytes that are no such array, `INVALID_INPUT` for one of another type or order,
 * `LIMIT_EXCEEDED`
 */
export function decodeNpy(bytes: Uint8Array, maxElements: number): Tensor {
  const { header, dataFrom } = readHeader(bytes);
  const dtype = dtypeOf(header.description);
  if (dtype === undefined) throw invalid('descr', 'a little-endian number or boolean, such as <f4', header.description);
  if (header.isFortranOrder) throw invalid('fortran_order', 'False: rows one after the other', 'True');
  const count = elementCount(header.shape);
  if (count > maxElements) {
    const expected = `at most ${maxElements} elements`;
    throw new FairleadError(
      'LIMIT_EXCEEDED',
      `The array has more than ${maxElements} elements. Send fewer rows at once.`,
      {
        details: { field: 'shape', expected, given: formatShape(header.shape) },
      },
    );
  }
  const size = count * bytesPerElement(dtype);
  if (bytes.byteLength - dataFrom !== size)
    throw invalid(
      'shape',
      `${size} bytes of elements for ${formatShape(header.shape)}`,
      `${bytes.byteLength - dataFrom}`,
    );
  // A copy begins where a typed array may begin.
  const data = viewData(dtype, new Uint8Array(bytes.subarray(dataFrom)).buffer, 0, count);
  if (dtype === 'bool' && (data as Uint8Array).some((value) => value > 1))
    throw invalid('data', '0 or 1', 'another byte');
  return { dtype, shape: header.shape, data } as Tensor;
}

/**
 * Writes a tensor of numbers or booleans.
 *
 * @throws FairleadError `UNSUPPORTED` for strings
 */
export function encodeNpy(tensor: Tensor): Uint8Array<ArrayBuffer> {
  const { dtype, shape, data } = tensor;
  if (Array.isArray(data))
    throw new FairleadError('UNSUPPORTED', 'Strings have no form as an array of NumPy here. Ask for JSON or CSV.');
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const literal = `{'descr': '${descriptions[dtype as NumericDType]}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const padding = (64 - ((10 + literal.length + 1) % 64)) % 64;
  const text = new TextEncoder().encode(`${literal}${' '.repeat(padding)}\n`);
  const head = Uint8Array.of(...magic, 1, 0, text.length & 0xff, text.length >> 8);
  const elements = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const size = head.length + text.length + elements.length;
  return joinChunks([head, text, elements], size) as Uint8Array<ArrayBuffer>;
}

interface NpyHeader {
  readonly description: string;
  readonly isFortranOrder: boolean;
  readonly shape: readonly number[];
}

function readHeader(bytes: Uint8Array): { header: NpyHeader; dataFrom: number } {
  const major = bytes[6] as number;
  if (bytes.byteLength < 12 || !magic.every((byte, index) => bytes[index] === byte) || major < 1 || major > 3)
    throw broken('the magic word of NumPy and version 1, 2 or 3');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const textFrom = major === 1 ? 10 : 12;
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > maxHeaderBytes || textFrom + length > bytes.byteLength) throw broken('a header within the body');
  const text = new TextDecoder().decode(bytes.subarray(textFrom, textFrom + length));
  const description = /'descr'\s*:\s*'([^']{1,16})'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const sizes = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(text)?.[1];
  if (description === undefined || order === undefined || sizes === undefined)
    throw broken("a header {'descr', 'fortran_order', 'shape'} of one simple type");
  const shape = sizes
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '')
    .map(Number);
  if (shape.length > 32 || !shape.every(Number.isSafeInteger)) throw broken('at most 32 sizes of axes');
  return { header: { description, isFortranOrder: order === 'True', shape }, dataFrom: textFrom + length };
}

/** The type that an array is sent as where a model's own has another width: numbers are converted where none is lost. */
export function castNumeric(tensor: Tensor, dtype: DType, name: string): Tensor {
  if (tensor.dtype === dtype) return tensor;
  if (tensor.dtype === 'float64' && dtype === 'float32')
    return { ...tensor, dtype, data: Float32Array.from(tensor.data as Float64Array) } as Tensor;
  throw invalid(name, `elements of ${dtype}`, tensor.dtype);
}

function broken(expected: string): FairleadError {
  return new FairleadError('PROTOCOL_ERROR', `The body is no array of NumPy: expected ${expected}.`, {
    details: { field: 'body', expected },
  });
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Array ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
