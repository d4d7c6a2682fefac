import type { Support } from '@fairlead/core';
import { type Feature, missing } from '../devices/feature';
import { probeWebAssembly } from '../devices/webassembly';
import { probeWebGpu } from '../devices/webgpu';
import type { TfjsDevice, TfjsSettings } from './options';

/** Words that the renderers that run on the CPU have in their name. */
const softwareNames = /swiftshader|llvmpipe|softpipe|lavapipe|basic render|software/i;

/** Which of the devices that were asked for can be had in this thread. Never throws. */
export async function supportOf(settings: TfjsSettings): Promise<Support> {
  const devices: string[] = [];
  const reasons: string[] = [];
  for (const device of settings.devices) {
    const probe = await probeDevice(device, settings);
    if (probe.available) devices.push(device);
    else reasons.push(`${device}: ${probe.reason}`);
  }
  return devices.length > 0 ? { supported: true, devices } : { supported: false, reason: reasons.join('; ') };
}

/** Whether a device can be had in this thread. Fetches nothing and never throws. */
export async function probeDevice(
  device: TfjsDevice,
  { allowSoftwareAdapter }: Pick<TfjsSettings, 'allowSoftwareAdapter'>,
): Promise<Feature> {
  if (device === 'cpu') return { available: true };
  // TensorFlow.js has a variant without SIMD too.
  if (device === 'wasm') return probeWebAssembly();
  if (device === 'webgpu') return probeAdapter(allowSoftwareAdapter);
  return probeWebGl(allowSoftwareAdapter);
}

async function probeAdapter(allowSoftwareAdapter: boolean): Promise<Feature> {
  const adapter = await probeWebGpu();
  if (!adapter.available || allowSoftwareAdapter || !adapter.software) return adapter;
  return missing('the WebGPU adapter is emulated on the CPU; set allowSoftwareAdapter to use it all the same');
}

function probeWebGl(allowSoftwareAdapter: boolean): Feature {
  let context: WebGL2RenderingContext | null;
  try {
    context = (canvas()?.getContext('webgl2') ?? null) as WebGL2RenderingContext | null;
  } catch (error) {
    return missing(`WebGL refused to start: ${String(error)}`);
  }
  if (context === null) {
    return missing('the browser has no WebGL 2 for this machine; it may be disabled, or its driver blocked');
  }
  const renderer = rendererOf(context);
  context.getExtension('WEBGL_lose_context')?.loseContext();
  if (!allowSoftwareAdapter && softwareNames.test(renderer)) {
    return missing(`WebGL is emulated on the CPU (${renderer}); set allowSoftwareAdapter to use it all the same`);
  }
  return { available: true };
}

function canvas(): OffscreenCanvas | HTMLCanvasElement | undefined {
  const scope = globalThis as { OffscreenCanvas?: typeof OffscreenCanvas; document?: Document };
  if (scope.OffscreenCanvas !== undefined) return new scope.OffscreenCanvas(1, 1);
  return scope.document?.createElement('canvas');
}

/** Its name as the driver has it, or a general one where the browser hides it. */
function rendererOf(context: WebGL2RenderingContext): string {
  const info = context.getExtension('WEBGL_debug_renderer_info');
  return String(context.getParameter(info === null ? context.RENDERER : info.UNMASKED_RENDERER_WEBGL));
}
