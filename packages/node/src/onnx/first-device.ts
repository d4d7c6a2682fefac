import { type CallOptions, FairleadError, messageOf, type Session, throwIfAborted } from '@fairlead/core';
import type { OnnxDevice, OnnxSettings } from './options';
import { probeDevice } from './probe';

/**
 * Opens a session on the first device that works; it tells of every one before it.
 *
 * @param open opens it on one device; `BACKEND_UNAVAILABLE` out of it means that the next device may do
 * @throws FairleadError `BACKEND_UNAVAILABLE` with every reason when none works, `ABORTED`, whatever else `open` throws
 */
export async function openOnFirstDevice(
  settings: OnnxSettings,
  options: CallOptions,
  open: (device: OnnxDevice) => Promise<Session>,
): Promise<Session> {
  const refusals: { readonly from: OnnxDevice; readonly reason: string }[] = [];
  for (const device of settings.devices) {
    const verdict = await probeDevice(device, settings.deviceId);
    throwIfAborted(options.signal, 'Opening a session');
    if (!verdict.usable) {
      refusals.push({ from: device, reason: verdict.reason });
      continue;
    }
    try {
      const session = await open(device);
      return { ...session, fallbacks: refusals.map((refusal) => ({ ...refusal, to: device })) };
    } catch (error) {
      // What the CPU lacks is the runtime itself, and no other device has that.
      if (device === 'cpu' || !FairleadError.isInstance(error, 'BACKEND_UNAVAILABLE')) throw error;
      refusals.push({ from: device, reason: messageOf(error) });
    }
  }
  const reasons = refusals.map(({ from, reason }) => `${from}: ${reason}`).join('; ');
  const list = [...settings.devices, 'cpu'].map((name) => `'${name}'`).join(', ');
  throw new FairleadError(
    'BACKEND_UNAVAILABLE',
    `No device that was asked for works here (${reasons}). To fall back to the CPU, ask for device: [${list}].`,
    { details: { field: 'device', expected: 'a device that works here', given: settings.devices.join(', ') } },
  );
}
