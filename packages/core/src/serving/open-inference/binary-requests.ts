import type { DType } from '../../tensor/dtype';
import { readTensorJson } from '../../tensor/json/tensor-json';
import type { Tensor } from '../../tensor/tensor';
import { decodeText } from '../answer-body';
import { type BinaryReader, createBinaryReader } from './binary';
import { createKnownTexts } from './known-texts';
import type { InferRequest, RequestDecoder } from './messages';

/**
 * Reads a request whose tensors lie behind its JSON, or some of them.
 * @param isOwn whether both lie in memory that nobody else has, one behind the other: tensors may then be views of it. @default false
 */
export type ReadBinaryRequest = (json: Uint8Array, binary: Uint8Array, isOwn?: boolean) => InferRequest;

/** One tensor, as the JSON describes it. */
interface TensorRead {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly size: unknown;
  readonly name: string;
}

/** What a JSON says. */
interface Known {
  readonly tensors: readonly TensorRead[];
  /** The request without its tensors. */
  readonly request: InferRequest;
}

/**
 * Reads requests, and remembers what the JSON before the tensors says. A client sends the same with every request, unless it numbers
 * them, and parsing and checking it takes longer than all else that is done for a small tensor.
 *
 * @returns a function that throws FairleadError `PROTOCOL_ERROR`, and whatever `decode` throws, of a request that is known as of one
 * that is not
 */
export function createBinaryRequestReader(decode: RequestDecoder): ReadBinaryRequest {
  const texts = createKnownTexts<Known>();

  return (json, binary, isOwn = false) => {
    const { length } = json;
    const known = texts.find(json, length, length);
    // The JSON has served its turn, and may be written over.
    if (known !== undefined) return withTensors(known, createBinaryReader(binary, isOwn ? length : undefined));
    let tensors: TensorRead[] = [];
    // It may be decoded twice, see `readTensorJson`.
    const request = readTensorJson(json, decodeText, (message) => {
      tensors = [];
      return decode(message, noteReads(createBinaryReader(binary), tensors));
    });
    if (Object.keys(request.inputs).length === tensors.length)
      texts.remember(json, length, length, { tensors, request: { ...request, inputs: {} } });
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

function withTensors({ tensors, request }: Known, reader: BinaryReader): InferRequest {
  // No prototype, so that an input may have any name.
  const inputs: Record<string, Tensor> = Object.create(null);
  for (const { dtype, shape, size, name } of tensors) inputs[name] = reader.read(dtype, shape, size, name);
  reader.end();
  return { ...request, inputs };
}
