import { describe, expect, it } from 'vitest';
import { freeMemory } from './free-memory';

/** More than wait before they are freed together. */
const freeEnough = (): void => {
  freeMemory(new Uint8Array(2 * 2 ** 20));
};

describe('freeMemory', () => {
  it('empties the bytes for whoever holds them, many at a time', () => {
    freeEnough();
    const small = Array.from({ length: 32 }, () => new Uint8Array(15_000));
    for (const bytes of small.slice(1)) freeMemory(bytes);
    expect(small[1]?.byteLength).toBe(15_000);
    freeMemory(small[0] as Uint8Array);
    expect(small.map(({ byteLength }) => byteLength)).toEqual(small.map(() => 0));
  });

  it('does not let much of it wait', () => {
    freeEnough();
    const [small, large] = [new Uint8Array(100), new Uint8Array(2 ** 20)];
    freeMemory(small);
    freeMemory(large);
    expect([small.byteLength, large.byteLength]).toEqual([0, 0]);
  });

  it('leaves bytes alone that share their memory with others, and may be told of none', () => {
    const whole = new Uint8Array(64);
    const pooled = Buffer.from('of the pool');
    const shared = new Uint8Array(new SharedArrayBuffer(16));
    for (const bytes of [whole.subarray(8), whole.subarray(0, 32), pooled, shared, new Uint8Array(0)])
      freeMemory(bytes);
    freeEnough();
    expect([whole.byteLength, pooled.toString(), shared.byteLength]).toEqual([64, 'of the pool', 16]);
  });

  it('frees bytes once, however often it is told of them', () => {
    const [small, large] = [new Uint8Array(100), new Uint8Array(2 ** 20)];
    for (const bytes of [small, small, large, large, small]) freeMemory(bytes);
    expect([small.byteLength, large.byteLength]).toEqual([0, 0]);
  });
});
