import type { OnnxDevice, OnnxSettings } from './options';

/** Whether a device can be had, and if not, why. */
export type DeviceProbe = { readonly available: true } | { readonly available: false; readonly reason: string };

/** A module with one SIMD instruction: engines without SIMD refuse it. */
const simdModule = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/** Words that the adapters that run on the CPU have in their description. */
const softwareNames = /swiftshader|llvmpipe|softpipe|lavapipe|basic render|software/i;

/** Whether a device can be had in this thread. Fetches nothing and never throws. */
export function probeDevice(device: OnnxDevice, settings: OnnxSettings): Promise<DeviceProbe> {
  return device === 'webgpu' ? probeWebGpu(settings.allowSoftwareAdapter) : Promise.resolve(probeWasm());
}

function probeWasm(): DeviceProbe {
  const wasm = globalThis.WebAssembly as typeof WebAssembly | undefined;
  if (wasm === undefined) return unavailable('there is no WebAssembly here; it may be disabled in the browser');
  try {
    if (wasm.validate(simdModule)) return { available: true };
    return unavailable('this WebAssembly has no SIMD instructions; use a newer browser');
  } catch (error) {
    return unavailable(`WebAssembly refused to start: ${String(error)}`);
  }
}

async function probeWebGpu(allowSoftwareAdapter: boolean): Promise<DeviceProbe> {
  const wasm = probeWasm();
  if (!wasm.available) return wasm;
  const { navigator, isSecureContext } = globalThis as { navigator?: { gpu?: GPU }; isSecureContext?: boolean };
  const gpu = navigator?.gpu;
  if (gpu === undefined) {
    return unavailable(
      isSecureContext === false ? 'WebGPU needs a page over HTTPS or from localhost' : 'there is no navigator.gpu here',
    );
  }
  let adapter: GPUAdapter | null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  } catch (error) {
    return unavailable(`requestAdapter failed: ${String(error)}`);
  }
  if (adapter === null) return unavailable('the browser has no WebGPU adapter for this machine');
  if (!allowSoftwareAdapter && isSoftware(adapter)) {
    return unavailable('the WebGPU adapter is emulated on the CPU; set allowSoftwareAdapter to use it all the same');
  }
  return { available: true };
}

/** Whether an adapter is emulated on the CPU. */
export function isSoftware(adapter: GPUAdapter): boolean {
  // Older browsers have the flag on the adapter itself.
  if ((adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter) return true;
  const info = adapter.info as GPUAdapterInfo | undefined;
  if (info === undefined) return false;
  return info.isFallbackAdapter || softwareNames.test(`${info.vendor} ${info.architecture} ${info.description}`);
}

function unavailable(reason: string): DeviceProbe {
  return { available: false, reason };
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
  const scope = globalThis as { crossOriginIsolated?: boolean; navigator?: { hardwareConcurrency?: number } };
  const obstacle =
    place === 'inline'
      ? 'threads need a worker lane, and this session runs inline'
      : scope.crossOriginIsolated !== true
        ? 'threads need a page that is cross-origin isolated (COOP and COEP headers)'
        : undefined;
  if (obstacle !== undefined)
    return asked === undefined || asked === 1 ? { threads: 1 } : { threads: 1, reason: obstacle };
  const half = Math.floor((scope.navigator?.hardwareConcurrency ?? 2) / 2);
  return { threads: asked ?? Math.max(1, Math.min(4, half)) };
}
