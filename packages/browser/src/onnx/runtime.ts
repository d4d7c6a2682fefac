import { FairleadError, messageOf } from '@fairlead/core';
import type * as Ort from 'onnxruntime-web';
import type { OnnxDevice } from './options';
import { SerialQueue } from './serial-queue';

/** onnxruntime-web for one device, loaded into this thread. */
export interface Runtime {
  readonly ort: typeof Ort;
  /** Everything that this thread asks of the runtime goes through here, whatever the session. */
  readonly queue: SerialQueue;
}

/** What onnxruntime-web reads once, when it starts. */
export interface RuntimeSettings {
  readonly threads: number;
  readonly wasmPaths: string | undefined;
}

interface Loaded {
  readonly configuration: string;
  readonly runtime: Promise<Runtime>;
}

/** Each variant is a chunk of its own, so that a page fetches only the one that it runs. */
const variants: Readonly<Record<OnnxDevice, () => Promise<typeof Ort>>> = {
  wasm: () => import('onnxruntime-web/wasm'),
  webgpu: () => import('onnxruntime-web/webgpu'),
};

/** onnxruntime-web keeps its state in module variables, so there is one runtime of a variant in a thread. */
const loaded = new Map<OnnxDevice, Loaded>();

/**
 * Loads the variant of onnxruntime-web that a device needs; a second call gives the same one.
 * @throws FairleadError `BACKEND_UNAVAILABLE` when the package cannot be loaded, `CONFLICT` when this thread runs it
 * with other settings already
 */
export function loadRuntime(device: OnnxDevice, { threads, wasmPaths }: RuntimeSettings): Promise<Runtime> {
  const configuration = JSON.stringify({ threads, wasmPaths });
  const known = loaded.get(device);
  if (known !== undefined) {
    if (known.configuration === configuration) return known.runtime;
    throw new FairleadError(
      'CONFLICT',
      `This thread runs onnxruntime-web with ${known.configuration} already, and it takes no other settings once loaded. Give every inline onnx() the same threads and wasmPaths, or run in worker lanes.`,
      { details: { field: 'threads, wasmPaths', expected: known.configuration, given: configuration } },
    );
  }
  const runtime = variants[device]().then(
    (ort) => {
      ort.env.wasm.numThreads = threads;
      if (wasmPaths !== undefined) ort.env.wasm.wasmPaths = wasmPaths;
      // What it warns of, such as a graph's unused initialisers, is nothing that a page's visitor can act on.
      ort.env.logLevel = 'error';
      return { ort, queue: new SerialQueue() };
    },
    (error: unknown) => {
      loaded.delete(device);
      throw new FairleadError(
        'BACKEND_UNAVAILABLE',
        `onnxruntime-web/${device} could not be loaded (${messageOf(error)}). Install it with \`npm install onnxruntime-web@1.30.0\`, and check that the page can fetch its own chunks.`,
        { cause: error, details: { field: 'onnxruntime-web', expected: 'version 1.30.0', given: messageOf(error) } },
      );
    },
  );
  loaded.set(device, { configuration, runtime });
  return runtime;
}
