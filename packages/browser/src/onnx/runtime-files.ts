import { FairleadError, messageOf } from '@fairlead/core';
import { probeJspi } from '../devices/webassembly';

/** The builds of onnxruntime-web: on the GPU two, of which the one by JSPI is the smaller. */
export type RuntimeVariant = 'wasm' | 'webgpu' | 'jspi';

/** What `OnnxDevice` names. */
type Device = Exclude<RuntimeVariant, 'jspi'>;

/** Digests of files by their names, as Subresource Integrity writes them: `sha384-…`. */
export type Integrity = Readonly<Record<string, string>>;

/** The WebAssembly of each variant, under the names that it has in `onnxruntime-web/dist`. */
const wasmFiles = {
  wasm: 'ort-wasm-simd-threaded.wasm',
  webgpu: 'ort-wasm-simd-threaded.asyncify.wasm',
  jspi: 'ort-wasm-simd-threaded.jspi.wasm',
} as const satisfies Record<RuntimeVariant, string>;

/** Those of onnxruntime-web 1.30.0, as npm has it: its WebAssembly, and the scripts that import maps name. */
export const publishedIntegrity: Integrity = {
  'ort-wasm-simd-threaded.wasm': 'sha384-vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM',
  'ort-wasm-simd-threaded.asyncify.wasm': 'sha384-EPVDLTxuO663dkZO/pcKJF6vOyyfq/5z9FY1oksN0UWFX2ABH4wDDZQHeNoUleWR',
  'ort-wasm-simd-threaded.jspi.wasm': 'sha384-bMP/XSpH5FjIIaVnUc1eR3cDsGZGdO1ZPjcHGEtvMwOgZZFcOEN8VrGooR81HSFO',
  'ort.wasm.bundle.min.mjs': 'sha384-PLWz+nHEVHpjwBsO0YVdvQj6n5814Iv8E3b8FG0Rp/uIAtjFMCKOpP66iPzedrIG',
  'ort.webgpu.bundle.min.mjs': 'sha384-1ntMeyj+z5diX6vBR5h+zlJBPc4iNvhCxE6nlammh8daBYcLBZkzrwDkuJjhwI+f',
  'ort.jspi.bundle.min.mjs': 'sha384-9RUgRCKe1ziB7Sof69RRpoybxSmnC67IsfHFamx/k+9m39GbvHvw5Sets/Xpsro+',
};

/** The files that a device may need, depending on the browser. */
export function filesOf(device: Device): readonly string[] {
  return device === 'wasm' ? [wasmFiles.wasm] : [wasmFiles.webgpu, wasmFiles.jspi];
}

/** The variant that runs a device in this browser, of those that the page has. */
export function variantFor(device: Device, has: (variant: RuntimeVariant) => boolean): RuntimeVariant {
  return device === 'webgpu' && probeJspi().available && has('jspi') ? 'jspi' : device;
}

/** Where a variant's files lie, and what they must be. */
export interface FileSources {
  /** Ends in a slash; undefined for beside the script. */
  readonly folder: string | undefined;
  /** The script of the variant; undefined where it is one of a bundler's chunks. */
  readonly module: string | undefined;
  /** Undefined where nothing is checked. */
  readonly integrity: Integrity | undefined;
}

/** What onnxruntime-web is told of its WebAssembly: nothing, where it lies, or the checked bytes themselves. */
export interface WasmSetting {
  readonly wasmPaths?: { readonly wasm: string };
  readonly wasmBinary?: ArrayBuffer;
}

/**
 * Where a variant's WebAssembly comes from. Only that is taken from `folder`: the JavaScript beside it is in the page's own
 * scripts already, so that none from elsewhere runs.
 *
 * @throws FairleadError `DIGEST_MISMATCH` when it is another file, `BACKEND_UNAVAILABLE` when it cannot be fetched,
 * `INVALID_OPTION` when `integrity` does not know it
 */
export async function wasmSettingOf(
  variant: RuntimeVariant,
  { folder, module, integrity }: FileSources,
): Promise<WasmSetting> {
  const file = wasmFiles[variant];
  if (integrity !== undefined) {
    const url = new URL(file, folder ?? module).href;
    return { wasmBinary: await fetchChecked(url, integrity) };
  }
  return folder === undefined ? {} : { wasmPaths: { wasm: folder + file } };
}

/**
 * Checks a variant's script before it is imported, where there is something to check it by. A worker has no import map, so
 * the browser would not; the import that follows takes the checked file from the browser's cache.
 *
 * @throws FairleadError as {@link wasmSettingOf} does
 */
export async function checkModule({ module, integrity }: FileSources): Promise<void> {
  if (module !== undefined && integrity !== undefined) await fetchChecked(module, integrity);
}

async function fetchChecked(url: string, known: Integrity): Promise<ArrayBuffer> {
  const file = new URL(url).pathname.split('/').at(-1) ?? '';
  const integrity = known[file];
  // A browser takes an empty digest for none.
  if (integrity === undefined) throw unknownFile(file);
  try {
    const response = await fetch(url, { integrity });
    if (!response.ok) throw unreachable(url, `status ${response.status}`);
    return await response.arrayBuffer();
  } catch (error) {
    if (FairleadError.isInstance(error)) throw error;
    // A browser does not tell other bytes from none, nor from an error's, so it is asked once more.
    const status = await statusOf(url);
    if (status !== 200) throw unreachable(url, status === undefined ? messageOf(error) : `status ${status}`, error);
    throw new FairleadError(
      'DIGEST_MISMATCH',
      `${url} is not the file it should be (${integrity}), so it was not run. Serve ${file} of onnxruntime-web 1.30.0 unchanged, or give the digest of your own build in \`integrity\`.`,
      {
        cause: error,
        details: { field: `integrity.${file}`, expected: integrity, given: 'a file with another digest' },
      },
    );
  }
}

async function statusOf(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
}

/** The error of a file that is to be checked, by a digest that nobody gave. */
export function unknownFile(file: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `onnx: integrity has no digest of ${file}. Add it: "sha384-" and what \`openssl dgst -sha384 -binary ${file} | base64\` says.`,
    { details: { field: `integrity.${file}`, expected: 'sha384-…', given: 'nothing' } },
  );
}

function unreachable(url: string, given: string, cause?: unknown): FairleadError {
  return new FairleadError(
    'BACKEND_UNAVAILABLE',
    `${url} could not be fetched (${given}). Check that \`wasmPaths\` names the folder of onnxruntime-web's .wasm files, that its server allows this page's origin (CORS), and that \`connect-src\` of the Content-Security-Policy does.`,
    { cause, details: { field: 'wasmPaths', expected: 'a folder with the files of onnxruntime-web/dist', given } },
  );
}
