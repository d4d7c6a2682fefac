import { describe, expect, test } from 'vitest';
import { createRunSizes } from './run-sizes';

/** Requests that come after so many milliseconds, and again and again. */
const evenly = (lullMs: number) => (ms: number) => Math.max(0, Math.ceil(ms / lullMs) - 1);
/** Requests at random times, so many milliseconds apart on average. */
const atRandom = (meanMs: number) => (ms: number) => ms / meanMs;

/** Runs of the sizes that are asked for, each as long as told. */
function play(
  sizes: ReturnType<typeof createRunSizes>,
  metWithin: (ms: number) => number | undefined,
  tookMs: (size: number) => number,
  runs: number,
) {
  return Array.from({ length: runs }, () => {
    const size = sizes.next(metWithin);
    sizes.note(size, tookMs(size));
    return size;
  });
}

describe('the size of a run', () => {
  test('grows as long as runs are over before the next request comes', () => {
    const taken = play(createRunSizes(32), evenly(11), (size) => 4 + size / 4, 30);
    // Sixteen take 8 ms, and with some caution 10; thirty-two are known to take more before they are tried.
    expect(taken).toEqual([1, 2, 4, 8, ...new Array(26).fill(16)]);
  });

  test('grows where requests come at random, since the fewest then meet each answer', () => {
    const taken = play(createRunSizes(30), atRandom(10), (size) => 4 + size / 4, 30);
    expect(taken).toEqual([1, 1, 1, 2, 4, 8, 16, ...new Array(23).fill(30)]);
  });

  test('does not grow where a batch takes as long as its requests one by one, and more and more meet it', () => {
    const taken = play(
      createRunSizes(32),
      (ms) => (ms / 10) ** 2,
      (size) => 4 * size,
      30,
    );
    expect(new Set(taken.slice(4))).toEqual(new Set([1]));
  });

  test('is the largest where nothing is known of lulls', () => {
    expect(createRunSizes(24).next(() => undefined)).toBe(24);
  });

  test('finds out after a while what fits again', () => {
    const sizes = createRunSizes(32);
    for (let run = 0; run < 40; run++) sizes.note(2 ** (run % 6), 40);
    const taken = play(sizes, evenly(10), (size) => (size > 2 ? 100 : 2), 400);
    expect(taken[0]).toBe(32);
    expect(taken.slice(-50).filter((size) => size === 2).length).toBeGreaterThan(45);
  });

  test('goes by what runs took of late, sooner where they were faster', () => {
    const sizes = createRunSizes(4);
    play(sizes, evenly(10), () => 1, 5);
    expect(sizes.next(evenly(10))).toBe(4);
    // 1 and a fifth of what is more: 6.8 fits into the lull with some caution, and 11.4 does not.
    sizes.note(4, 30);
    expect(sizes.next(evenly(10))).toBe(4);
    sizes.note(4, 30);
    expect(sizes.next(evenly(10))).toBe(2);
    sizes.note(4, 1);
    expect(sizes.next(evenly(10))).toBe(4);
  });

  test('is not misled by a first run that caches made slow', () => {
    const sizes = createRunSizes(8);
    sizes.note(1, 12);
    expect(sizes.next(evenly(10))).toBe(1);
    sizes.note(1, 4);
    expect(sizes.next(evenly(10))).toBe(2);
  });
});
