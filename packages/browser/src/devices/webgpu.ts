import { type Feature, missing } from './feature';

/** What is known of a WebGPU adapter. */
export interface WebGpuFacts {
  /** Whether it is emulated on the CPU, where WebAssembly is far faster. */
  readonly software: boolean;
  /** Who made the GPU, such as `nvidia`; empty where the browser does not tell. */
  readonly vendor: string;
  /** Its family, such as `ampere`; empty where the browser does not tell. */
  readonly architecture: string;
  /** Words of the driver, which most browsers hide; then empty. */
  readonly description: string;
  /** Whether its shaders compute with float16, which a model of float16 needs. */
  readonly shaderF16: Feature;
  /** Bytes of the largest buffer, and so of the largest weight or tensor. */
  readonly maxBufferSize: number;
  /** Bytes of a buffer that one shader can see at once. */
  readonly maxStorageBufferBindingSize: number;
}

/** Words that the adapters that run on the CPU have in their description. */
const softwareNames = /swiftshader|llvmpipe|softpipe|lavapipe|basic render|software/i;

/** What the adapter can do that a model would compute on. Never throws, and makes no device. */
export async function probeWebGpu(): Promise<Feature<WebGpuFacts>> {
  const { navigator, isSecureContext } = globalThis as { navigator?: { gpu?: GPU }; isSecureContext?: boolean };
  const gpu = navigator?.gpu;
  if (gpu === undefined) {
    return missing(
      isSecureContext === false ? 'WebGPU needs a page over HTTPS or from localhost' : 'there is no navigator.gpu here',
    );
  }
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter === null) return missing('the browser has no WebGPU adapter for this machine');
    return { available: true, ...factsOf(adapter) };
  } catch (error) {
    return missing(`requestAdapter failed: ${String(error)}`);
  }
}

/** Browsers have had parts of an adapter's facts at different times, so each may be missing. */
type KnownAdapter = Partial<Pick<GPUAdapter, 'info' | 'features' | 'limits'>> & {
  readonly isFallbackAdapter?: boolean;
};

function factsOf({ info, features, limits, isFallbackAdapter }: KnownAdapter): WebGpuFacts {
  const { vendor = '', architecture = '', description = '' }: Partial<GPUAdapterInfo> = info ?? {};
  return {
    software:
      isFallbackAdapter === true ||
      info?.isFallbackAdapter === true ||
      softwareNames.test(`${vendor} ${architecture} ${description}`),
    vendor,
    architecture,
    description,
    shaderF16: features?.has('shader-f16')
      ? { available: true }
      : missing('the WebGPU adapter has no shader-f16, so its shaders do not compute with float16'),
    // What the standard gives to every adapter.
    maxBufferSize: limits?.maxBufferSize ?? 2 ** 28,
    maxStorageBufferBindingSize: limits?.maxStorageBufferBindingSize ?? 2 ** 27,
  };
}
