import { systemClock } from '../clock';

/** Bytes ready for the post to a worker; the original stays where it is. */
export interface PostableBytes {
  readonly bytes: Uint8Array;
  /** What moves with the message; empty where the memory is shared. */
  readonly transfer: readonly ArrayBuffer[];
}

/** Below this a copy takes less than what it would save. */
const largeBytes = 2 ** 20;
/** So much is copied in one turn of the event loop: about a millisecond, with memory that was never touched before. */
const sliceBytes = 2 ** 20;

/** Copies that are being made, or wait to be posted, by what they are copies of. */
const copies = new WeakMap<Uint8Array, { readonly copy: Promise<Uint8Array>; users: number }>();

/**
 * Copies a model's bytes for a worker. A large model is copied a slice at a time, so that the event loop is never held up,
 * and once for all lanes that are opened at the same time, where the platform has shared memory.
 *
 * @param defer lets a turn of the event loop pass
 */
export async function copyForWorker(
  bytes: Uint8Array,
  defer: (callback: () => void) => void = systemClock.defer,
): Promise<PostableBytes> {
  if (bytes.byteLength < largeBytes) {
    const copy = new Uint8Array(bytes);
    return { bytes: copy, transfer: [copy.buffer] };
  }
  if (typeof SharedArrayBuffer !== 'function') {
    const copy = await copySlowly(bytes, new ArrayBuffer(bytes.byteLength), defer);
    return { bytes: copy, transfer: [copy.buffer] };
  }
  let entry = copies.get(bytes);
  if (entry === undefined) {
    entry = { copy: copySlowly(bytes, new SharedArrayBuffer(bytes.byteLength), defer), users: 0 };
    copies.set(bytes, entry);
  }
  entry.users++;
  try {
    return { bytes: await entry.copy, transfer: [] };
  } finally {
    // Whoever has it posts it at once, and the message holds on to the memory.
    if (--entry.users === 0) copies.delete(bytes);
  }
}

/** Bytes of a message as a runtime takes them: no runtime loads a model from shared memory. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes);
}

async function copySlowly<B extends ArrayBufferLike>(
  bytes: Uint8Array,
  memory: B,
  defer: (callback: () => void) => void,
): Promise<Uint8Array<B>> {
  const copy = new Uint8Array(memory);
  for (let start = 0; start < bytes.byteLength; start += sliceBytes) {
    if (start > 0) await new Promise<void>((resolve) => defer(resolve));
    copy.set(bytes.subarray(start, start + sliceBytes), start);
  }
  return copy;
}
