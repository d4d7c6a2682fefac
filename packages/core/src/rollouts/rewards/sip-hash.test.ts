import { describe, expect, it } from 'vitest';
import { createSipHash } from './sip-hash';

const key = '000102030405060708090a0b0c0d0e0f';
const upTo = (length: number) => Uint8Array.from({ length }, (_, index) => index);

describe('SipHash-2-4', () => {
  // The published vectors; there the bytes of a hash are in the other order.
  it.each([
    [0, '726fdb47dd0e0e31'],
    [1, '74f839c593dc67fd'],
    [2, '0d6c8009d9a94f5a'],
    [3, '85676696d7fb7e2d'],
    [7, 'ab0200f58b01d137'],
    [8, '93f5f5799a932462'],
    [15, 'a129ca6149be45e5'],
  ])('of %i bytes is the published one', (length, expected) => {
    expect(createSipHash(key)(upTo(length))).toBe(expected);
  });

  it('takes the first bytes of a buffer where it is told how many', () => {
    expect(createSipHash(key)(upTo(64), 15)).toBe('a129ca6149be45e5');
  });

  it('is another one with another key, and of every other message', () => {
    const hashes = new Set<string>();
    for (let bit = 0; bit < 120; bit++) {
      const bytes = upTo(15);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      hashes.add(createSipHash(key)(bytes));
    }
    hashes.add(createSipHash(key.replace('0f', '0e'))(upTo(15)));
    expect(hashes.size).toBe(121);
  });
});
