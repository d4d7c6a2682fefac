import type { Session } from '../backend';
import { FairleadError, messageOf, throwIfAborted } from '../errors';
import type { CallOptions } from '../lifecycle';
import type { TfjsDevice } from './packages';

/**
 * Opens a session on the first device that works; it tells of every one before it.
 *
 * @param open opens it on one device; `BACKEND_UNAVAILABLE` out of it means that the next device may do
 * @throws FairleadError `BACKEND_UNAVAILABLE` with every reason when none works, `ABORTED`, whatever else `open` throws
 */
export async function openOnFirstDevice<Device extends TfjsDevice>(
  devices: readonly Device[],
  options: CallOptions,
  open: (device: Device) => Promise<Session>,
): Promise<Session> {
  const refusals: { readonly from: Device; readonly error: FairleadError }[] = [];
  for (const device of devices) {
    throwIfAborted(options.signal, 'Opening a session');
    try {
      const session = await open(device);
      const fallbacks = refusals.map(({ from, error }) => ({ from, to: device, reason: messageOf(error) }));
      return { ...session, fallbacks: [...fallbacks, ...session.fallbacks] };
    } catch (error) {
      if (!FairleadError.isInstance(error, 'BACKEND_UNAVAILABLE')) throw error;
      refusals.push({ from: device, error });
    }
  }
  const [first] = refusals.map(({ error }) => error) as [FairleadError];
  // What several devices lack is a package, and its absence is told once.
  if (devices.length > 1 && refusals.every(({ error }) => error.message === first.message)) throw first;
  const reasons = refusals.map(({ from, error }) => `${from}: ${error.message}`).join('; ');
  const all: TfjsDevice[] = [...devices];
  const withCpu = [...all, 'cpu'].map((device) => `'${device}'`).join(', ');
  const advice = all.includes('cpu') ? '' : ` To fall back to plain JavaScript, ask for device: [${withCpu}].`;
  throw new FairleadError('BACKEND_UNAVAILABLE', `No device that was asked for works here (${reasons}).${advice}`, {
    cause: first,
    details: { field: 'device', expected: 'a device that works here', given: devices.join(', ') },
  });
}
