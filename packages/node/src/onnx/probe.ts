import type { OnnxDevice } from './options';
import { tryDevice } from './trial';

/** Whether a device computes here. */
export type Verdict = { readonly usable: true } | { readonly usable: false; readonly reason: string };

const verdicts = new Map<string, Promise<Verdict>>();

/**
 * Whether a device computes here: tried once in this thread, in a child process. The CPU always does.
 *
 * @param deviceId counts for `cuda` only
 */
export function probeDevice(device: OnnxDevice, deviceId: number): Promise<Verdict> {
  if (device === 'cpu') return Promise.resolve({ usable: true });
  const key = device === 'cuda' ? `cuda:${deviceId}` : device;
  let verdict = verdicts.get(key);
  if (verdict === undefined) {
    verdict = judge(device, deviceId);
    verdicts.set(key, verdict);
  }
  return verdict;
}

async function judge(device: OnnxDevice, deviceId: number): Promise<Verdict> {
  const trial = await tryDevice(device, deviceId);
  if (trial.usable) return { usable: true };
  return { usable: false, reason: `${trial.reason}; \`npx @fairlead/node doctor\` says what mends it` };
}
