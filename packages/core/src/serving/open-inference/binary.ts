import { FairleadError } from '../../errors';
import { bytesPerElement, type DataOf, type DType, type NumericDType, viewData } from '../../tensor/dtype';
import { describeGiven } from '../../tensor/json/describe-given';
import { elementCount, formatShape, type Tensor } from '../../tensor/tensor';
import { joinChunks } from '../body';

/*
 * The binary tensor data extension of Triton: behind the JSON of a message lie the elements of its tensors, one after the
 * other, row-major and little-endian, as they are in memory. A float keeps every bit, that of a NaN too. BYTES are each an
 * unsigned 32-bit length and so many bytes.
 */

/** What a server calls the extension in its metadata. */
export const binaryExtension = 'binary_tensor_data';

/** Header that says how many bytes of a body are JSON; what follows is binary. */
export const jsonLengthHeader = 'inference-header-content-length';

/** Takes the binary tensors of a message out of what follows its JSON. */
export interface BinaryReader {
  /** @throws FairleadError `INVALID_INPUT` before anything is allocated when the size is not what dtype and shape ask for */
  read(dtype: DType, shape: readonly number[], size: unknown, name: string): Tensor;
  /** @throws FairleadError `INVALID_INPUT` when bytes are left that belong to no tensor */
  end(): void;
}

/** Where the binary tensors of a message are collected while its JSON is written. */
export interface BinaryParts {
  /** Whether a tensor is to be written so. */
  wants(name: string): boolean;
  /** What goes behind the JSON, in order. */
  readonly parts: Uint8Array[];
}

/** Splits a body into its JSON and what follows; all of it is JSON where the header is missing. */
export function splitBody(
  body: Uint8Array,
  jsonLength: string | null | undefined,
): { readonly json: Uint8Array; readonly binary: Uint8Array | undefined } {
  if (jsonLength === null || jsonLength === undefined || jsonLength === '') return { json: body, binary: undefined };
  const length = /^\d{1,12}$/.test(jsonLength) ? Number(jsonLength) : Number.NaN;
  if (!(length <= body.byteLength)) {
    const expected = `a number of bytes of JSON, at most the ${body.byteLength} of the body`;
    throw invalid(jsonLengthHeader, expected, describeGiven(jsonLength));
  }
  return { json: body.subarray(0, length), binary: body.subarray(length) };
}

const utf8 = new TextEncoder();

/** The body of a message: its JSON and the binary tensors behind it. */
export function joinBody(
  json: string,
  parts: readonly Uint8Array[],
): { body: Uint8Array<ArrayBuffer>; jsonLength: number } {
  const size = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const body = new Uint8Array(json.length + size);
  const { read, written } = utf8.encodeInto(json, body);
  // It is as long as its text where that is ASCII, as nearly all is.
  if (read !== json.length || written !== json.length) {
    const head = utf8.encode(json);
    const joined = joinChunks([head, ...parts], head.byteLength + size) as Uint8Array<ArrayBuffer>;
    return { body: joined, jsonLength: head.byteLength };
  }
  let offset = written;
  for (const part of parts) {
    body.set(part, offset);
    offset += part.byteLength;
  }
  return { body, jsonLength: written };
}

/**
 * Reads from the beginning of `bytes`. Tensors are copies, unless the memory is the reader's: then they are views of it, moved to where a
 * typed array may begin. To make a copy and free it takes longer than all else that is done for a small one.
 *
 * @param ownBefore bytes before these in the same memory, where nobody else has any of it: they may be written over, as these may be
 */
export function createBinaryReader(bytes: Uint8Array, ownBefore?: number): BinaryReader {
  let offset = 0;
  /** Where the memory begins that may be written to. */
  let freeFrom = ownBefore === undefined ? Number.POSITIVE_INFINITY : bytes.byteOffset - ownBefore;
  const viewOf = (dtype: NumericDType, part: Uint8Array, count: number): DataOf<NumericDType> => {
    const { buffer, byteOffset, byteLength } = part;
    const aligned = byteOffset - (byteOffset % bytesPerElement(dtype));
    // `slice` would copy none of the buffers of Node.
    if (aligned < freeFrom) return viewData(dtype, new Uint8Array(part).buffer, 0, count);
    if (aligned < byteOffset) new Uint8Array(buffer, aligned, byteLength).set(part);
    freeFrom = aligned + byteLength;
    return viewData(dtype, buffer, aligned, count);
  };
  return {
    read(dtype, shape, size, name) {
      const field = `${name}.parameters.binary_data_size`;
      const left = bytes.byteLength - offset;
      if (!Number.isSafeInteger(size) || (size as number) < 0)
        throw invalid(field, 'a number of bytes', describeGiven(size));
      if ((size as number) > left) throw invalid(field, `at most the ${left} bytes that follow`, String(size));
      const count = elementCount(shape);
      const part = bytes.subarray(offset, offset + (size as number));
      offset += size as number;
      if (dtype === 'string') return { dtype, shape, data: readStrings(part, count, name) };
      const expected = count * bytesPerElement(dtype);
      if (size !== expected) throw invalid(field, `${expected} bytes for shape ${formatShape(shape)}`, String(size));
      const data = viewOf(dtype, part, count);
      if (dtype === 'bool') checkBooleans(data as Uint8Array, name);
      return { dtype, shape, data } as Tensor;
    },
    end() {
      if (offset < bytes.byteLength) {
        throw invalid('body', `${offset} bytes behind the JSON, as the tensors say`, `${bytes.byteLength} bytes`);
      }
    },
  };
}

/** The elements of a tensor as bytes: a view of them, but for strings. */
export function toBinary(tensor: Tensor): Uint8Array {
  const { data } = tensor;
  if (!Array.isArray(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const texts = data.map((text) => utf8.encode(text));
  const bytes = new Uint8Array(texts.reduce((sum, text) => sum + 4 + text.byteLength, 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const text of texts) {
    view.setUint32(offset, text.byteLength, true);
    bytes.set(text, offset + 4);
    offset += 4 + text.byteLength;
  }
  return bytes;
}

function readStrings(bytes: Uint8Array, count: number, name: string): string[] {
  // Each has a length at least, so no more are allocated than there are bytes for.
  if (bytes.byteLength < 4 * count) {
    throw invalid(`${name}.data`, `${count} elements with a length of 4 bytes each`, `${bytes.byteLength} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const texts: string[] = [];
  let offset = 0;
  for (let index = 0; index < count; index++) {
    const field = `${name}.data[${index}]`;
    const length = offset + 4 <= bytes.byteLength ? view.getUint32(offset, true) : Number.NaN;
    offset += 4;
    if (!(offset + length <= bytes.byteLength)) throw invalid(field, 'a length and so many bytes', 'fewer bytes');
    try {
      texts.push(decoder.decode(bytes.subarray(offset, offset + length)));
    } catch {
      throw invalid(field, 'UTF-8', 'other bytes');
    }
    offset += length;
  }
  if (offset < bytes.byteLength) {
    throw invalid(`${name}.data`, `${offset} bytes for ${count} elements`, `${bytes.byteLength} bytes`);
  }
  return texts;
}

function checkBooleans(data: Uint8Array, name: string): void {
  const index = data.findIndex((value) => value > 1);
  if (index !== -1) throw invalid(`${name}.data[${index}]`, '0 or 1', String(data[index]));
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Binary data ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
