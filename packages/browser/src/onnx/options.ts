import { parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { type RecoveryOptions, type RecoverySettings, recoveryFields, recoverySettings } from '../recovery/options';

/** Where onnxruntime-web computes: on the GPU by WebGPU, or on the CPU by WebAssembly. */
export type OnnxDevice = 'webgpu' | 'wasm';

/** Options of `onnx`. */
export interface OnnxOptions {
  /**
   * The devices to try, in order; the first that works is used, and every one before it is reported as a fallback. One
   * name alone means: this one or none.
   * @default ['webgpu', 'wasm']
   */
  readonly device?: OnnxDevice | readonly OnnxDevice[];
  /**
   * Threads of the `wasm` device, 1 to 64. More than one needs a worker lane in a page that is cross-origin isolated
   * (the headers `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`); elsewhere
   * one thread computes, and that is reported as a fallback when more were asked for.
   * @default half of the logical cores, 4 at most, in a lane of an isolated page; else 1
   */
  readonly threads?: number;
  /**
   * URL of a folder that holds the files of onnxruntime-web's `dist` (`.wasm` and `.mjs`), absolute or relative to the
   * page: for a CDN, or where no bundler places them.
   * @default beside the bundled code, where Vite and webpack put them
   */
  readonly wasmPaths?: string;
  /**
   * Whether WebGPU may run on an adapter that is emulated on the CPU. It is far slower there than `wasm`.
   * @default false
   */
  readonly allowSoftwareAdapter?: boolean;
  /**
   * Whether a GPU must prove itself on each model before it is used: on the golden rows that travel with the model, or,
   * where none do, on made-up rows that the CPU computes as well, for which the model is loaded twice for a moment. A GPU
   * that answers otherwise counts as one that could not be had.
   * @default true
   */
  readonly selfTest?: boolean;
  /**
   * Largest model to download, in bytes. WebAssembly addresses 4 GiB at most, and a model needs its size several times
   * over while it loads.
   * @default 1_073_741_824
   */
  readonly maxModelBytes?: number;
  /**
   * MiB of a worker, of its WebAssembly memory and its JavaScript heap, above which another worker takes its place, 16 to
   * 65536. WebAssembly never gives memory back. For a moment there are both.
   * @default 1024
   */
  readonly laneMemoryMb?: number;
  /** What happens when a device or a worker is lost. Worker lanes only. */
  readonly recovery?: RecoveryOptions;
}

/** What `onnx` runs on: options with their defaults, which a worker can be sent. */
export interface OnnxSettings {
  readonly devices: readonly OnnxDevice[];
  /** Undefined where the page decides. */
  readonly threads: number | undefined;
  /** Absolute, with a slash at the end. */
  readonly wasmPaths: string | undefined;
  readonly allowSoftwareAdapter: boolean;
  readonly selfTest: boolean;
  readonly maxModelBytes: number;
  readonly recovery: RecoverySettings;
}

const isDevice = (value: unknown): value is OnnxDevice => value === 'webgpu' || value === 'wasm';
const wholeNumber = (maximum: number) => z.int().check(z.minimum(1), z.maximum(maximum));

const schema = z.strictObject({
  device: z.optional(
    z.custom<OnnxDevice | readonly OnnxDevice[]>(
      (value) => isDevice(value) || (Array.isArray(value) && value.length > 0 && value.every(isDevice)),
      '"webgpu", "wasm" or a list of them',
    ),
  ),
  threads: z.optional(wholeNumber(64)),
  wasmPaths: z.optional(z.custom<string>((value) => typeof value === 'string' && value !== '', 'the URL of a folder')),
  allowSoftwareAdapter: z.optional(z.boolean()),
  selfTest: z.optional(z.boolean()),
  maxModelBytes: z.optional(wholeNumber(Number.MAX_SAFE_INTEGER)),
  ...recoveryFields,
});

const gibibyte = 2 ** 30;

/**
 * Parses the options of `onnx`.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseOnnxOptions(options: OnnxOptions): OnnxSettings {
  const parsed = parseOptions(schema, options, 'onnx');
  const wanted = parsed.device ?? ['webgpu', 'wasm'];
  return {
    devices: [...new Set(typeof wanted === 'string' ? [wanted] : wanted)],
    threads: parsed.threads,
    wasmPaths: parsed.wasmPaths === undefined ? undefined : absoluteFolder(parsed.wasmPaths),
    allowSoftwareAdapter: parsed.allowSoftwareAdapter ?? false,
    selfTest: parsed.selfTest ?? true,
    maxModelBytes: parsed.maxModelBytes ?? gibibyte,
    recovery: recoverySettings(parsed.recovery as RecoveryOptions | undefined, parsed.laneMemoryMb),
  };
}

/** A worker's own URL is another than the page's, so what is relative is resolved here, in the page. */
function absoluteFolder(path: string): string {
  const folder = path.endsWith('/') ? path : `${path}/`;
  const base = pageUrl();
  return base === undefined ? folder : new URL(folder, base).href;
}

/** What relative URLs are relative to: the page's base, or the worker's own address; undefined on a server. */
export function pageUrl(): string | undefined {
  const scope = globalThis as { document?: { baseURI?: string }; location?: { href?: string } };
  return scope.document?.baseURI ?? scope.location?.href;
}
