import { FairleadError, messageOf } from '@fairlead/core';
import { probeJspi } from '../devices/webassembly';
import type { OnnxDevice } from './options';

/** The builds of onnxruntime-web: on the GPU two, of which the one by JSPI is the smaller. */
export type RuntimeVariant = 'wasm' | 'webgpu' | 'jspi';

/** Digests of files by their names, as Subresource Integrity writes them: `sha384-…`. */
export type Integrity = Readonly<Record<string, string>>;

/** The WebAssembly of each variant, under the names that it has in `onnxruntime-web/dist`. */
const wasmFiles = {
  wasm: 'ort-wasm-simd-threaded.wasm',
  webgpu: 'ort-wasm-simd-threaded.asyncify.wasm',
  jspi: 'ort-wasm-simd-threaded.jspi.wasm',
} as const satisfies Record<RuntimeVariant, string>;

/** Those of onnxruntime-web 1.30.0, as npm has it. */
export const publishedIntegrity: Readonly<Record<(typeof wasmFiles)[RuntimeVariant], string>> = {
  'ort-wasm-simd-threaded.wasm': 'sha384-vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM',
  'ort-wasm-simd-threaded.asyncify.wasm': 'sha384-EPVDLTxuO663dkZO/pcKJF6vOyyfq/5z9FY1oksN0UWFX2ABH4wDDZQHeNoUleWR',
  'ort-wasm-simd-threaded.jspi.wasm': 'sha384-bMP/XSpH5FjIIaVnUc1eR3cDsGZGdO1ZPjcHGEtvMwOgZZFcOEN8VrGooR81HSFO',
};

/** The files that a device may need, depending on the browser. */
export function filesOf(device: OnnxDevice): readonly string[] {
  return device === 'wasm' ? [wasmFiles.wasm] : [wasmFiles.webgpu, wasmFiles.jspi];
}

/** The variant that runs a device in this browser, of those that the page has. */
export function variantFor(device: OnnxDevice, has: (variant: RuntimeVariant) => boolean): RuntimeVariant {
  return device === 'webgpu' && probeJspi().available && has('jspi') ? 'jspi' : device;
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
 * @param folder ends in a slash; undefined for where the bundler put the file
 * @param integrity what the file must be, if it is to be checked
 * @throws FairleadError `DIGEST_MISMATCH` when it is another one, `BACKEND_UNAVAILABLE` when it cannot be fetched
 */
export async function wasmSettingOf(
  variant: RuntimeVariant,
  folder: string | undefined,
  integrity: Integrity | undefined,
): Promise<WasmSetting> {
  if (folder === undefined) return {};
  const file = wasmFiles[variant];
  const wasm = folder + file;
  if (integrity === undefined) return { wasmPaths: { wasm } };
  return { wasmBinary: await fetchChecked(wasm, file, integrity[file] ?? '') };
}

async function fetchChecked(url: string, file: string, integrity: string): Promise<ArrayBuffer> {
  try {
    const response = await fetch(url, { integrity });
    if (!response.ok) throw unreachable(url, `status ${response.status}`);
    return await response.arrayBuffer();
  } catch (error) {
    if (FairleadError.isInstance(error)) throw error;
    // A browser tells a page neither that bytes were others nor that there were none, so it is asked once more.
    if (!(await answers(url))) throw unreachable(url, messageOf(error), error);
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

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

function unreachable(url: string, given: string, cause?: unknown): FairleadError {
  return new FairleadError(
    'BACKEND_UNAVAILABLE',
    `${url} could not be fetched (${given}). Check that \`wasmPaths\` names the folder of onnxruntime-web's .wasm files, that its server allows this page's origin (CORS), and that \`connect-src\` of the Content-Security-Policy does.`,
    { cause, details: { field: 'wasmPaths', expected: 'a folder with the files of onnxruntime-web/dist', given } },
  );
}
