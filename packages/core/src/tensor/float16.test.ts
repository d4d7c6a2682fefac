import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { halfToNumber, numberToHalf } from './float16';

describe('float16', () => {
  it('gives every half back, bit for bit but for the payload of NaNs', () => {
    for (let bits = 0; bits <= 0xffff; bits++) {
      const number = halfToNumber(bits);
      if (Number.isNaN(number)) expect(numberToHalf(number)).toBe(0x7e00);
      else if (numberToHalf(number) !== bits)
        expect.fail(`0x${bits.toString(16)} came back as ${numberToHalf(number)}`);
    }
  });

  it.each([
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * 1.001, 0x0001],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2 ** -14 - 2 ** -26, 0x0400],
    [2047.5, 0x6800],
    [-0, 0x8000],
    [Number.NEGATIVE_INFINITY, 0xfc00],
  ])('rounds %d to the nearest half, ties to even', (number, bits) => {
    expect(numberToHalf(number)).toBe(bits);
  });

  it('is never further from a number than both neighbours', () => {
    fc.assert(
      fc.property(fc.double({ min: -65504, max: 65504, noNaN: true }), (number) => {
        const bits = numberToHalf(number);
        const error = Math.abs(halfToNumber(bits) - number);
        for (const neighbour of [bits - 1, bits + 1]) {
          const other = halfToNumber(neighbour & 0xffff);
          if (Number.isFinite(other)) expect(error).toBeLessThanOrEqual(Math.abs(other - number));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
