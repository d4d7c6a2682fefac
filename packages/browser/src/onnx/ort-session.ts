import { FairleadError, type LoadedModel, messageOf, type Tensors } from '@fairlead/core';
import type * as Ort from 'onnxruntime-web';
import type { Runtime } from './runtime';
import { fromOrt, toOrt } from './tensors';

/** A session of the runtime, of which everything is asked in the runtime's turn. */
export interface OrtSession {
  readonly inputMetadata: Ort.InferenceSession['inputMetadata'];
  readonly outputMetadata: Ort.InferenceSession['outputMetadata'];
  run(inputs: Tensors, signal?: AbortSignal): Promise<Tensors>;
  release(): Promise<void>;
  /** Resolves when it can compute nothing more, with why. */
  readonly lost: Promise<FairleadError>;
}

/** What a session of the runtime may compute on, by the runtime's own names. */
type Provider = 'webgpu' | 'wasm';

/**
 * Opens a model. After a run that failed on WebGPU, onnxruntime-web 1.30.0 never answers the next one; so the session is
 * then released and opened again, before anybody else has his turn.
 */
export async function openOrtSession(
  { ort, queue }: Runtime,
  provider: Provider,
  { bytes, name }: LoadedModel,
  signal?: AbortSignal,
): Promise<OrtSession> {
  // The runtime would drop an unusable device with a line in the console, so it is asked for one at a time.
  const open = () => ort.InferenceSession.create(bytes, { executionProviders: [provider] });
  let tellLoss: (error: FairleadError) => void = () => undefined;
  const lost = new Promise<FairleadError>((resolve) => {
    tellLoss = resolve;
  });
  let loss: FairleadError | undefined;
  const lose = (why: string, reason: 'device' | 'run'): void => {
    loss ??= new FairleadError('LANE_LOST', `${name} ${why}.`, { details: { device: provider, reason } });
    tellLoss(loss);
  };
  /** The runtime makes its device with its first session, and destroys it with its last. */
  const followDevice = async (): Promise<void> => {
    if (provider !== 'webgpu') return;
    const gpu = (await ort.env.webgpu.device) as GPUDevice | undefined;
    void gpu?.lost.then(({ reason, message }) => {
      if (reason !== 'destroyed')
        lose(`lost its GPU (${message === '' ? 'the browser does not say why' : message})`, 'device');
    });
  };

  let session = await queue.run(open, signal);
  await followDevice();

  const reopen = async (): Promise<void> => {
    try {
      await session.release();
      session = await open();
      await followDevice();
    } catch (error) {
      lose(`could not be opened again after a run on ${provider} had failed: ${messageOf(error)}`, 'run');
    }
  };

  return {
    inputMetadata: session.inputMetadata,
    outputMetadata: session.outputMetadata,
    lost,
    run: (inputs, signal) =>
      queue.run(async () => {
        if (loss !== undefined) throw loss;
        try {
          return fromOrt(await session.run(toOrt(ort, inputs)));
        } catch (error) {
          if (provider === 'webgpu') await reopen();
          throw loss ?? error;
        }
      }, signal),
    release: () => queue.run(() => session.release()),
  };
}
