import { parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { absoluteFolder } from '../onnx/options';

/**
 * Where TensorFlow.js computes: on the GPU by WebGPU or WebGL, on the CPU by WebAssembly, or in plain JavaScript, which is
 * slower and has every operator.
 */
export type TfjsDevice = 'webgpu' | 'webgl' | 'wasm' | 'cpu';

/** Options of `tfjs`. */
export interface TfjsOptions {
  /**
   * The devices to try, in order; the first that works and has every operator of the model is used, and every one before
   * it is reported as a fallback. One name alone means: this one or none.
   * @default ['webgpu', 'webgl', 'wasm', 'cpu']
   */
  readonly device?: TfjsDevice | readonly TfjsDevice[];
  /**
   * URL of a folder that holds the `.wasm` files of `@tensorflow/tfjs-backend-wasm/dist`, absolute or relative to the
   * page: for a CDN, or where no bundler places them.
   * @default beside the bundled code, where Vite and webpack put them
   */
  readonly wasmPaths?: string;
  /**
   * Whether WebGPU and WebGL may run on an adapter that is emulated on the CPU. It is far slower there than `wasm`.
   * @default false
   */
  readonly allowSoftwareAdapter?: boolean;
  /**
   * Largest model to download, in bytes, its weights included.
   * @default 1_073_741_824
   */
  readonly maxModelBytes?: number;
}

/** What `tfjs` runs on: options with their defaults, which a worker can be sent. */
export interface TfjsSettings {
  readonly devices: readonly TfjsDevice[];
  /** Absolute, with a slash at the end. */
  readonly wasmPaths: string | undefined;
  readonly allowSoftwareAdapter: boolean;
  readonly maxModelBytes: number;
}

const everyDevice: readonly TfjsDevice[] = ['webgpu', 'webgl', 'wasm', 'cpu'];
const isDevice = (value: unknown): value is TfjsDevice => (everyDevice as readonly unknown[]).includes(value);

const schema = z.strictObject({
  device: z.optional(
    z.custom<TfjsDevice | readonly TfjsDevice[]>(
      (value) => isDevice(value) || (Array.isArray(value) && value.length > 0 && value.every(isDevice)),
      '"webgpu", "webgl", "wasm", "cpu" or a list of them',
    ),
  ),
  wasmPaths: z.optional(z.custom<string>((value) => typeof value === 'string' && value !== '', 'the URL of a folder')),
  allowSoftwareAdapter: z.optional(z.boolean()),
  maxModelBytes: z.optional(z.int().check(z.minimum(1), z.maximum(Number.MAX_SAFE_INTEGER))),
});

/**
 * Parses the options of `tfjs`.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseTfjsOptions(options: TfjsOptions): TfjsSettings {
  const parsed = parseOptions(schema, options, 'tfjs');
  const wanted = parsed.device ?? everyDevice;
  return {
    devices: [...new Set(typeof wanted === 'string' ? [wanted] : wanted)],
    wasmPaths: parsed.wasmPaths === undefined ? undefined : absoluteFolder(parsed.wasmPaths),
    allowSoftwareAdapter: parsed.allowSoftwareAdapter ?? false,
    maxModelBytes: parsed.maxModelBytes ?? 2 ** 30,
  };
}
