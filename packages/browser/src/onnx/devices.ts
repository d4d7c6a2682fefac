import { type Feature, missing } from '../devices/feature';
import { probeIsolation, probeSimd } from '../devices/webassembly';
import { probeWebGpu, type WebGpuFacts } from '../devices/webgpu';
import type { OnnxDevice, OnnxSettings } from './options';

/** What a device is like; an adapter's facts where it is a GPU. */
export interface DeviceFacts {
  readonly adapter?: WebGpuFacts;
}

/** Whether a device can be had in this thread. Fetches nothing and never throws. */
export async function probeDevice(device: OnnxDevice, settings: OnnxSettings): Promise<Feature<DeviceFacts>> {
  // The runtime of both is WebAssembly with SIMD.
  const wasm = probeSimd();
  if (device === 'wasm' || !wasm.available) return wasm;
  const adapter = await probeWebGpu();
  if (!adapter.available) return adapter;
  if (!settings.allowSoftwareAdapter && adapter.software) {
    return missing('the WebGPU adapter is emulated on the CPU; set allowSoftwareAdapter to use it all the same');
  }
  return { available: true, adapter };
}

/** Where a session lives: in a worker that a lane host started, or in whatever thread created it. */
export type SessionPlace = 'lane' | 'inline';

/**
 * How many threads the `wasm` device gets, and why they are fewer than asked for, where they are.
 *
 * The runtime starts its threads from the script that it lies in. In a lane that is one made for it; in an app's own
 * bundle the script may pull in the whole app, which would then start once more in each thread, and never answer.
 */
export function threadsFor(
  asked: number | undefined,
  place: SessionPlace,
): { readonly threads: number; readonly reason?: string } {
  const isolation = probeIsolation();
  const obstacle =
    place === 'inline'
      ? 'threads need a worker lane, and this session runs inline'
      : isolation.available
        ? undefined
        : isolation.reason;
  if (obstacle !== undefined)
    return asked === undefined || asked === 1 ? { threads: 1 } : { threads: 1, reason: obstacle };
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } };
  const half = Math.floor((navigator?.hardwareConcurrency ?? 2) / 2);
  return { threads: asked ?? Math.max(1, Math.min(4, half)) };
}
