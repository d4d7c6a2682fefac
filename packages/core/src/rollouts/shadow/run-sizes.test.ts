import { describe, expect, test } from 'vitest';
import { createRunSizes } from './run-sizes';

/** Runs of the sizes that are asked for, each as long as told. */
function play(
  sizes: ReturnType<typeof createRunSizes>,
  lullMs: number,
  tookMs: (size: number) => number,
  runs: number,
) {
  return Array.from({ length: runs }, () => {
    const size = sizes.next(lullMs);
    sizes.note(size, tookMs(size));
    return size;
  });
}

describe('the size of a run', () => {
  test('grows as long as runs are over before the lull is', () => {
    const taken = play(createRunSizes(32), 10, (size) => 4 + size / 4, 30);
    // Sixteen take 8 ms, which is what a run may take of a lull of 10; thirty-two took 12, and are let be.
    expect(taken.slice(0, 7)).toEqual([1, 2, 4, 8, 16, 32, 16]);
    expect(taken.slice(6)).toEqual(new Array(24).fill(16));
  });

  test('is the largest where not even one request fits, or there is no lull', () => {
    const sizes = createRunSizes(24);
    expect(sizes.next(0)).toBe(24);
    expect(play(sizes, 5, () => 6, 5)).toEqual([1, 1, 1, 24, 24]);
  });

  test('finds out after a while that one fits again', () => {
    const sizes = createRunSizes(32);
    for (let run = 0; run < 3; run++) sizes.note(1, 40);
    const taken = play(sizes, 10, (size) => (size > 2 ? 100 : 2), 400);
    expect(new Set(taken.slice(0, 100))).toEqual(new Set([32]));
    expect(taken.at(-1)).toBe(2);
  });

  test('goes by what runs took of late, sooner where they were faster', () => {
    const sizes = createRunSizes(4);
    play(sizes, 10, () => 1, 5);
    expect(sizes.next(10)).toBe(4);
    // 1 and a fifth of what is more: 6.8 fits into four fifths of the lull, and 11.4 does not.
    sizes.note(4, 30);
    expect(sizes.next(10)).toBe(4);
    sizes.note(4, 30);
    expect(sizes.next(10)).toBe(2);
    sizes.note(4, 1);
    expect(sizes.next(10)).toBe(4);
  });

  test('is not misled by a first run that caches made slow', () => {
    const sizes = createRunSizes(8);
    sizes.note(1, 12);
    expect(sizes.next(10)).toBe(1);
    sizes.note(1, 4);
    expect(sizes.next(10)).toBe(2);
  });
});
