import { type Feature, missing } from './feature';
import { probeIsolation, probeJspi, probeSimd, probeThreads, probeWebAssembly } from './webassembly';
import { probeWebGpu, type WebGpuFacts } from './webgpu';

/** What this browser can compute with. Plain data: each feature is there, with its facts, or is not, with a reason in words. */
export interface DeviceReport {
  /** The WebGPU adapter: what it is, and its limits. */
  readonly webgpu: Feature<WebGpuFacts>;
  readonly webassembly: Feature;
  /** WebAssembly's SIMD instructions, without which onnxruntime-web does not start. */
  readonly simd: Feature;
  /** Several threads of WebAssembly: shared memory in a page that is cross-origin isolated. */
  readonly threads: Feature;
  /** WebAssembly that waits for promises, by which the WebGPU runtime is smaller. */
  readonly jspi: Feature;
  /** Logical cores, as far as the browser tells the truth. */
  readonly cores: Feature<{ readonly logical: number }>;
  /** Memory, rounded by the browser: a hint. */
  readonly memory: Feature<{ readonly gibibytes: number }>;
  /** A page over HTTPS or from localhost: others have no WebGPU, no Cache API and no OPFS. */
  readonly secureContext: Feature;
  /** COOP and COEP headers, which threads need. */
  readonly crossOriginIsolated: Feature;
}

/**
 * Finds out what this thread's browser can compute with. Never throws, fetches nothing, creates no GPU device; on a
 * server it says what is missing there.
 */
export async function detectDevices(): Promise<DeviceReport> {
  const { navigator, isSecureContext } = globalThis as {
    navigator?: { deviceMemory?: number; hardwareConcurrency?: number };
    isSecureContext?: boolean;
  };
  const { deviceMemory: gibibytes, hardwareConcurrency: logical } = navigator ?? {};
  return {
    webgpu: await probeWebGpu(),
    webassembly: probeWebAssembly(),
    simd: probeSimd(),
    threads: probeThreads(),
    jspi: probeJspi(),
    cores:
      logical === undefined ? missing('there is no navigator.hardwareConcurrency here') : { available: true, logical },
    memory:
      gibibytes === undefined
        ? missing('there is no navigator.deviceMemory here; Firefox and Safari do not tell, nor do insecure pages')
        : { available: true, gibibytes },
    secureContext:
      isSecureContext === true ? { available: true } : missing('the page is neither over HTTPS nor from localhost'),
    crossOriginIsolated: probeIsolation(),
  };
}
