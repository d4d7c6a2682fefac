import { afterEach, describe, expect, test, vi } from 'vitest';
import { copyForWorker, ownBytes } from './model-bytes';

afterEach(() => vi.unstubAllGlobals());

function bytesOf(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1021) bytes[index] = index % 251;
  return bytes;
}

/** Turns of the event loop, which pass when the test says so. */
function turns(): { defer: (callback: () => void) => void; waiting: () => number; pass: () => Promise<void> } {
  const callbacks: (() => void)[] = [];
  return {
    defer: (callback) => void callbacks.push(callback),
    waiting: () => callbacks.length,
    async pass() {
      while (callbacks.length > 0) {
        callbacks.shift()?.();
        await new Promise(setImmediate);
      }
    },
  };
}

const mebibyte = 2 ** 20;

test('a small model is copied at once, into memory that moves', async () => {
  const original = bytesOf(5000);
  const { defer, waiting } = turns();
  const { bytes, transfer } = await copyForWorker(original, defer);
  expect(bytes).toEqual(original);
  expect(transfer).toEqual([bytes.buffer]);
  expect(bytes.buffer).not.toBe(original.buffer);
  expect(waiting()).toBe(0);
});

test('a view of a bigger buffer is copied alone', async () => {
  const original = bytesOf(5000).subarray(1021, 3000);
  const { bytes } = await copyForWorker(original);
  expect(bytes).toEqual(original);
  expect(bytes.buffer.byteLength).toBe(1979);
});

describe('a large model', () => {
  test('is copied by slices of 1 MiB, a turn of the event loop between them', async () => {
    const original = bytesOf(5 * mebibyte + 7);
    const { defer, waiting, pass } = turns();
    let done = false;
    const copying = copyForWorker(original, defer).then((copy) => {
      done = true;
      return copy;
    });
    await new Promise(setImmediate);
    expect([waiting(), done]).toEqual([1, false]);
    await pass();
    const { bytes, transfer } = await copying;
    expect(Buffer.compare(bytes, original)).toBe(0);
    expect(transfer).toEqual([]);
    expect(bytes.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  test('is copied once for all that want it at the same time, and anew for who comes later', async () => {
    const original = bytesOf(3 * mebibyte);
    const { defer, pass } = turns();
    const all = Promise.all([copyForWorker(original, defer), copyForWorker(original, defer)]);
    await new Promise(setImmediate);
    const third = copyForWorker(original, defer);
    await pass();
    const [first, second] = await all;
    expect(second.bytes.buffer).toBe(first.bytes.buffer);
    expect((await third).bytes.buffer).toBe(first.bytes.buffer);
    const later = copyForWorker(original, defer);
    await pass();
    expect((await later).bytes.buffer).not.toBe(first.bytes.buffer);
  });

  test('moves, a copy for each, where memory cannot be shared', async () => {
    vi.stubGlobal('SharedArrayBuffer', undefined);
    const original = bytesOf(3 * mebibyte);
    const [first, second] = await Promise.all([copyForWorker(original), copyForWorker(original)]);
    for (const { bytes, transfer } of [first, second]) {
      expect(transfer).toEqual([bytes.buffer]);
      expect(Buffer.compare(bytes, original)).toBe(0);
    }
    expect(first.bytes.buffer).not.toBe(second.bytes.buffer);
  });
});

test('what a runtime gets is never shared memory', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(8));
  shared.set([1, 2, 3]);
  const own = ownBytes(shared);
  expect(own.buffer).toBeInstanceOf(ArrayBuffer);
  expect(own).toEqual(Uint8Array.from([1, 2, 3, 0, 0, 0, 0, 0]));
  const plain = Uint8Array.of(1);
  expect(ownBytes(plain)).toBe(plain);
});
