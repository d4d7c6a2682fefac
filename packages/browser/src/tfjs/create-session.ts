import { type CallOptions, FairleadError, type LoadedModel, type Session } from '@fairlead/core';
import { openOnFirstDevice, openTfjsSession, type TfjsPlatform } from '@fairlead/core/tfjs';
import { SerialQueue } from '../onnx/serial-queue';
import { probeDevice } from './devices';
import { prepareDevice } from './engine';
import { eventLoopTurn } from './event-loop-turn';
import type { TfjsDevice, TfjsSettings } from './options';
import { loadPackage } from './runtime';

/** TensorFlow.js has one engine a thread, so everything that is asked of it goes through here, whatever the session. */
const queue = new SerialQueue();

/**
 * Creates a session in this thread, on the first device that works.
 * @throws FairleadError `MODEL_INVALID`, `UNSUPPORTED`, `BACKEND_UNAVAILABLE`, `ABORTED`
 */
export function createSession(model: LoadedModel, settings: TfjsSettings, options: CallOptions): Promise<Session> {
  const platform: TfjsPlatform = {
    loadPackage,
    prepareDevice: (device) => prepareDevice(device, settings),
    inTurn: (work, signal) =>
      queue.run(async () => {
        await eventLoopTurn();
        return work();
      }, signal),
  };
  return queue.run(
    () =>
      openOnFirstDevice(settings.devices, options, async (device: TfjsDevice) => {
        const probe = await probeDevice(device, settings);
        if (!probe.available) throw new FairleadError('BACKEND_UNAVAILABLE', probe.reason);
        return openTfjsSession(platform, device, model, options);
      }),
    options.signal,
  );
}
