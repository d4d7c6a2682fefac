import { probeWebGpu } from '../devices/webgpu';
import type { DeviceFacts } from './choose-variant';

/** Finds out what this device can do. Never throws: what cannot be asked is taken not to be there. */
export async function deviceFacts(devices: readonly ('webgpu' | 'wasm')[]): Promise<DeviceFacts> {
  const { navigator } = globalThis as {
    navigator?: { deviceMemory?: number; hardwareConcurrency?: number; storage?: Partial<StorageManager> };
  };
  const adapter = devices.includes('webgpu') ? await usableAdapter() : undefined;
  // The first device that can be had, as the backend takes it.
  const device = devices.find((name) => name === 'wasm' || adapter !== undefined) ?? 'wasm';
  const { vendor = '', architecture = '' } = adapter ?? {};
  const shaderF16 = adapter?.shaderF16.available ?? false;
  const threads = navigator?.hardwareConcurrency ?? 1;
  const { quota, usage = 0 } = (await navigator?.storage?.estimate?.().catch(() => undefined)) ?? {};
  return {
    device,
    shaderF16: device === 'webgpu' && shaderF16,
    memoryGiB: navigator?.deviceMemory,
    storageBytes: quota === undefined ? undefined : Math.max(0, quota - usage),
    label: device === 'wasm' ? `wasm ${threads}` : `webgpu ${vendor} ${architecture}${shaderF16 ? ' f16' : ''}`,
  };
}

/** The adapter that the backend would take; where there is none, the backend asks again, and tells why. */
async function usableAdapter() {
  const adapter = await probeWebGpu();
  return adapter.available && !adapter.software ? adapter : undefined;
}
