import type { Support } from '@fairlead/core';
import { probeDevice } from './devices';
import type { OnnxSettings } from './options';

/** Which of the devices that were asked for can be had in this thread. */
export async function supportOf(settings: OnnxSettings): Promise<Support> {
  const devices: string[] = [];
  const reasons: string[] = [];
  for (const device of settings.devices) {
    const probe = await probeDevice(device, settings);
    if (probe.available) devices.push(device);
    else reasons.push(`${device}: ${probe.reason}`);
  }
  return devices.length > 0 ? { supported: true, devices } : { supported: false, reason: reasons.join('; ') };
}
