import { createHash } from 'node:crypto';
import { throwIfAborted } from '@fairlead/core';

/** So much is hashed in one turn of the event loop: a millisecond or two. */
const sliceBytes = 2 ** 20;

/**
 * SHA-256 of a model's bytes as lower-case hex, a slice at a time: the platform's `crypto.subtle` computes elsewhere, but
 * copies the whole model first, and holds up the event loop for it.
 * @throws FairleadError `ABORTED`
 */
export async function digestOf(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for (let start = 0; start < bytes.byteLength; start += sliceBytes) {
    if (start > 0) await new Promise((resolve) => setImmediate(resolve));
    throwIfAborted(signal, 'Reading the model');
    hash.update(bytes.subarray(start, start + sliceBytes));
  }
  return hash.digest('hex');
}
