import {
  type CallOptions,
  FairleadError,
  type LoadedModel,
  messageOf,
  type Session,
  throwIfAborted,
} from '@fairlead/core';
import type * as Ort from 'onnxruntime-node';
import type { OnnxDevice, OnnxSettings } from './options';
import { probeDevice } from './probe';
import { loadRuntime, type Runtime } from './runtime';
import { openOrtSession, wrapOrtSession } from './session';

interface Refusal {
  readonly device: OnnxDevice;
  readonly reason: string;
  /** What loading the model on the device threw; absent when the device itself does not work. */
  readonly error?: unknown;
}

/**
 * Creates a session in this thread on the first device that works.
 * @throws FairleadError `MODEL_INVALID`, `UNSUPPORTED`, `BACKEND_UNAVAILABLE`, `ABORTED`
 */
export async function createOnnxSession(
  settings: OnnxSettings,
  model: LoadedModel,
  options: CallOptions,
): Promise<Session> {
  const what = `Loading ${model.name}`;
  throwIfAborted(options.signal, what);
  // The runtime's own words for it speak of null pointers.
  if (model.bytes.byteLength === 0) throw invalid(model, 'the file is empty');
  const ort = await loadRuntime();
  const refusals: Refusal[] = [];
  for (const device of settings.devices) {
    const verdict = await probeDevice(device, settings.deviceId);
    throwIfAborted(options.signal, what);
    if (!verdict.usable) {
      refusals.push({ device, reason: verdict.reason });
      continue;
    }
    let session: Ort.InferenceSession;
    try {
      session = await openOrtSession(ort, settings, device, model);
    } catch (error) {
      if (device === 'cpu') throw loadFailure(model, error);
      refusals.push({ device, reason: messageOf(error), error });
      continue;
    }
    if (options.signal?.aborted) await session.release();
    throwIfAborted(options.signal, what);
    const fallbacks = refusals.map(({ device: from, reason }) => ({ from, to: device, reason }));
    return wrapOrtSession(ort, session, model, device, fallbacks);
  }
  throw await explain(ort, settings, model, refusals);
}

/** No device would have it: either the devices are at fault, or the model is. */
async function explain(
  ort: Runtime,
  settings: OnnxSettings,
  model: LoadedModel,
  refusals: readonly Refusal[],
): Promise<FairleadError> {
  if (refusals.some((refusal) => refusal.error !== undefined)) {
    try {
      await (await openOrtSession(ort, settings, 'cpu', model)).release();
    } catch (error) {
      return loadFailure(model, error);
    }
  }
  const asked = settings.devices.join(', ');
  const reasons = refusals.map(({ device, reason }) => `${device}: ${reason}`).join('; ');
  return new FairleadError(
    'BACKEND_UNAVAILABLE',
    `No device that was asked for works here (${reasons}). To fall back to the CPU, ask for device: [${[...settings.devices, 'cpu'].map((name) => `'${name}'`).join(', ')}].`,
    { details: { field: 'device', expected: 'a device that works here', given: asked } },
  );
}

function loadFailure(model: LoadedModel, error: unknown): FairleadError {
  const message = messageOf(error);
  // Thrown by the runtime's own wrapper, which does not say for which input or output.
  const dtype = /^Unsupported data type: (\d+)/.exec(message)?.[1];
  if (dtype === undefined) return invalid(model, message, error);
  return new FairleadError(
    'UNSUPPORTED',
    `${model.name} has an input or output of a dtype that JavaScript cannot hold (number ${dtype} in ONNX's TensorProto.DataType, such as bfloat16 or float8). Add a Cast to the model.`,
    { cause: error, details: { field: model.name } },
  );
}

function invalid(model: LoadedModel, reason: string, cause?: unknown): FairleadError {
  return new FairleadError(
    'MODEL_INVALID',
    `${model.name} (${model.bytes.byteLength} bytes) is no ONNX model that onnxruntime-node can load: ${reason.trim().replace(/\.$/, '')}. Check it with Python's onnx.checker, and its opset and operators against onnxruntime 1.30. Weights in a file beside the model are not read.`,
    {
      details: { field: 'model', expected: 'an ONNX model', given: reason },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
