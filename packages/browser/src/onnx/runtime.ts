import { FairleadError, messageOf } from '@fairlead/core';
import type * as Ort from 'onnxruntime-web';
import type { OnnxDevice } from './options';
import {
  checkModule,
  type FileSources,
  type Integrity,
  type RuntimeVariant,
  variantFor,
  wasmSettingOf,
} from './runtime-files';
import type { RuntimeModules } from './runtime-modules';
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
  readonly integrity: Integrity | undefined;
  /** Where the variants lie, in a worker that no bundler made. */
  readonly modules: RuntimeModules | undefined;
}

interface Loaded {
  readonly configuration: string;
  readonly runtime: Promise<Runtime>;
}

/** Each variant is a chunk of its own, so that a page fetches only the one that it runs. */
const variants: Readonly<Record<RuntimeVariant, () => Promise<typeof Ort>>> = {
  wasm: () => import('onnxruntime-web/wasm'),
  webgpu: () => import('onnxruntime-web/webgpu'),
  jspi: () => import('onnxruntime-web/jspi'),
};

/** onnxruntime-web keeps its state in module variables, so there is one runtime of a variant in a thread. */
const loaded = new Map<OnnxDevice, Loaded>();

/**
 * Loads the variant of onnxruntime-web that a device needs; a second call gives the same one.
 * @throws FairleadError `BACKEND_UNAVAILABLE` when the package cannot be loaded, `CONFLICT` when this thread runs it
 * with other settings already
 */
export function loadRuntime(device: OnnxDevice, settings: RuntimeSettings): Promise<Runtime> {
  const { threads, wasmPaths, integrity } = settings;
  const configuration = JSON.stringify({ threads, wasmPaths, integrity });
  const known = loaded.get(device);
  if (known !== undefined) {
    if (known.configuration === configuration) return known.runtime;
    throw new FairleadError(
      'CONFLICT',
      `This thread runs onnxruntime-web with ${known.configuration} already, and it takes no other settings once loaded. Give every inline onnx() the same threads, wasmPaths and integrity, or run in worker lanes.`,
      { details: { field: 'threads, wasmPaths, integrity', expected: known.configuration, given: configuration } },
    );
  }
  const runtime = start(device, settings).catch((error: unknown) => {
    loaded.delete(device);
    if (FairleadError.isInstance(error)) throw error;
    throw new FairleadError(
      'BACKEND_UNAVAILABLE',
      `onnxruntime-web/${device} could not be loaded (${messageOf(error)}). Install it with \`npm install onnxruntime-web@1.30.0\`, and check that the page can fetch its own chunks; without a bundler, name it in the import map.`,
      { cause: error, details: { field: 'onnxruntime-web', expected: 'version 1.30.0', given: messageOf(error) } },
    );
  });
  loaded.set(device, { configuration, runtime });
  return runtime;
}

async function start(device: OnnxDevice, settings: RuntimeSettings): Promise<Runtime> {
  const { threads, wasmPaths: folder, integrity, modules } = settings;
  const variant = variantFor(device, (name) => modules === undefined || modules[name] !== undefined);
  const sources: FileSources = { folder, module: modules?.[variant], integrity };
  // Both are large, so they are fetched at the same time.
  const [ort, wasm] = await Promise.all([importVariant(variant, sources), wasmSettingOf(variant, sources)]);
  Object.assign(ort.env.wasm, wasm, { numThreads: threads });
  // What it warns of, such as a graph's unused initialisers, is nothing that a page's visitor can act on.
  ort.env.logLevel = 'error';
  return { ort, queue: new SerialQueue() };
}

async function importVariant(variant: RuntimeVariant, sources: FileSources): Promise<typeof Ort> {
  const { module } = sources;
  if (module === undefined) return variants[variant]();
  await checkModule(sources);
  return import(/* @vite-ignore */ /* webpackIgnore: true */ module);
}
