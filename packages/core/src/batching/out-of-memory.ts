import { FairleadError, messageOf } from '../errors';

/** What runtimes say when an allocation fails: onnxruntime's arenas, CUDA, WebGPU, WebAssembly and V8. */
const saysOutOfMemory =
  /out of memory|out-of-memory|\boom\b|bad_alloc|failed to allocate|allocation failed|cannot allocate|alloc_failed|not enough memory|array buffer allocation/i;

/**
 * Whether a batch failed because there was no memory for it, so that a smaller one may pass. A backend that knows says so
 * by `details.outOfMemory: true`; of others the message is read.
 */
export function isOutOfMemory(error: unknown): boolean {
  if (!FairleadError.isInstance(error)) return saysOutOfMemory.test(messageOf(error));
  if (typeof error.details.outOfMemory === 'boolean') return error.details.outOfMemory;
  return (
    error.code === 'RUN_FAILED' && (saysOutOfMemory.test(error.message) || saysOutOfMemory.test(String(error.cause)))
  );
}
