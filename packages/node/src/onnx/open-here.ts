import {
  type CallOptions,
  FairleadError,
  type LoadedModel,
  messageOf,
  type Session,
  throwIfAborted,
} from '@fairlead/core';
import { selfTest } from '@fairlead/core/self-test';
import type * as Ort from 'onnxruntime-node';
import type { OnnxDevice, OnnxSettings } from './options';
import { loadRuntime, type Runtime } from './runtime';
import { openOrtSession, wrapOrtSession } from './session';

/**
 * Creates a session in this thread on a device that passed its trial. Any other device than the CPU must then compute the
 * model as the CPU does, unless `selfTest` is switched off.
 * @throws FairleadError `MODEL_INVALID`, `UNSUPPORTED`, `ABORTED`; `BACKEND_UNAVAILABLE` when the runtime is missing, or
 * when the device refuses a model that the CPU takes or computes it differently
 */
export async function openHere(
  settings: OnnxSettings,
  device: OnnxDevice,
  model: LoadedModel,
  options: CallOptions,
): Promise<Session> {
  const what = `Loading ${model.name}`;
  throwIfAborted(options.signal, what);
  // The runtime's own words for it speak of null pointers.
  if (model.bytes.byteLength === 0) throw invalid(model, 'the file is empty');
  const ort = await loadRuntime();
  let session: Ort.InferenceSession;
  try {
    session = await openOrtSession(ort, settings, device, model);
  } catch (error) {
    throw device === 'cpu' ? loadFailure(model, error) : await refusal(ort, settings, device, model, error);
  }
  if (options.signal?.aborted) await session.release();
  throwIfAborted(options.signal, what);
  const opened = await wrapOrtSession(ort, session, model, device);
  if (device === 'cpu' || !settings.selfTest) return opened;
  const openOnCpu = async (): Promise<Session> =>
    wrapOrtSession(ort, await openOrtSession(ort, settings, 'cpu', model), model, 'cpu');
  try {
    await mustAgree(opened, openOnCpu, model, options);
    return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function mustAgree(
  session: Session,
  openOnCpu: () => Promise<Session>,
  { name }: LoadedModel,
  options: CallOptions,
): Promise<void> {
  const { device } = session;
  const finding = await selfTest(session, openOnCpu, options);
  switch (finding.verdict) {
    case 'agrees':
      return;
    case 'skipped':
      process.emitWarning(
        `${name} runs on ${device} without a self-test, since ${finding.reason}. With selfTest: false none is tried.`,
        'FairleadWarning',
      );
      return;
    case 'failed':
      throw new FairleadError(
        'BACKEND_UNAVAILABLE',
        `${name} fails on ${device} with inputs that the CPU computes with: ${messageOf(finding.cause)}`,
        { cause: finding.cause, details: { device } },
      );
    case 'disagrees': {
      const { output, element, expected, given } = finding.difference;
      const where = element === undefined ? `Output "${output}"` : `Element ${element} of output "${output}"`;
      throw new FairleadError(
        'BACKEND_UNAVAILABLE',
        `${name} is not computed on ${device} as on the CPU. ${where}: expected ${expected}, given ${given}. Update the driver of the graphics card; selfTest: false trusts the device all the same`,
        { details: { field: output, element, expected, given, device } },
      );
    }
  }
}

/** A device would not have the model: the device is at fault, unless the CPU won't have it either. */
async function refusal(
  ort: Runtime,
  settings: OnnxSettings,
  device: OnnxDevice,
  model: LoadedModel,
  cause: unknown,
): Promise<FairleadError> {
  try {
    await (await openOrtSession(ort, settings, 'cpu', model)).release();
  } catch (error) {
    return loadFailure(model, error);
  }
  const reason = messageOf(cause);
  return new FairleadError('BACKEND_UNAVAILABLE', `${model.name} does not load on ${device}: ${reason}`, { cause });
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
    `${model.name} (${model.bytes.byteLength} bytes) is no ONNX model that onnxruntime-node can load: ${reason.trim().replace(/\.$/, '')}. Check it with Python's onnx.checker, and its opset and operators against the installed onnxruntime. Weights in a file beside the model are not read.`,
    {
      details: { field: 'model', expected: 'an ONNX model', given: reason },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
