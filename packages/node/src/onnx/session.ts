import {
  abortedError,
  allocateData,
  closeable,
  elementCount,
  FairleadError,
  type LoadedModel,
  type ModelSignature,
  messageOf,
  type Session,
  type Tensor,
  type Tensors,
} from '@fairlead/core';
import type * as Ort from 'onnxruntime-node';
import { findFloat16Way } from './float16';
import type { OnnxDevice, OnnxSettings } from './options';
import type { Runtime } from './runtime';
import { readSignature, type SignatureClaim, settleSignature } from './signature';
import { fromOrt, toOrt } from './tensors';

/** Rows of the run that shows whether a model keeps rows apart: a number that no shape has by chance. */
const trialRows = 3;
/** Nothing below fatal on stderr: what goes wrong is in the error. */
const quiet = 4;

/**
 * Loads a model on one device, in this thread.
 * @throws FairleadError `UNSUPPORTED`; anything else is the runtime's own error
 */
export async function openOrtSession(
  ort: Runtime,
  settings: OnnxSettings,
  device: OnnxDevice,
  model: LoadedModel,
): Promise<Ort.InferenceSession> {
  const { threads, hostThreads, interOpThreads, spinning, deviceId, graphOptimization } = settings;
  const allow_spinning = spinning ? '1' : '0';
  return ort.InferenceSession.create(model.bytes, {
    executionProviders: [device === 'cuda' ? { name: 'cuda', deviceId } : device],
    intraOpNumThreads: device === 'cpu' ? threads : hostThreads,
    interOpNumThreads: interOpThreads,
    executionMode: interOpThreads > 1 ? 'parallel' : 'sequential',
    graphOptimizationLevel: graphOptimization,
    logSeverityLevel: quiet,
    extra: { session: { intra_op: { allow_spinning }, inter_op: { allow_spinning } } },
  });
}

/**
 * Puts Fairlead's contract around a session of the runtime.
 * @throws FairleadError `UNSUPPORTED` for inputs or outputs that JavaScript cannot hold; the session is released then
 */
export async function wrapOrtSession(
  ort: Runtime,
  session: Ort.InferenceSession,
  model: LoadedModel,
  device: OnnxDevice,
): Promise<Session> {
  try {
    const claim = readSignature(session.inputMetadata, session.outputMetadata, model.bytes);
    const usesFloat16 = claim.inputs.some(({ dtype }) => dtype === 'float16');
    const float16 = usesFloat16 ? await findFloat16Way(ort) : 'plain';
    const compute = (inputs: Tensors): Promise<Tensors> => session.run(toOrt(ort, inputs, float16)).then(fromOrt);
    const signature = settleSignature(claim, await batchAxisOf(claim, compute));
    return createSession(signature, session, model.name, device, compute);
  } catch (error) {
    await session.release();
    throw error;
  }
}

function createSession(
  signature: ModelSignature,
  session: Ort.InferenceSession,
  modelName: string,
  device: OnnxDevice,
  compute: (inputs: Tensors) => Promise<Tensors>,
): Session {
  let closed = false;
  let inFlight = 0;
  let drained: (() => void) | undefined;
  const release = closeable(async () => {
    if (inFlight > 0) {
      await new Promise<void>((resolve) => {
        drained = resolve;
      });
    }
    await session.release();
  });
  const close = (): Promise<void> => {
    closed = true;
    return release.close();
  };
  const end = (): void => {
    if (--inFlight === 0) drained?.();
  };
  const succeed = (outputs: Tensors): Tensors => {
    end();
    return outputs;
  };
  const fail = (cause: unknown): never => {
    end();
    if (FairleadError.isInstance(cause)) throw cause;
    throw new FairleadError('RUN_FAILED', `${modelName} failed on ${device}: ${messageOf(cause)}`, {
      cause,
      details: { device, model: modelName },
    });
  };
  return {
    ...signature,
    device,
    // Whoever chose the device knows which ones it came after.
    fallbacks: [],
    concurrency: 1,
    // Not an async function: each of those costs microseconds where the model's weights have pushed all else out of the caches.
    doRun(inputs, options) {
      if (closed) {
        return Promise.reject(new FairleadError('CLOSED', `The session of ${modelName} was closed. Open another one.`));
      }
      if (options.signal?.aborted) return Promise.reject(abortedError(options.signal, 'The batch'));
      inFlight++;
      try {
        return compute(inputs).then(succeed, fail);
      } catch (error) {
        return Promise.resolve(error).then(fail);
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Settles an open claim by a run on zeros: three rows in must come out as three rows everywhere. */
async function batchAxisOf(claim: SignatureClaim, compute: (inputs: Tensors) => Promise<Tensors>): Promise<0 | null> {
  if (claim.claim !== 'open') return claim.claim === 'certain' ? 0 : null;
  const inputs = trialInputs(claim);
  // Other open dimensions leave nothing to try; dimensions without a name are then taken for the same one.
  if (inputs === undefined) return claim.namesAgree ? 0 : null;
  try {
    const outputs = await compute(inputs);
    return Object.values(outputs).every(({ shape }) => shape[0] === trialRows) ? 0 : null;
  } catch {
    // A graph that fails on three rows is made for one, whatever its metadata says: run unbatched it may still work.
    return null;
  }
}

function trialInputs({ inputs }: SignatureClaim): Tensors | undefined {
  const tensors: Record<string, Tensor> = {};
  for (const { name, dtype, shape } of inputs) {
    const sizes = [trialRows, ...shape.slice(1)];
    if (!sizes.every((size) => typeof size === 'number')) return undefined;
    tensors[name] = { dtype, shape: sizes, data: allocateData(dtype, elementCount(sizes)) };
  }
  return tensors;
}
