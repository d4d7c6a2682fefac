import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Category } from './category';
import { hashCategory } from './category-hash';
import { createHyperLogLog, type HyperLogLog, hyperLogLogFromJson } from './hyperloglog';

const category = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.integer(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
);
const categories = fc.array(category, { maxLength: 80 });

function sketchOf(values: Iterable<Category>, lgK = 12): HyperLogLog {
  const sketch = createHyperLogLog({ lgK });
  for (const value of values) sketch.add(value);
  return sketch;
}

const hexOf = (value: Category) =>
  Array.from(hashCategory(value), (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');

/** Root mean square and mean of the relative errors over several streams of so many different values. */
function errorsAt(
  cardinality: number,
  streams: number,
  categoryOf: (stream: number, index: number) => Category,
  lgK = 12,
) {
  let squares = 0;
  let sum = 0;
  for (let stream = 0; stream < streams; stream++) {
    const sketch = createHyperLogLog({ lgK });
    for (let index = 0; index < cardinality; index++) sketch.add(categoryOf(stream, index));
    const error = sketch.estimate() / cardinality - 1;
    squares += error * error;
    sum += error;
  }
  return { rms: Math.sqrt(squares / streams), mean: sum / streams };
}

describe('the hash of categories', () => {
  it('is the one of version 1, on every platform', () => {
    const expected: readonly (readonly [Category, string])[] = [
      [0, '6e41f7d156a6bbde'],
      [-0, '6e41f7d156a6bbde'],
      [1, 'c67ac89622672d0d'],
      [-1, '9480c241463f39e7'],
      [0.1, '9ca10865dfbc50f6'],
      [Number.NaN, 'd413f60b7be539db'],
      [Number.POSITIVE_INFINITY, '61c1048ea8da7457'],
      [2n ** 60n, '8e25f250068911d6'],
      [-(2n ** 63n), 'b254602920682624'],
      ['', 'd6ef966d81cba254'],
      ['a', 'a0cceba452d81c7d'],
      ['ab', '79300db8b9e6860b'],
      ['Grüße 🙂', 'efa927dbcf2951ee'],
      ['1', '18f958e9e45407ba'],
    ];
    for (const [value, hex] of expected) expect(hexOf(value), String(value)).toBe(hex);
  });

  it('changes each of its 64 bits for half of the inputs when one bit of the input changes', () => {
    const flips = new Float64Array(64);
    const trials = 4000;
    for (let trial = 0; trial < trials; trial++) {
      const text = `key-${trial}`;
      const at = trial % text.length;
      const other =
        text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << (trial % 7))) + text.slice(at + 1);
      const [high, low] = hashCategory(text);
      const [otherHigh, otherLow] = hashCategory(other);
      // The array is the same: the words were read before the second hash.
      const changed = [(high as number) ^ (otherHigh as number), (low as number) ^ (otherLow as number)];
      for (let bit = 0; bit < 64; bit++) {
        if (((changed[bit >> 5] as number) >>> (bit & 31)) & 1) flips[bit] = (flips[bit] as number) + 1;
      }
    }
    for (const count of flips) expect(Math.abs(count / trials - 0.5)).toBeLessThan(0.05);
  });

  it('has no collisions among a quarter of a million keys in either word beyond those of chance', () => {
    const [highs, lows] = [new Set<number>(), new Set<number>()];
    const keys = 250_000;
    for (let key = 0; key < keys; key++) {
      const [high, low] = hashCategory(key);
      highs.add(high as number);
      lows.add(low as number);
    }
    // Expected: keys² / 2³³, about 7.
    expect(keys - highs.size).toBeLessThan(30);
    expect(keys - lows.size).toBeLessThan(30);
  });
});

describe('HyperLogLog', () => {
  it('merges to what one sketch of all values holds, bit for bit, in any order and grouping', () => {
    fc.assert(
      fc.property(categories, categories, categories, fc.integer({ min: 4, max: 14 }), (a, b, c, lgK) => {
        const left = sketchOf(a, lgK);
        left.merge(sketchOf(b, lgK));
        left.merge(sketchOf(c, lgK));
        const right = sketchOf(c, lgK);
        const inner = sketchOf(b, lgK);
        inner.merge(sketchOf(a, lgK));
        right.merge(inner);
        const whole = sketchOf([...a, ...b, ...c], lgK).registers();
        expect(left.registers()).toEqual(whole);
        expect(right.registers()).toEqual(whole);
        right.merge(right);
        expect(right.registers()).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });

  it('of eight workers, who saw some values twice, merges to that of one', () => {
    const merged = createHyperLogLog();
    for (let worker = 0; worker < 8; worker++) {
      merged.merge(sketchOf(Array.from({ length: 6000 }, (_, i) => `user-${worker * 5000 + i}`)));
    }
    const whole = sketchOf(Array.from({ length: 41_000 }, (_, i) => `user-${i}`));
    expect(merged.registers()).toEqual(whole.registers());
  });

  // 1.04 / √4096 is 1.625 %; of so many streams the measured root mean square may lie above by two of its own errors.
  it.each([
    [1, 50],
    [10, 1000],
    [100, 400],
    [1000, 200],
    [10_000, 100],
    [100_000, 30],
  ])('estimates %i different values within its standard error', (cardinality, streams) => {
    for (const categoryOf of [
      (stream: number, index: number) => stream * 2 ** 32 + index,
      (stream: number, index: number) => `session-${stream}-${index}`,
    ]) {
      const { rms, mean } = errorsAt(cardinality, streams, categoryOf);
      expect(rms).toBeLessThan(0.01625 * (1 + 2 / Math.sqrt(2 * streams)));
      expect(Math.abs(mean)).toBeLessThan((0.01625 * 3) / Math.sqrt(streams));
    }
  });

  it('estimates a million and ten million different values', () => {
    expect(errorsAt(1_000_000, 4, (stream, index) => (stream * 1e6 + index) / 8).rms).toBeLessThan(0.028);
    expect(errorsAt(10_000_000, 1, (_, index) => index).rms).toBeLessThan(0.049);
  });

  it.each([4, 8, 14])('keeps its standard error at lgK %i', (lgK) => {
    const { relativeError } = createHyperLogLog({ lgK });
    const { rms } = errorsAt(20_000, 40, (stream, index) => stream * 1e6 + index, lgK);
    expect(rms).toBeLessThan(relativeError * 1.3);
    expect(createHyperLogLog({ lgK }).byteLength).toBe(2 ** lgK);
  });

  it('counts equal values once, and tells text from numbers', () => {
    expect(sketchOf([]).estimate()).toBe(0);
    expect(Math.round(sketchOf([5, 5n, 5, 5.0]).estimate())).toBe(1);
    expect(Math.round(sketchOf([0, -0, 0n]).estimate())).toBe(1);
    expect(Math.round(sketchOf([NaN, Number.NaN]).estimate())).toBe(1);
    expect(Math.round(sketchOf([1, '1']).estimate())).toBe(2);
    expect(Math.round(sketchOf([2n ** 63n, -(2n ** 63n)]).estimate())).toBe(2);
  });

  it('comes back from JSON', () => {
    fc.assert(
      fc.property(categories, fc.constantFrom(4, 10), (values, lgK) => {
        const sketch = sketchOf(values, lgK);
        expect(hyperLogLogFromJson(JSON.parse(JSON.stringify(sketch))).registers()).toEqual(sketch.registers());
      }),
    );
    const reset = sketchOf([1, 2]);
    reset.reset();
    expect(reset.estimate()).toBe(0);
  });

  it('refuses what it cannot use', () => {
    const state = createHyperLogLog({ lgK: 4 }).toJSON();
    for (const lgK of [3, 15, 4.5]) {
      expect(() => createHyperLogLog({ lgK })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    }
    const sketch = createHyperLogLog();
    for (const value of [2n ** 64n, -(2n ** 63n) - 1n, undefined, {}, Symbol('x')]) {
      expect(() => sketch.add(value as Category)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    }
    expect(sketch.estimate()).toBe(0);
    expect(() => sketch.merge(createHyperLogLog({ lgK: 11 }))).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
    for (const broken of [
      7,
      { ...state, hash: 2 },
      { ...state, lgK: 5 },
      { ...state, lgK: 1e9 },
      { ...state, registers: '0'.repeat(15) },
      { ...state, registers: `${'0'.repeat(15)}!` },
    ]) {
      expect(() => hyperLogLogFromJson(broken)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    }
    const short = createHyperLogLog({ lgK: 14 }).toJSON();
    expect(() => hyperLogLogFromJson({ ...short, registers: `z${short.registers.slice(1)}` })).toThrow(
      expect.objectContaining({ code: 'STORE_CORRUPT' }),
    );
  });
});
