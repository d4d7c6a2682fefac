import { allocateData } from '../../tensor/dtype';
import { NumberText } from '../../tensor/json/number-text';
import { findArrays, readTensorJson } from '../../tensor/json/tensor-json';
import { elementCount, type Tensor } from '../../tensor/tensor';
import { decodeText } from '../answer-body';
import { createKnownTexts } from './known-texts';
import type { InferRequest, RequestDecoder } from './messages';

/** Reads a request that is JSON and nothing else. */
export type ReadJsonRequest = (json: Uint8Array) => InferRequest;

/** What the text around the numbers of a tensor says. */
interface Known {
  readonly name: string;
  readonly dtype: Tensor['dtype'];
  readonly shape: readonly number[];
  /** The request without its tensor. */
  readonly request: InferRequest;
}

/**
 * Reads requests, and remembers what the text around the numbers says, of those that have one tensor of many numbers. A client sends
 * the same with every request, unless it numbers them; the numbers are then all that has to be read.
 *
 * @returns a function that throws FairleadError `PROTOCOL_ERROR`, and whatever `decode` throws, of a request that is known as of one
 * that is not
 */
export function createJsonRequestReader(decode: RequestDecoder): ReadJsonRequest {
  const texts = createKnownTexts<Known>();

  return (json) => {
    const [numbers, ...others] = findArrays(json);
    if (numbers === undefined || others.length > 0) return readTensorJson(json, decodeText, decode);
    const { open, close } = numbers;
    const known = texts.find(json, open, close);
    const quick = known && withNumbers(known, new NumberText(json, open + 1, close));
    if (quick !== undefined) return quick;
    let isSetAside = false;
    // It may be decoded twice, see `readTensorJson`.
    const request = readTensorJson(json, decodeText, (message) => {
      const decoded = decode(message);
      const [input, ...rest] = (message as { readonly inputs: readonly { readonly data?: unknown }[] }).inputs;
      isSetAside = input?.data instanceof NumberText && rest.length === 0;
      return decoded;
    });
    const [[name, tensor] = []] = Object.entries(request.inputs);
    if (isSetAside && known === undefined && name !== undefined && tensor !== undefined) {
      const { dtype, shape } = tensor;
      Object.freeze(shape);
      texts.remember(json, open, close, { name, dtype, shape, request: { ...request, inputs: {} } });
    }
    return request;
  };
}

/** Undefined where they are not as many as they should be, or not plain: who reads the whole message says what is wrong. */
function withNumbers({ name, dtype, shape, request }: Known, text: NumberText): InferRequest | undefined {
  const count = elementCount(shape);
  if (!text.canHold(count)) return undefined;
  const data = allocateData(dtype, count);
  if (!text.read(dtype, data, 0, count)) return undefined;
  // No prototype, so that an input may have any name.
  const inputs: Record<string, Tensor> = Object.create(null);
  inputs[name] = { dtype, shape, data } as Tensor;
  return { ...request, inputs };
}
