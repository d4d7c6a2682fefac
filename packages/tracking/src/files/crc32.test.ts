import { expect, test } from 'vitest';
import { crc32 } from './crc32';
import { tableCrc32 } from './table-crc32';

test('the check value of CRC-32 comes out of both ways', () => {
  const check = new TextEncoder().encode('123456789');
  expect(tableCrc32(check)).toBe(0xcbf43926);
  expect(crc32(check)).toBe(0xcbf43926);
});

test('both ways agree on bytes of any length', () => {
  let state = 1;
  for (const length of [0, 1, 2, 3, 31, 256, 4097]) {
    const bytes = Uint8Array.from({ length }, () => {
      state = (state * 48271) % 2147483647;
      return state & 0xff;
    });
    expect(tableCrc32(bytes)).toBe(crc32(bytes));
  }
});
