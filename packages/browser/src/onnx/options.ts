import { FairleadError, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { hasWebWorkers } from '../lanes/lane-host';
import { filesOf, type Integrity, publishedIntegrity, unknownFile } from './runtime-files';
import { mappedModules, type RuntimeModules } from './runtime-modules';

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
   * URL of a folder that holds the `.wasm` files of onnxruntime-web's `dist`, absolute or relative to the page: for a CDN,
   * or a folder of your own. Its JavaScript is not taken from there.
   * @default beside the code, where Vite and webpack put them
   */
  readonly wasmPaths?: string;
  /**
   * Whether a file from `wasmPaths`, or one that the page's import map names, is checked before it runs: `true` by the
   * digests of onnxruntime-web 1.30.0, which Fairlead knows, or by digests of your own,
   * `{ 'ort-wasm-simd-threaded.wasm': 'sha384-…' }`, for every file that the devices may need. Another file fails with
   * `DIGEST_MISMATCH`. A checked file is compiled only once it is whole.
   * @default true where such a file lies on another origin than the page, else false
   */
  readonly integrity?: boolean | Integrity;
  /**
   * Whether WebGPU may run on an adapter that is emulated on the CPU. It is far slower there than `wasm`.
   * @default false
   */
  readonly allowSoftwareAdapter?: boolean;
  /**
   * Largest model to download, in bytes. WebAssembly addresses 4 GiB at most, and a model needs its size several times
   * over while it loads.
   * @default 1_073_741_824
   */
  readonly maxModelBytes?: number;
}

/** What `onnx` runs on: options with their defaults, which a worker can be sent. */
export interface OnnxSettings {
  readonly devices: readonly OnnxDevice[];
  /** Undefined where the page decides. */
  readonly threads: number | undefined;
  /** Absolute, with a slash at the end. */
  readonly wasmPaths: string | undefined;
  /** Undefined where nothing is checked. */
  readonly integrity: Integrity | undefined;
  /** Undefined where a bundler, or the page's import map, finds the runtime. */
  readonly modules: RuntimeModules | undefined;
  readonly allowSoftwareAdapter: boolean;
  readonly maxModelBytes: number;
}

const isDevice = (value: unknown): value is OnnxDevice => value === 'webgpu' || value === 'wasm';
const digest = /^sha(256|384|512)-[A-Za-z0-9+/]{43,86}={0,2}$/;
const isIntegrity = (value: unknown): value is Integrity =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((entry) => typeof entry === 'string' && digest.test(entry));
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
  integrity: z.optional(
    z.custom<boolean | Integrity>(
      (value) => typeof value === 'boolean' || isIntegrity(value),
      'true, false or digests by file name such as "sha384-…"',
    ),
  ),
  allowSoftwareAdapter: z.optional(z.boolean()),
  maxModelBytes: z.optional(wholeNumber(Number.MAX_SAFE_INTEGER)),
});

const gibibyte = 2 ** 30;

/**
 * Parses the options of `onnx`.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseOnnxOptions(options: OnnxOptions): OnnxSettings {
  const parsed = parseOptions(schema, options, 'onnx');
  const wanted = parsed.device ?? ['webgpu', 'wasm'];
  const devices = [...new Set(typeof wanted === 'string' ? [wanted] : wanted)];
  const wasmPaths = parsed.wasmPaths === undefined ? undefined : absoluteFolder(parsed.wasmPaths);
  // On a server nothing is looked up.
  const modules = hasWebWorkers() ? mappedModules() : undefined;
  return {
    devices,
    threads: parsed.threads,
    wasmPaths,
    modules,
    integrity: integrityOf(parsed.integrity, { devices, wasmPaths, modules }),
    allowSoftwareAdapter: parsed.allowSoftwareAdapter ?? false,
    maxModelBytes: parsed.maxModelBytes ?? gibibyte,
  };
}

/** What the runtime's files are checked by: what was asked for, else the published digests for files of another origin. */
function integrityOf(
  given: boolean | Integrity | undefined,
  { devices, wasmPaths, modules }: Pick<OnnxSettings, 'devices' | 'wasmPaths' | 'modules'>,
): Integrity | undefined {
  const places = [...(wasmPaths === undefined ? [] : [wasmPaths]), ...Object.values(modules ?? {})];
  const wanted = given ?? places.some(isForeign);
  if (wanted === false) return undefined;
  if (places.length === 0) {
    throw new FairleadError(
      'INVALID_OPTION',
      'onnx: integrity is given without wasmPaths. What a bundler places beside the code is as trusted as the code; to check it all the same, name its folder in wasmPaths.',
      { details: { field: 'integrity', expected: 'wasmPaths beside it', given: 'no wasmPaths' } },
    );
  }
  if (wanted === true) return publishedIntegrity;
  const absent = devices.flatMap(filesOf).find((file) => wanted[file] === undefined);
  if (absent !== undefined) throw unknownFile(absent);
  return wanted;
}

function isForeign(url: string): boolean {
  const page = pageUrl();
  return page !== undefined && new URL(url, page).origin !== new URL(page).origin;
}

/** A worker's own URL is another than the page's, so what is relative is resolved here, in the page. */
export function absoluteFolder(path: string): string {
  const folder = path.endsWith('/') ? path : `${path}/`;
  const base = pageUrl();
  return base === undefined ? folder : new URL(folder, base).href;
}

/** What relative URLs are relative to: the page's base, or the worker's own address; undefined on a server. */
export function pageUrl(): string | undefined {
  const scope = globalThis as { document?: { baseURI?: string }; location?: { href?: string } };
  return scope.document?.baseURI ?? scope.location?.href;
}
