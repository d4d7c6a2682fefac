import type { Session } from '../backend';
import { FairleadError, messageOf, throwIfAborted } from '../errors';
import { type CallOptions, closeable } from '../lifecycle';
import type { LoadedModel } from '../model-source';
import type { ModelSignature } from '../signature';
import { readArtifacts } from './artifacts';
import { loadGraphModel } from './graph-model';
import { loadLayersModel } from './layers-model';
import type { TfjsDevice, TfjsPlatform } from './packages';
import { settleSignature } from './signature';
import type { TfjsModel } from './tfjs-model';

/**
 * Creates a session in this thread on one device.
 * @throws FairleadError `MODEL_INVALID`, `UNSUPPORTED`, `ABORTED`; `BACKEND_UNAVAILABLE` when a package is missing, or
 * when the device does not run the model
 */
export async function openTfjsSession(
  platform: TfjsPlatform,
  device: TfjsDevice,
  model: LoadedModel,
  options: CallOptions,
): Promise<Session> {
  const what = `Loading ${model.name}`;
  throwIfAborted(options.signal, what);
  const artifacts = readArtifacts(model);
  const tf = await platform.prepareDevice(device);
  throwIfAborted(options.signal, what);
  const load = artifacts.kind === 'layers' ? loadLayersModel : loadGraphModel;
  const loaded = await load(platform, tf, device, artifacts, model);
  const watched: TfjsModel = {
    ...loaded,
    compute: (inputs) => platform.watch?.(tf, device, () => loaded.compute(inputs)) ?? loaded.compute(inputs),
  };
  try {
    throwIfAborted(options.signal, what);
    const signature = await settleSignature(watched, model.name, device);
    throwIfAborted(options.signal, what);
    return createSession(platform, signature, watched, model.name, device);
  } catch (error) {
    loaded.dispose();
    throw error;
  }
}

function createSession(
  platform: TfjsPlatform,
  signature: ModelSignature,
  model: TfjsModel,
  modelName: string,
  device: TfjsDevice,
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
        return await platform.inTurn(() => model.compute(inputs), options.signal);
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
