import { setImmediate } from 'node:timers/promises';
import {
  closeable,
  FairleadError,
  type LoadedModel,
  type ModelSignature,
  messageOf,
  type Session,
  throwIfAborted,
} from '@fairlead/core';
import { readArtifacts } from './artifacts';
import { prepareDevice } from './engine';
import { loadGraphModel } from './graph-model';
import { loadLayersModel } from './layers-model';
import type { TfjsDevice } from './options';
import { settleSignature } from './signature';
import type { TfjsModel } from './tfjs-model';

/**
 * Creates a session in this thread on one device.
 * @throws FairleadError `MODEL_INVALID`, `UNSUPPORTED`, `ABORTED`; `BACKEND_UNAVAILABLE` when a package is missing, or
 * when the device does not run the model
 */
export async function openHere(
  device: TfjsDevice,
  model: LoadedModel,
  options: { readonly signal?: AbortSignal },
): Promise<Session> {
  const what = `Loading ${model.name}`;
  throwIfAborted(options.signal, what);
  const artifacts = readArtifacts(model);
  const tf = await prepareDevice(device);
  throwIfAborted(options.signal, what);
  const load = artifacts.kind === 'layers' ? loadLayersModel : loadGraphModel;
  const loaded = await load(tf, device, artifacts, model);
  try {
    throwIfAborted(options.signal, what);
    const signature = await settleSignature(loaded, model.name, device);
    throwIfAborted(options.signal, what);
    return createSession(signature, loaded, model.name, device);
  } catch (error) {
    loaded.dispose();
    throw error;
  }
}

function createSession(signature: ModelSignature, model: TfjsModel, modelName: string, device: TfjsDevice): Session {
  let closed = false;
  let inFlight = 0;
  let drained: (() => void) | undefined;
  const release = closeable(async () => {
    if (inFlight > 0) {
      await new Promise<void>((resolve) => {
        drained = resolve;
      });
    }
    model.dispose();
  });
  const close = (): Promise<void> => {
    closed = true;
    return release.close();
  };
  return {
    ...signature,
    device,
    // Whoever chose the device knows which ones it came after.
    fallbacks: [],
    concurrency: 1,
    async doRun(inputs, options) {
      if (closed) throw new FairleadError('CLOSED', `The session of ${modelName} was closed. Open another one.`);
      throwIfAborted(options.signal, 'The batch');
      inFlight++;
      try {
        // The run itself lets nobody else in; without a turn of the event loop between two of them no timer would fire.
        await setImmediate();
        throwIfAborted(options.signal, 'The batch');
        return await model.compute(inputs);
      } catch (cause) {
        if (FairleadError.isInstance(cause)) throw cause;
        throw new FairleadError('RUN_FAILED', `${modelName} failed on ${device}: ${messageOf(cause)}`, {
          cause,
          details: { device, model: modelName },
        });
      } finally {
        if (--inFlight === 0) drained?.();
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
