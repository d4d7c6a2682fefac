import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random';
import type { Category } from './category';
import { createHeavyHitters, type HeavyHitters, type HeavyHittersOptions, heavyHittersFromJson } from './heavy-hitters';

function sketchOf(values: Iterable<Category>, options: HeavyHittersOptions = {}): HeavyHitters {
  const sketch = createHeavyHitters(options);
  for (const value of values) sketch.add(value);
  return sketch;
}

/** What must hold of a sketch of these values: its three guarantees. */
function expectBounds(sketch: HeavyHitters, values: readonly Category[]): void {
  const exact = new Map<Category, number>();
  for (const value of values) exact.set(value, (exact.get(value) ?? 0) + 1);
  const items = sketch.top();
  expect(sketch.total).toBe(values.length);
  expect(sketch.errorBound).toBeLessThanOrEqual(values.length / sketch.counters);
  for (const { value, count, error } of items) {
    const occurred = exact.get(value) ?? 0;
    expect(count).toBeGreaterThanOrEqual(occurred);
    expect(count - error).toBeLessThanOrEqual(occurred);
    expect(error).toBeLessThanOrEqual(sketch.errorBound);
  }
  const listed = new Set(items.map(({ value }) => value));
  for (const [value, occurred] of exact) {
    if (!listed.has(value)) expect(occurred).toBeLessThanOrEqual(sketch.errorBound);
  }
}

const letters = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 1, 2, 3, 2n ** 60n), {
  maxLength: 60,
});
const counters = fc.integer({ min: 1, max: 12 });

/** A stream in which value i has a share of about 1 / i. */
function zipf(random: () => number, length: number): string[] {
  return Array.from({ length }, () => `item-${Math.floor(Math.exp(random() * Math.log(5000)))}`);
}

describe('heavy hitters', () => {
  it('keep their bounds over any stream', () => {
    fc.assert(
      fc.property(letters, counters, (values, k) => expectBounds(sketchOf(values, { counters: k }), values)),
      {
        numRuns: 400,
      },
    );
  });

  it('keep their bounds over merged streams, in any grouping, and merge alike from either side', () => {
    fc.assert(
      fc.property(letters, letters, letters, counters, (a, b, c, k) => {
        const of = (values: readonly Category[]) => sketchOf(values, { counters: k });
        const left = of(a);
        left.merge(of(b));
        const swapped = of(b);
        swapped.merge(of(a));
        expect(swapped.toJSON()).toEqual(left.toJSON());
        left.merge(of(c));
        const right = of(b);
        right.merge(of(c));
        right.merge(of(a));
        expectBounds(left, [...a, ...b, ...c]);
        expectBounds(right, [...a, ...b, ...c]);
        // A merged sketch goes on as any other.
        for (const value of a) left.add(value);
        expectBounds(left, [...a, ...b, ...c, ...a]);
      }),
      { numRuns: 400 },
    );
  });

  it('are exact while there is room', () => {
    fc.assert(
      fc.property(letters, letters, (a, b) => {
        const merged = sketchOf(a);
        merged.merge(sketchOf(b));
        expect(merged.toJSON()).toEqual(sketchOf([...a, ...b]).toJSON());
        expect(merged.errorBound).toBe(0);
      }),
    );
  });

  it('of eight workers find what one finds', () => {
    const random = createRandom(17);
    const values = zipf(random, 80_000);
    const merged = createHeavyHitters();
    for (let worker = 0; worker < 8; worker++) merged.merge(sketchOf(values.filter((_, i) => i % 8 === worker)));
    expectBounds(merged, values);
    expectBounds(sketchOf(values), values);
    const names = (sketch: HeavyHitters) => sketch.top(5).map(({ value }) => value);
    expect(names(merged)).toEqual(['item-1', 'item-2', 'item-3', 'item-4', 'item-5']);
    expect(names(sketchOf(values))).toEqual(names(merged));
  });

  it('count with one counter, and with many', () => {
    const one = sketchOf(['a', 'b', 'a'], { counters: 1 });
    expect(one.top()).toEqual([{ value: 'a', count: 3, error: 2 }]);
    expect(one.estimate('b')).toEqual({ value: 'b', count: 3, error: 3 });
    const many = createHeavyHitters({ counters: 65_536 });
    for (let i = 0; i < 70_000; i++) many.add(i);
    expect(many.top()).toHaveLength(65_536);
    expect(many.errorBound).toBeLessThanOrEqual(2);
  });

  it('add several at once', () => {
    const sketch = createHeavyHitters({ counters: 2 });
    sketch.add('a', 10);
    sketch.add('b', 4);
    sketch.add('c', 3);
    expect(sketch.top()).toEqual([
      { value: 'a', count: 10, error: 0 },
      { value: 'c', count: 7, error: 4 },
    ]);
    expect(sketch.total).toBe(17);
    for (const count of [0, -1, 1.5, NaN]) {
      expect(() => sketch.add('a', count)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    }
    expect(sketch.total).toBe(17);
  });

  it('cut long texts, count them, and leave surrogate pairs whole', () => {
    const sketch = sketchOf(['abcdefgh', 'abcdefgx', 'abc🙂🙂', 'abcd'], { maxLength: 4 });
    expect(sketch.truncated).toBe(3);
    expect(sketch.top()).toEqual([
      { value: 'abcd', count: 3, error: 0 },
      { value: 'abc', count: 1, error: 0 },
    ]);
    expect(sketch.estimate('abcdzzz').count).toBe(3);
  });

  it('know a number by its value', () => {
    const sketch = sketchOf([1, 1n, -0, 0, NaN, NaN, '1', 2n ** 63n]);
    expect(sketch.top().map(({ value, count }) => [value, count])).toEqual([
      [NaN, 2],
      [0, 2],
      [1, 2],
      [2n ** 63n, 1],
      ['1', 1],
    ]);
  });

  it('merge with themselves, with nothing, and begin anew', () => {
    const values = ['a', 'b', 'a', 'c', 'd', 'a'];
    const sketch = sketchOf(values, { counters: 2 });
    const before = sketch.toJSON();
    sketch.merge(createHeavyHitters({ counters: 2 }));
    expect(sketch.toJSON()).toEqual(before);
    sketch.merge(sketch);
    expectBounds(sketch, [...values, ...values]);
    sketch.reset();
    expect(sketch.toJSON()).toEqual(createHeavyHitters({ counters: 2 }).toJSON());
    sketch.add('z');
    expect(sketch.top()).toEqual([{ value: 'z', count: 1, error: 0 }]);
  });

  it('come back from JSON and go on', () => {
    fc.assert(
      fc.property(letters, letters, counters, (a, b, k) => {
        const sketch = sketchOf([...a, 'with "quotes"', '\ud800', Infinity], { counters: k });
        const back = heavyHittersFromJson(JSON.parse(JSON.stringify(sketch)));
        expect(back.toJSON()).toEqual(sketch.toJSON());
        for (const value of b) back.add(value);
        expectBounds(back, [...a, 'with "quotes"', '\ud800', Infinity, ...b]);
      }),
    );
  });

  it('refuse what they cannot use', () => {
    for (const options of [{ counters: 0 }, { counters: 65_537 }, { maxLength: 0 }, { maxLength: 1025 }, { k: 1 }]) {
      expect(() => createHeavyHitters(options as HeavyHittersOptions)).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION' }),
      );
    }
    const sketch = sketchOf(['a', 'b'], { counters: 4 });
    expect(() => sketch.merge(createHeavyHitters({ counters: 5 }))).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
    expect(() => sketch.top(-1)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => sketch.add(2n ** 70n)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    const state = sketch.toJSON();
    for (const broken of [
      null,
      { ...state, counters: 1e9 },
      { ...state, counters: 1 },
      { ...state, total: 3 },
      { ...state, truncated: 3 },
      { ...state, items: [['a', 1, 0]] },
      {
        ...state,
        items: [
          ['a', 1, 0],
          ['a', 1, 0],
        ],
      },
      {
        ...state,
        items: [
          ['a', 1, 2],
          ['b', 1, 0],
        ],
      },
      {
        ...state,
        items: [
          ['a', 0, 0],
          ['b', 2, 0],
        ],
      },
      {
        ...state,
        items: [
          ['a', 1, 0],
          [{ bigint: '5' }, 1, 0],
        ],
      },
      {
        ...state,
        items: [
          ['a', 1, 0],
          [{ bigint: '9'.repeat(20) }, 1, 0],
        ],
      },
      {
        ...state,
        items: [
          ['a', 1, 0],
          [null, 1, 0],
        ],
      },
      {
        ...state,
        items: [
          ['a'.repeat(65), 1, 0],
          ['b', 1, 0],
        ],
      },
    ]) {
      expect(() => heavyHittersFromJson(broken)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    }
  });
});
