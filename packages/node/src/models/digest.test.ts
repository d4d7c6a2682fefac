import { sha256Hex } from '@fairlead/core';
import { expect, test } from 'vitest';
import { digestOf } from './digest';

const mebibyte = 2 ** 20;

function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31) % 256);
}

test.each([0, 1, 1000, mebibyte, mebibyte + 1, 3 * mebibyte - 5])(
  'is SHA-256, whatever the slices: %i bytes',
  async (length) => {
    const bytes = bytesOf(length);
    expect(await digestOf(bytes, undefined)).toBe(await sha256Hex(bytes));
  },
);

test('lets the event loop turn between slices', async () => {
  let turns = 0;
  let running = true;
  const count = (): void => {
    turns++;
    if (running) setImmediate(count);
  };
  setImmediate(count);
  await digestOf(bytesOf(5 * mebibyte), undefined);
  running = false;
  expect(turns).toBeGreaterThanOrEqual(4);
});

test('ends when it is aborted', async () => {
  const controller = new AbortController();
  const digesting = digestOf(bytesOf(3 * mebibyte), controller.signal);
  controller.abort();
  await expect(digesting).rejects.toMatchObject({ code: 'ABORTED' });
});
