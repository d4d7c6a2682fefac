/** The `.wasm` files of TensorFlow.js: without SIMD, with it, and with threads besides, which are never used. */
const files = {
  plain: 'tfjs-backend-wasm.wasm',
  simd: 'tfjs-backend-wasm-simd.wasm',
  threads: 'tfjs-backend-wasm-threaded-simd.wasm',
} as const;

/** webpack knows this name, and leaves out what is not for it. */
declare const __webpack_require__: unknown;

/**
 * Where each of the `.wasm` files lies, as TensorFlow.js takes it.
 * @param folder where somebody put them; else they are where a bundler puts them
 */
export function wasmFiles(folder: string | undefined): Readonly<Record<string, string>> {
  const [plain, simd] = folder === undefined ? bundled() : [folder + files.plain, folder + files.simd];
  return { [files.plain]: plain, [files.simd]: simd, [files.threads]: simd };
}

/** Bundlers look for these very words. */
function bundled(): readonly [plain: string, simd: string] {
  if (typeof __webpack_require__ === 'function') return [forWebpack(''), forWebpack('-simd')];
  return [
    new URL('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm', import.meta.url).href,
    new URL('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm', import.meta.url).href,
  ];
}

/**
 * webpack breaks off where a file is missing that is named in one piece, which it is for those who only run ONNX models.
 * Of one that is put together, inside `try`, it only warns.
 */
function forWebpack(variant: string): string {
  try {
    // It puts an address, and no URL, in the place of these words.
    return String(
      new URL('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm'.concat(variant, '.wasm'), import.meta.url),
    );
  } catch {
    // The package is not there, and has said so when it was imported.
    return '';
  }
}
