import type { DType } from '../../tensor/dtype';
import { readTensorJson } from '../../tensor/json/tensor-json';
import type { Tensor } from '../../tensor/tensor';
import { decodeText } from '../answer-body';
import { type BinaryReader, createBinaryReader } from './binary';
import type { InferRequest, RequestDecoder } from './messages';

/** Reads a request whose tensors lie behind its JSON, or some of them. */
export type ReadBinaryRequest = (json: Uint8Array, binary: Uint8Array) => InferRequest;

/** One tensor, as the JSON describes it. */
interface TensorRead {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly size: unknown;
  readonly name: string;
}

/** What a JSON says. */
interface Known {
  readonly json: Uint8Array;
  readonly tensors: readonly TensorRead[];
  /** The request without its tensors. */
  readonly request: InferRequest;
}

/** Requests that are remembered, and bytes that the JSON of one may have. */
const [mostKnown, longestKnown] = [8, 1024];
/** Requests in a row that are remembered without one of them coming again; and those after them that are not. */
const [mostInVain, pauseRequests] = [32, 1024];

/**
 * Reads requests, and remembers what the JSON before the tensors says. A client sends the same with every request, unless it numbers
 * them, and parsing and checking it takes longer than all else that is done for a small tensor. Where none comes again, nothing is
 * remembered for a while.
 *
 * @returns a function that throws FairleadError `PROTOCOL_ERROR`, and whatever `decode` throws, of a request that is known as of one
 * that is not
 */
export function createBinaryRequestReader(decode: RequestDecoder): ReadBinaryRequest {
  const known: Known[] = [];
  let oldest = 0;
  let inVain = 0;
  let paused = 0;

  const remember = (json: Uint8Array, tensors: readonly TensorRead[], request: InferRequest): void => {
    if (inVain === mostInVain) {
      known.length = 0;
      if (++paused < pauseRequests) return;
      paused = 0;
      inVain = 0;
    }
    inVain++;
    const made: Known = { json: new Uint8Array(json), tensors, request: { ...request, inputs: {} } };
    if (known.length < mostKnown) known.push(made);
    else known[oldest++ % mostKnown] = made;
  };

  return (json, binary) => {
    for (const { json: before, tensors, request } of known) {
      if (!areEqual(before, json)) continue;
      inVain = 0;
      return withTensors(request, tensors, createBinaryReader(binary));
    }
    let tensors: TensorRead[] = [];
    // It may be decoded twice, see `readTensorJson`.
    const request = readTensorJson(json, decodeText, (message) => {
      tensors = [];
      return decode(message, noteReads(createBinaryReader(binary), tensors));
    });
    const isAllBinary = Object.keys(request.inputs).length === tensors.length;
    if (isAllBinary && json.byteLength <= longestKnown) remember(json, tensors, request);
    return request;
  };
}

function noteReads(reader: BinaryReader, tensors: TensorRead[]): BinaryReader {
  return {
    read(dtype, shape, size, name): Tensor {
      tensors.push({ dtype, shape: Object.freeze(shape), size, name });
      return reader.read(dtype, shape, size, name);
    },
    end: reader.end,
  };
}

function withTensors(request: InferRequest, tensors: readonly TensorRead[], reader: BinaryReader): InferRequest {
  // No prototype, so that an input may have any name.
  const inputs: Record<string, Tensor> = Object.create(null);
  for (const { dtype, shape, size, name } of tensors) inputs[name] = reader.read(dtype, shape, size, name);
  reader.end();
  return { ...request, inputs };
}

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  const { length } = one;
  if (length !== other.length) return false;
  for (let index = 0; index < length; index++) if (one[index] !== other[index]) return false;
  return true;
}
