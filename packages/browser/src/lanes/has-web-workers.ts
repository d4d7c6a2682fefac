/** Whether this thread can start Web Workers. On Node, onnxruntime-web gives the name `Worker` to another class. */
export function hasWebWorkers(): boolean {
  const { Worker: found } = globalThis as { Worker?: { readonly prototype?: object } };
  return found?.prototype !== undefined && 'addEventListener' in found.prototype;
}
