import { FairleadError } from '../../errors';
import type { ModelSignature, TensorSpec } from '../../signature';
import { bytesPerElement } from '../../tensor/dtype';
import { elementCount, formatShape, type Tensor } from '../../tensor/tensor';
import { createBinaryReader } from './binary';
import type { InferRequest } from './messages';

/**
 * Reads a raw binary request, which has no JSON at all (`Inference-Header-Content-Length: 0`): the body is the elements of the
 * model's one input. The one open size of its shape follows from their number; of strings it is one element, the whole
 * body. All outputs are answered behind the JSON.
 *
 * @throws FairleadError `INVALID_INPUT` where input or shape do not follow from the bytes, `LIMIT_EXCEEDED`
 */
export function decodeRawRequest(body: Uint8Array, signature: ModelSignature, maxElements: number): InferRequest {
  const [spec, ...others] = signature.inputs;
  if (spec === undefined || others.length > 0) {
    throw invalid('body', 'JSON before the tensors, since the model has several inputs', 'raw bytes alone');
  }
  const tensor = spec.dtype === 'string' ? oneString(spec, body) : elements(spec, body, maxElements);
  return {
    id: undefined,
    inputs: { [spec.name]: tensor },
    outputs: undefined,
    wantsBinary: () => true,
    classes: new Map(),
    timeoutMs: undefined,
    priority: 'normal',
    assignment: undefined,
  };
}

function oneString({ name, shape }: TensorSpec, body: Uint8Array): Tensor {
  if (shape.some((size) => typeof size === 'number' && size !== 1)) {
    throw invalid(name, 'JSON before the tensors, since its shape holds more than one string', 'raw bytes alone');
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    return { dtype: 'string', shape: shape.map(() => 1), data: [text] };
  } catch {
    throw invalid(`${name}.data`, 'UTF-8', 'other bytes');
  }
}

function elements({ name, dtype, shape }: TensorSpec, body: Uint8Array, maxElements: number): Tensor {
  const open = shape.filter((size) => typeof size !== 'number').length;
  if (open > 1) {
    throw invalid(name, 'JSON before the tensors, since several sizes of its shape are open', 'raw bytes alone');
  }
  const oneBytes = elementCount(shape.map((size) => (typeof size === 'number' ? size : 1))) * bytesPerElement(dtype);
  const times = open === 0 ? 1 : oneBytes === 0 ? Number.NaN : body.byteLength / oneBytes;
  if (!Number.isSafeInteger(times) || times * oneBytes !== body.byteLength) {
    const expected = open === 0 ? `${oneBytes} bytes` : `a multiple of ${oneBytes} bytes`;
    throw invalid('body', `${expected} for shape ${formatShape(shape)}`, `${body.byteLength}`);
  }
  const sizes = shape.map((size) => (typeof size === 'number' ? size : times));
  if (elementCount(sizes) > maxElements) {
    const expected = `at most ${maxElements} elements`;
    const given = formatShape(sizes);
    throw new FairleadError(
      'LIMIT_EXCEEDED',
      `Input ${name}.shape: expected ${expected}, given ${given}. Send fewer rows at once.`,
      { details: { field: `${name}.shape`, expected, given } },
    );
  }
  return createBinaryReader(body).read(dtype, sizes, body.byteLength, name);
}

function invalid(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Raw request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
