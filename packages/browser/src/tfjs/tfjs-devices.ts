import type { Support } from '@fairlead/core';
import { type DeviceProbe, probeDevice as probeOnnxDevice } from '../onnx/devices';
import { parseOnnxOptions } from '../onnx/options';
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
): Promise<DeviceProbe> {
  if (device === 'cpu') return { available: true };
  if (device === 'wasm') return probeWebAssembly();
  if (device === 'webgpu') return probeOnnxDevice('webgpu', parseOnnxOptions({ allowSoftwareAdapter }));
  return probeWebGl(allowSoftwareAdapter);
}

/** TensorFlow.js has a variant without SIMD too. */
function probeWebAssembly(): DeviceProbe {
  if (typeof globalThis.WebAssembly === 'object') return { available: true };
  return unavailable('there is no WebAssembly here; it may be disabled in the browser');
}

function probeWebGl(allowSoftwareAdapter: boolean): DeviceProbe {
  let context: WebGL2RenderingContext | null;
  try {
    context = (canvas()?.getContext('webgl2') ?? null) as WebGL2RenderingContext | null;
  } catch (error) {
    return unavailable(`WebGL refused to start: ${String(error)}`);
  }
  if (context === null) {
    return unavailable('the browser has no WebGL 2 for this machine; it may be disabled, or its driver blocked');
  }
  const renderer = rendererOf(context);
  context.getExtension('WEBGL_lose_context')?.loseContext();
  if (!allowSoftwareAdapter && softwareNames.test(renderer)) {
    return unavailable(`WebGL is emulated on the CPU (${renderer}); set allowSoftwareAdapter to use it all the same`);
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

function unavailable(reason: string): DeviceProbe {
  return { available: false, reason };
}
