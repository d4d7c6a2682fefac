import { FairleadError, messageOf } from '@fairlead/core';
import { createDevices, makeBackend, type Tensorflow } from '@fairlead/core/tfjs';
import type { TfjsDevice, TfjsSettings } from './options';
import { loadPackage } from './runtime';
import { wasmFiles } from './wasm-files';

/** What the engine of this thread is made with. */
export type EngineSettings = Pick<TfjsSettings, 'wasmPaths' | 'allowSoftwareAdapter'>;

let settings: EngineSettings = { wasmPaths: undefined, allowSoftwareAdapter: false };
const devices = createDevices(prepare);

/**
 * Makes a device of this thread's engine ready, once: later settings change nothing.
 * @throws FairleadError `BACKEND_UNAVAILABLE` when its package is missing or does not work here
 */
export function prepareDevice(device: TfjsDevice, given: EngineSettings): Promise<Tensorflow> {
  settings = given;
  return devices(device);
}

async function prepare(device: TfjsDevice): Promise<Tensorflow> {
  const { wasmPaths, allowSoftwareAdapter } = settings;
  const tf = await loadPackage('core');
  if (device === 'wasm') await setUpWasm(tf, wasmPaths);
  else await loadPackage(`backend-${device}`);
  // It refuses WebGL that is emulated, unless it is told otherwise.
  if (device === 'webgl' && allowSoftwareAdapter) tf.env().set('SOFTWARE_WEBGL_ENABLED', true);
  try {
    await makeBackend(tf, device);
  } catch (cause) {
    throw notStarted(device, cause);
  }
  return tf;
}

async function setUpWasm(tf: Tensorflow, wasmPaths: string | undefined): Promise<void> {
  const { setWasmPaths } = await loadPackage('backend-wasm');
  if (tf.engine().registry.wasm !== undefined) return;
  // Its threads are started from code in a blob, which a strict Content-Security-Policy forbids.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  try {
    setWasmPaths(wasmFiles(wasmPaths));
  } catch (cause) {
    throw notStarted('wasm', cause);
  }
}

function notStarted(device: TfjsDevice, cause: unknown): FairleadError {
  // Its WebAssembly throws plain objects.
  const given = messageOf((cause as { message?: unknown } | undefined)?.message ?? cause);
  const advice =
    device === 'wasm'
      ? " Check that the page can fetch its .wasm files, that `wasmPaths` is right, and that the Content-Security-Policy allows 'wasm-unsafe-eval'. The runtime remembers the failure, so the next try needs a new worker or a page that is loaded anew."
      : '';
  return new FairleadError('BACKEND_UNAVAILABLE', `TensorFlow.js did not start on ${device} (${given}).${advice}`, {
    cause,
    details: { device, given },
  });
}
