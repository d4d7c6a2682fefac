import { FairleadError, type FairleadErrorOptions, type LoadedModel, messageOf } from '@fairlead/core';
import type { OnnxDevice } from './options';

/*
 * onnxruntime-web throws plain errors; only their words tell them apart. The words are those of version 1.30.0, which
 * is why the peer dependency is exact.
 */

/** The runtime itself did not start: its .wasm could not be fetched or compiled, or the device was refused. */
const noBackend = /no available backend found/i;
/** The bytes are no ONNX graph: NO_MODEL, INVALID_PROTOBUF, INVALID_GRAPH. */
const brokenModel = /ERROR_CODE: (4|7|10)\b/;
/** From the runtime's wrapper in JavaScript, which does not say for which input or output. */
const foreignDtype = /^unsupported data type: (\d+)/i;
const noMemory = /bad_?alloc|out of memory|allocation failed|failed to allocate/i;

/** Why a session could not be created, as an error with the code that callers decide by. */
export function createFailure(error: unknown, device: OnnxDevice, model: LoadedModel): FairleadError {
  if (FairleadError.isInstance(error)) return error;
  const message = messageOf(error);
  const options = { cause: error, details: { device, model: model.name } };
  if (noBackend.test(message)) {
    return new FairleadError(
      'BACKEND_UNAVAILABLE',
      `onnxruntime-web did not start on ${device} (${message}). Check that the page can fetch its .wasm file, that \`wasmPaths\` is right, and that the Content-Security-Policy allows 'wasm-unsafe-eval'. The runtime remembers the failure, so the next try needs a new worker or a page that is loaded anew.`,
      options,
    );
  }
  // On WebGPU the runtime names another reason for no bytes at all.
  if (brokenModel.test(message) || model.bytes.length === 0) return invalid(model, message, options);
  const dtype = foreignDtype.exec(message)?.[1];
  if (dtype !== undefined) {
    return new FairleadError(
      'UNSUPPORTED',
      `${model.name} has an input or output of a dtype that JavaScript cannot hold (number ${dtype} in ONNX's TensorProto.DataType, such as bfloat16 or float8). Add a Cast to the model.`,
      options,
    );
  }
  if (noMemory.test(message) || error instanceof RangeError) {
    return new FairleadError(
      'LIMIT_EXCEEDED',
      `${model.name} (${model.bytes.length} bytes) does not fit into memory on ${device}: ${message}. Use a smaller or quantised model, or close other sessions.`,
      options,
    );
  }
  // What the GPU cannot do, such as float16 on an adapter without it, WebAssembly may.
  if (device === 'webgpu')
    return new FairleadError('BACKEND_UNAVAILABLE', `${model.name} failed to load on webgpu: ${message}`, options);
  return invalid(model, message, options);
}

function invalid(model: LoadedModel, message: string, options: FairleadErrorOptions): FairleadError {
  return new FairleadError(
    'MODEL_INVALID',
    `${model.name} is no ONNX model that onnxruntime-web can load: ${message}. Check the file with \`onnx.checker\`, and its opset and operators against onnxruntime 1.30.`,
    options,
  );
}
