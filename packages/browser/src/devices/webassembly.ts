import { type Feature, missing } from './feature';

/** A module with one SIMD instruction: engines without SIMD refuse it. */
const simdModule = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/** A module with a shared memory: engines without threads refuse it. */
const sharedMemoryModule = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 5, 4, 1, 3, 1, 1]);

/** Whether there is WebAssembly, which every device of `onnx()` needs. */
export function probeWebAssembly(): Feature {
  return typeof globalThis.WebAssembly === 'object'
    ? { available: true }
    : missing('there is no WebAssembly here; it may be disabled in the browser');
}

/** Whether WebAssembly has SIMD instructions of a fixed width, which onnxruntime-web needs. */
export function probeSimd(): Feature {
  const wasm = probeWebAssembly();
  if (!wasm.available) return wasm;
  return validates(simdModule, 'this WebAssembly has no SIMD instructions; use a newer browser');
}

/** Whether WebAssembly may run on several threads: by shared memory, which only isolated pages have. */
export function probeThreads(): Feature {
  const wasm = probeWebAssembly();
  if (!wasm.available) return wasm;
  const isolated = probeIsolation();
  if (!isolated.available) return isolated;
  if (typeof SharedArrayBuffer === 'undefined') return missing('there is no SharedArrayBuffer here');
  return validates(sharedMemoryModule, 'this WebAssembly has no shared memory; use a newer browser');
}

/** Whether the page is cross-origin isolated. */
export function probeIsolation(): Feature {
  return (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true
    ? { available: true }
    : missing('threads need a page that is cross-origin isolated (COOP and COEP headers)');
}

/** Whether WebAssembly can wait for a promise (JSPI), which makes the WebGPU runtime a third smaller to download. */
export function probeJspi(): Feature {
  const wasm = probeWebAssembly();
  if (!wasm.available) return wasm;
  return 'Suspending' in WebAssembly && 'promising' in WebAssembly
    ? { available: true }
    : missing('this WebAssembly has no JSPI (WebAssembly.Suspending)');
}

function validates(module: Uint8Array<ArrayBuffer>, reason: string): Feature {
  try {
    return WebAssembly.validate(module) ? { available: true } : missing(reason);
  } catch (error) {
    return missing(`WebAssembly refused to start: ${String(error)}`);
  }
}
