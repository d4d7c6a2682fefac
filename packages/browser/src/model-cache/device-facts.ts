import { isSoftware } from '../onnx/devices';
import type { DeviceFacts } from './choose-variant';

/** Finds out what this device can do. Never throws: what cannot be asked is taken not to be there. */
export async function deviceFacts(devices: readonly ('webgpu' | 'wasm')[]): Promise<DeviceFacts> {
  const { navigator } = globalThis as {
    navigator?: { gpu?: GPU; deviceMemory?: number; hardwareConcurrency?: number; storage?: Partial<StorageManager> };
  };
  const adapter = devices.includes('webgpu') ? await adapterOf(navigator?.gpu) : undefined;
  // The first device that can be had, as the backend takes it.
  const device = devices.find((name) => name === 'wasm' || adapter !== undefined) ?? 'wasm';
  const { vendor = '', architecture = '' } = adapter?.info ?? {};
  const shaderF16 = adapter?.features.has('shader-f16') ?? false;
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

async function adapterOf(gpu: GPU | undefined): Promise<GPUAdapter | undefined> {
  try {
    const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
    return adapter === null || adapter === undefined || isSoftware(adapter) ? undefined : adapter;
  } catch {
    return undefined; // The backend asks again, and tells why.
  }
}
