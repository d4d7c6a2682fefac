import { type CallOptions, type DeviceFallback, FairleadError, type LoadedModel, type Session } from '@fairlead/core';
import { openOnFirstDevice, openTfjsSession, type TfjsPlatform } from '@fairlead/core/tfjs';
import { SerialQueue } from '../onnx/serial-queue';
import { prepareDevice } from './engine';
import { eventLoopTurn } from './event-loop-turn';
import type { TfjsDevice, TfjsSettings } from './options';
import { loadPackage } from './runtime';
import { probeDevice } from './tfjs-devices';
import { type OnGpuLost, watchGpu } from './watch-gpu';

/** What a session is made of. */
export interface SessionRequest {
  readonly model: LoadedModel;
  readonly settings: TfjsSettings;
  readonly onGpuLost: OnGpuLost;
}

/** TensorFlow.js has one engine a thread, so everything that is asked of it goes through here, whatever the session. */
const queue = new SerialQueue();

/**
 * Creates a session in this thread, on the first device that works.
 * @throws FairleadError `MODEL_INVALID`, `UNSUPPORTED`, `BACKEND_UNAVAILABLE`, `ABORTED`
 */
export function createTfjsSession(request: SessionRequest, options: CallOptions): Promise<Session> {
  const { settings } = request;
  const open = (device: TfjsDevice): Promise<Session> => openOn(device, request, options);
  return queue.run(() => openOnFirstDevice(settings.devices, options, open), options.signal);
}

async function openOn(
  device: TfjsDevice,
  { model, settings, onGpuLost }: SessionRequest,
  options: CallOptions,
): Promise<Session> {
  const probe = await probeDevice(device, settings);
  if (!probe.available) throw new FairleadError('BACKEND_UNAVAILABLE', probe.reason);
  const platform: TfjsPlatform = {
    loadPackage,
    prepareDevice: (wanted) => prepareDevice(wanted, settings),
    inTurn: (work, signal) =>
      queue.run(async () => {
        await eventLoopTurn();
        return work();
      }, signal),
    watch: (tf, computing, work) => watchGpu(tf, computing, work, onGpuLost),
  };
  const session = await openTfjsSession(platform, device, model, options);
  return { ...session, fallbacks: await shortcomingsOf(device) };
}

/** Phones may have no GPU that writes numbers of 32 bits by WebGL. */
async function shortcomingsOf(device: TfjsDevice): Promise<readonly DeviceFallback[]> {
  if (device !== 'webgl' || (await loadPackage('core')).env().getBool('WEBGL_RENDER_FLOAT32_ENABLED')) return [];
  const reason = 'this GPU keeps numbers in 16 bits, so that answers agree with other devices to about 1e-3';
  return [{ from: 'webgl in float32', to: 'webgl', reason }];
}
