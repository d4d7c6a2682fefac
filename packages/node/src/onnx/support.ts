import { messageOf, type Support } from '@fairlead/core';
import type { OnnxSettings } from './options';
import { probeDevice } from './probe';
import { loadRuntime } from './runtime';

/** Which of the devices that were asked for work here. */
export async function supportOf(settings: OnnxSettings): Promise<Support> {
  try {
    await loadRuntime();
  } catch (error) {
    return { supported: false, reason: messageOf(error) };
  }
  const devices: string[] = [];
  const reasons: string[] = [];
  for (const device of settings.devices) {
    const verdict = await probeDevice(device, settings.deviceId);
    if (verdict.usable) devices.push(device);
    else reasons.push(`${device}: ${verdict.reason}`);
  }
  return devices.length > 0 ? { supported: true, devices } : { supported: false, reason: reasons.join('; ') };
}
