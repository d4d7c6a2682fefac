import { FairleadError, systemClock } from '@fairlead/core';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { grown } from '../model/fetch-bytes';
import { type SizeLimit, type Target, tooLarge } from '../model/fetch-failures';

/** Hashing so many bytes takes a page a few milliseconds. */
const hashSliceBytes = 2 ** 20;
const startBytes = 64 * 1024;

/** Bytes that come in, and their SHA-256, which is ready when the last of them is here. */
export interface IncomingBytes {
  readonly size: number;
  /** What is here; it becomes invalid when more comes. */
  view(): Uint8Array;
  /** Makes room, so that the bytes need not move later. */
  expect(total: number): void;
  append(bytes: Uint8Array): void;
  /** As `append`, for what is too much to hash at once. */
  appendLarge(bytes: Uint8Array): Promise<void>;
  /** Forgets everything. */
  reset(): void;
  /** SHA-256 of what is here, lower-case hex. */
  digest(): string;
  /** All bytes, in a buffer of just their size. */
  take(): Uint8Array;
}

/** Makes room for a file. Its methods throw `LIMIT_EXCEEDED` for more than the limit, or than the memory holds. */
export function createIncomingBytes(target: Target, limit: SizeLimit): IncomingBytes {
  let buffer = new Uint8Array(0);
  let size = 0;
  let hash = sha256.create();

  const reserve = (capacity: number): void => {
    if (capacity <= buffer.length) return;
    try {
      buffer = grown(buffer, size, capacity);
    } catch (cause) {
      throw new FairleadError(
        'LIMIT_EXCEEDED',
        `${target.shown} does not fit into memory (${capacity} bytes). Use a smaller variant.`,
        { cause, details: { field: 'model', expected: 'a file that fits into memory', given: `${capacity} bytes` } },
      );
    }
  };
  const place = (bytes: Uint8Array): void => {
    const end = size + bytes.length;
    if (end > limit.maxBytes) throw tooLarge(target, limit, `${end} bytes or more`);
    if (end > buffer.length) reserve(Math.min(limit.maxBytes, Math.max(end, buffer.length * 2, startBytes)));
    buffer.set(bytes, size);
    size = end;
  };

  return {
    get size() {
      return size;
    },
    view: () => buffer.subarray(0, size),
    expect(total) {
      if (total > limit.maxBytes) throw tooLarge(target, limit, `${total} bytes`);
      reserve(total);
    },
    append(bytes) {
      place(bytes);
      hash.update(bytes);
    },
    async appendLarge(bytes) {
      place(bytes);
      for (let start = 0; start < bytes.length; start += hashSliceBytes) {
        hash.update(bytes.subarray(start, start + hashSliceBytes));
        await new Promise<void>((resolve) => systemClock.defer(resolve)); // The page may draw in between.
      }
    },
    reset() {
      size = 0;
      hash = sha256.create();
    },
    digest: () => bytesToHex(hash.clone().digest()),
    take: () => (size === buffer.length ? buffer : buffer.slice(0, size)),
  };
}
