/** The `.wasm` files of TensorFlow.js: with SIMD, without, and with threads, which are never used. */
const files = {
  plain: 'tfjs-backend-wasm.wasm',
  simd: 'tfjs-backend-wasm-simd.wasm',
  threads: 'tfjs-backend-wasm-threaded-simd.wasm',
} as const;

/** Where each of the `.wasm` files lies, as TensorFlow.js takes it; undefined where no bundler has placed them. */
export function wasmFiles(folder: string | undefined): Record<string, string> | undefined {
  if (folder !== undefined) return Object.fromEntries(Object.values(files).map((file) => [file, folder + file]));
  // Bundlers look for these very words, and inside `try` they only warn of a package that is not installed.
  try {
    const simd = new URL('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm', import.meta.url).href;
    return {
      [files.plain]: new URL('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm', import.meta.url).href,
      [files.simd]: simd,
      [files.threads]: simd,
    };
  } catch {
    return undefined;
  }
}
