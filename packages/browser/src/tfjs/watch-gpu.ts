import { FairleadError } from '@fairlead/core';
import type { Tensorflow } from '@fairlead/core/tfjs';
import { eventLoopTurn } from './event-loop-turn';
import type { TfjsDevice } from './options';

/*
 * A GPU that is lost, or that refuses a program, answers zeros, and says what went wrong elsewhere. TensorFlow.js does not
 * look there, so that a model would go on answering nonsense.
 */

/** What its backend for WebGPU holds. */
interface WebGpuBackend {
  readonly device: Pick<GPUDevice, 'lost' | 'pushErrorScope' | 'popErrorScope'>;
}

/** What its backend for WebGL holds. */
interface WebGlBackend {
  readonly gpgpu: { readonly gl: Pick<WebGL2RenderingContext, 'canvas' | 'isContextLost'> };
}

/** Called once with the error when a GPU is gone, and with it every model on it. */
export type OnGpuLost = (error: FairleadError) => void;

interface Loss {
  error?: FairleadError;
}

/** Asked once each: a GPU that works never answers, and a context that came back has lost what was in it. */
const losses = new WeakMap<object, Loss>();

/**
 * Does the work of one run, and looks afterwards whether the GPU really did it.
 * @throws FairleadError `RUN_FAILED` when it did not
 */
export function watchGpu<T>(
  tf: Pick<Tensorflow, 'findBackend'>,
  device: TfjsDevice,
  work: () => Promise<T>,
  onLost: OnGpuLost,
): Promise<T> {
  if (device === 'webgpu') return watchWebGpu(tf.findBackend(device) as unknown as WebGpuBackend, work, onLost);
  if (device === 'webgl') return watchWebGl(tf.findBackend(device) as unknown as WebGlBackend, work, onLost);
  return work();
}

async function watchWebGpu<T>({ device }: WebGpuBackend, work: () => Promise<T>, onLost: OnGpuLost): Promise<T> {
  const loss = lossOf(device, (tell) => {
    void device.lost.then(({ message, reason }) => onLost(tell('webgpu', message || reason)));
  });
  if (loss.error !== undefined) throw loss.error;
  device.pushErrorScope('out-of-memory');
  device.pushErrorScope('validation');
  const [outcome] = await Promise.allSettled([work()]);
  const pop = (): Promise<GPUError | null> => device.popErrorScope().catch(() => null); // Of a GPU that is lost.
  const refusals = (await Promise.all([pop(), pop()])).filter((refusal) => refusal !== null);
  // What a loss breaks off may be told of before the loss itself.
  if (outcome.status === 'rejected') await eventLoopTurn();
  if (loss.error !== undefined) throw loss.error;
  if (outcome.status === 'rejected') throw outcome.reason;
  const [refusal] = refusals;
  if (refusal === undefined) return outcome.value;
  throw new FairleadError('RUN_FAILED', `The GPU refused a part of the model: ${refusal.message}`, {
    details: { device: 'webgpu', given: refusal.message },
  });
}

async function watchWebGl<T>({ gpgpu: { gl } }: WebGlBackend, work: () => Promise<T>, onLost: OnGpuLost): Promise<T> {
  const loss = lossOf(gl, (tell) => {
    const listen = (): void => onLost(tell('webgl', 'its context was lost'));
    gl.canvas.addEventListener('webglcontextlost', listen, { once: true });
    if (gl.isContextLost()) listen();
  });
  if (loss.error !== undefined) throw loss.error;
  const [outcome] = await Promise.allSettled([work()]);
  // The event may come after what it tells of.
  if (gl.isContextLost()) await eventLoopTurn();
  if (loss.error !== undefined) throw loss.error;
  if (outcome.status === 'rejected') throw outcome.reason;
  return outcome.value;
}

function lossOf(gpu: object, subscribe: (tell: (device: TfjsDevice, reason: string) => FairleadError) => void): Loss {
  const known = losses.get(gpu);
  if (known !== undefined) return known;
  const loss: Loss = {};
  losses.set(gpu, loss);
  subscribe((device, reason) => {
    loss.error ??= new FairleadError(
      'RUN_FAILED',
      `The GPU was lost (${reason.replace(/\.$/, '')}), and with it every model on it. A worker lane ends and starts anew; in the page itself, create a runner in worker lanes or load the page again.`,
      { details: { device, given: reason } },
    );
    return loss.error;
  });
  return loss;
}
