import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random';
import { createLogBuckets, type LogBucketsOptions, logBucketsFromJson } from './create-log-buckets';
import type { LogBuckets } from './log-buckets';

const awkward = [
  0,
  -0,
  NaN,
  Infinity,
  -Infinity,
  5e-324,
  -5e-324,
  2 ** -1022,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  1e-17,
];
const value = fc.oneof(
  fc.double(),
  fc.double({ min: -100, max: 100 }),
  fc.integer({ min: -40, max: 40 }),
  fc.constantFrom(...awkward),
);
const values = fc.array(value, { maxLength: 60 });
const options = fc.record({ buckets: fc.constantFrom(16, 32, 128), zeroWithin: fc.constantFrom(0, 0.5) });

function sketchOf(data: readonly number[], given: LogBucketsOptions = {}): LogBuckets {
  const sketch = createLogBuckets(given);
  for (const x of data) sketch.add(x);
  return sketch;
}

/** The value of rank ⌈q · n⌉ of those that are not NaN. */
function exactQuantile(data: readonly number[], q: number): number {
  const sorted = data.filter((x) => !Number.isNaN(x)).sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] as number;
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

describe('log buckets', () => {
  it('merge to what one sketch of all values holds, bit for bit, in any order and grouping', () => {
    fc.assert(
      fc.property(values, values, values, options, (a, b, c, given) => {
        const whole = sketchOf([...a, ...b, ...c], given).toJSON();
        const left = sketchOf(a, given);
        left.merge(sketchOf(b, given));
        left.merge(sketchOf(c, given));
        const inner = sketchOf(c, given);
        inner.merge(sketchOf(b, given));
        const right = sketchOf([], given);
        right.merge(inner);
        right.merge(sketchOf(a, given));
        expect(left.toJSON()).toEqual(whole);
        expect(right.toJSON()).toEqual(whole);
        expect(sketchOf([...c, ...a, ...b].reverse(), given).toJSON()).toEqual(whole);
      }),
      { numRuns: 400 },
    );
  });

  it('of eight workers merge to that of one', () => {
    const random = createRandom(11);
    const data = Array.from({ length: 40_000 }, () => normal(random) * 10 ** Math.floor(random() * 6));
    const merged = createLogBuckets();
    for (let worker = 0; worker < 8; worker++) merged.merge(sketchOf(data.filter((_, i) => i % 8 === worker)));
    expect(merged.toJSON()).toEqual(sketchOf(data).toJSON());
    expect(merged.count).toBe(40_000);
  });

  it('count a column as they count its values', () => {
    fc.assert(
      fc.property(
        values,
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        options,
        (data, start, stride, given) => {
          const column = createLogBuckets(given);
          if (start > data.length) return;
          column.addColumn(data, start, stride);
          const picked = data.filter((_, index) => index >= start && (index - start) % stride === 0);
          expect(column.toJSON()).toEqual(sketchOf(picked, given).toJSON());
        },
      ),
    );
  });

  it('give quantiles within the relative error that they promise', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(value, fc.double({ min: 1, max: 3 })), { minLength: 1, maxLength: 80 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (data, q) => {
          const sketch = sketchOf(data);
          const exact = exactQuantile(data, q);
          const given = sketch.quantile(q);
          if (exact === undefined) expect(given).toBeNaN();
          else if (!Number.isFinite(exact) || exact === 0) expect(given).toBe(exact + 0);
          else if (Math.abs(exact) >= 2 ** -1022) {
            expect(Math.abs(given - exact) / Math.abs(exact)).toBeLessThanOrEqual(sketch.relativeError * (1 + 1e-12));
          } else expect(Math.abs(given)).toBeLessThanOrEqual(2 ** -1022 * 1e9);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ['one octave', (u: number) => 1 + u, 0.004],
    ['two decades', (u: number) => 10 ** (2 * u), 0.031],
    ['four decades', (u: number) => 10 ** (4 * u), 0.06],
    ['nine decades', (u: number) => 10 ** (9 * u), 0.112],
  ])('hold over %s the error that the documentation states', (_, draw, stated) => {
    const random = createRandom(5);
    const data = Array.from({ length: 20_000 }, () => draw(random()));
    const sketch = sketchOf(data);
    expect(sketch.relativeError).toBeLessThanOrEqual(stated);
    for (const q of [0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999, 1]) {
      const exact = exactQuantile(data, q);
      expect(Math.abs(sketch.quantile(q) - exact) / exact).toBeLessThanOrEqual(sketch.relativeError);
    }
  });

  it('are exact for small whole numbers, negative ones too', () => {
    const random = createRandom(8);
    const data = Array.from({ length: 5000 }, () => Math.floor(random() * 63) - 31);
    const sketch = sketchOf(data);
    const edges = [-31, -20, -1, 0, 1, 2, 3, 17, 30];
    const { counts, errors } = sketch.rebin(edges);
    const bins = (x: number) => edges.filter((edge) => edge < x).length;
    const expected = new Float64Array(edges.length + 1);
    for (const x of data) expected[bins(x)] = (expected[bins(x)] as number) + 1;
    expect(counts).toEqual(expected);
    expect(errors).toEqual(new Float64Array(edges.length + 1));
    for (const q of [0.01, 0.2, 0.5, 0.77, 1]) expect(sketch.quantile(q)).toBe(exactQuantile(data, q) + 0);
  });

  it('count up to, between and by edges within the error that they give', () => {
    const finite = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.double({ min: -50, max: 50, noNaN: true }),
      fc.integer({ min: -90, max: 90 }),
      fc.constantFrom(0, 0.2, -0.2, 0.5, -0.5, Number.MAX_VALUE, -Number.MAX_VALUE),
    );
    fc.assert(
      fc.property(
        values,
        fc.uniqueArray(finite, { minLength: 1, maxLength: 6, comparator: (a, b) => a === b }),
        options,
        (data, unsorted, given) => {
          const edges = unsorted.sort((a, b) => a - b);
          const sketch = sketchOf(data, given);
          const { counts, errors } = sketch.rebin(edges);
          const within = (test: (x: number) => boolean, count: number, error: number) =>
            expect(Math.abs(data.filter(test).length - count)).toBeLessThanOrEqual(error + 1e-9);
          for (const [bin, count] of counts.entries()) {
            const above = edges[bin - 1] ?? -Infinity;
            const upTo = edges[bin] ?? Number.MAX_VALUE;
            const isThere = (x: number) => x > above && x <= upTo && Number.isFinite(x);
            within(isThere, count, errors[bin] as number);
          }
          expect(counts.reduce((sum, count) => sum + count, 0)).toBeCloseTo(data.filter(Number.isFinite).length, 6);
          const [edge] = edges as [number];
          const rank = sketch.rank(edge);
          within((x) => x <= edge, rank.count, rank.error);
          const between = sketch.countBetween(edge, Infinity);
          within((x) => x > edge, between.count, between.error);
        },
      ),
      { numRuns: 500, examples: [[[-5e-324, 0, 0], [0], { buckets: 16, zeroWithin: 0 }]] },
    );
  });

  it('share out a bucket that an edge cuts through, and say how many values that may misplace', () => {
    const random = createRandom(3);
    const data = Array.from({ length: 50_000 }, () => random() * 100);
    const sketch = sketchOf(data);
    const { count, error } = sketch.countBetween(10, 33.3);
    const exact = data.filter((x) => x > 10 && x <= 33.3).length;
    expect(Math.abs(count - exact)).toBeLessThan(150);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(50_000 * 0.333 * 4 * sketch.relativeError);
    expect(sketch.cdf(33.3)).toBeCloseTo(0.333, 2);
  });

  it('tally what has no bucket', () => {
    const sketch = sketchOf([NaN, NaN, Infinity, -Infinity, -Infinity, -Infinity, 0, -0, 5e-324, 1]);
    expect(sketch).toMatchObject({ notANumber: 2, positiveInfinity: 1, negativeInfinity: 3, zeros: 2, count: 10 });
    expect(sketch.quantile(0)).toBe(-Infinity);
    expect(sketch.quantile(1)).toBe(Infinity);
    expect(sketch.rank(Infinity)).toEqual({ count: 8, error: 0 });
    expect(sketch.rank(-Infinity)).toEqual({ count: 3, error: 0 });
    expect(sketch.countBetween(-Infinity, Infinity).count).toBe(5);
  });

  it('count noise about zero as zero where asked to, which keeps the buckets fine', () => {
    const data = [1e-17, -3e-18, 1, 1.5, 2, 1e-9];
    expect(sketchOf(data, { zeroWithin: 1e-12 })).toMatchObject({ zeros: 2 });
    expect(sketchOf(data.slice(0, 5), { zeroWithin: 1e-12 }).relativeError).toBeLessThan(0.01);
    expect(sketchOf(data.slice(0, 5)).relativeError).toBeGreaterThan(0.1);
  });

  it('take every double there is, in the same memory', () => {
    const sketch = sketchOf([5e-324, Number.MAX_VALUE, -5e-324, -Number.MAX_VALUE, 1, -1], { buckets: 16 });
    expect(sketch.count).toBe(6);
    expect(sketch.shift).toBeLessThanOrEqual(27);
    expect(createLogBuckets().byteLength).toBeLessThan(2200);
  });

  it('merge with themselves and with nothing', () => {
    const sketch = sketchOf([1, 2, -3, NaN]);
    const before = sketch.toJSON();
    sketch.merge(createLogBuckets());
    expect(sketch.toJSON()).toEqual(before);
    sketch.merge(sketch);
    expect(sketch.toJSON()).toEqual(sketchOf([1, 2, -3, NaN, 1, 2, -3, NaN]).toJSON());
    const empty = createLogBuckets();
    empty.merge(empty);
    expect(empty.toJSON()).toEqual(createLogBuckets().toJSON());
    expect(empty.quantile(0.5)).toBeNaN();
    expect(empty.cdf(1)).toBeNaN();
  });

  it('begin anew after a reset', () => {
    const sketch = sketchOf([...awkward, 3, 4]);
    sketch.reset();
    expect(sketch.toJSON()).toEqual(createLogBuckets().toJSON());
    for (const x of [1, 2, 3]) sketch.add(x);
    expect(sketch.toJSON()).toEqual(sketchOf([1, 2, 3]).toJSON());
  });

  it('come back from JSON and go on', () => {
    fc.assert(
      fc.property(values, values, options, (data, more, given) => {
        const back = logBucketsFromJson(JSON.parse(JSON.stringify(sketchOf(data, given))));
        expect(back.toJSON()).toEqual(sketchOf(data, given).toJSON());
        for (const x of more) back.add(x);
        expect(back.toJSON()).toEqual(sketchOf([...data, ...more], given).toJSON());
      }),
    );
  });

  it('refuse what they cannot use', () => {
    const sketch = sketchOf([1]);
    const refused = (code: string, field: string) =>
      expect.objectContaining({ code, details: expect.objectContaining({ field }) });
    expect(() => createLogBuckets({ buckets: 100 })).toThrow(refused('INVALID_OPTION', 'buckets'));
    expect(() => createLogBuckets({ buckets: 8192 })).toThrow(refused('INVALID_OPTION', 'buckets'));
    expect(() => createLogBuckets({ zeroWithin: -1 })).toThrow(refused('INVALID_OPTION', 'zeroWithin'));
    expect(() => createLogBuckets({ zeroWithin: Infinity })).toThrow(refused('INVALID_OPTION', 'zeroWithin'));
    expect(() => sketch.merge(createLogBuckets({ buckets: 64 }))).toThrow(refused('INVALID_ARGUMENT', 'other'));
    expect(() => sketch.merge(createLogBuckets({ zeroWithin: 1 }))).toThrow(refused('INVALID_ARGUMENT', 'other'));
    expect(() => sketch.quantile(1.1)).toThrow(refused('INVALID_ARGUMENT', 'q'));
    expect(() => sketch.quantile(NaN)).toThrow(refused('INVALID_ARGUMENT', 'q'));
    expect(() => sketch.rank(NaN)).toThrow(refused('INVALID_ARGUMENT', 'value'));
    expect(() => sketch.countBetween(2, 1)).toThrow(refused('INVALID_ARGUMENT', 'upTo'));
    expect(() => sketch.rebin([1, 1])).toThrow(refused('INVALID_ARGUMENT', 'edges.1'));
    expect(() => sketch.rebin([Infinity])).toThrow(refused('INVALID_ARGUMENT', 'edges.0'));
    expect(() => sketch.addColumn([1, 2], 0, 1, 3)).toThrow(refused('INVALID_ARGUMENT', 'count'));
    expect(() => sketch.addColumn([1, 2], 0, 0)).toThrow(refused('INVALID_ARGUMENT', 'stride'));
    expect(() => sketch.addColumn([1, 2], -1)).toThrow(refused('INVALID_ARGUMENT', 'start'));
    expect(sketch.count).toBe(1);
  });

  it('refuse state that contradicts itself', () => {
    const state = sketchOf([1, 2, 3, 4, 1000, -7, 0]).toJSON();
    const { from, counts } = state.positive;
    for (const [field, broken] of [
      ['buckets', null],
      ['buckets.buckets', { ...state, buckets: 127 }],
      ['buckets.zeroWithin', { ...state, zeroWithin: -1 }],
      ['buckets.shift', { ...state, shift: 25 }],
      ['buckets.shift', { ...state, shift: 12, positive: { from: 1, counts: [1] } }],
      ['buckets.grid', { ...state, grid: null }],
      ['buckets.grid', { ...state, grid: 5000 }],
      ['buckets.zeros', { ...state, zeros: 0.5 }],
      ['buckets.positive.counts', { ...state, positive: { from, counts: [...counts, 0] } }],
      ['buckets.positive.counts', { ...state, positive: { from, counts: Array(129).fill(1) } }],
      ['buckets.positive.counts.1', { ...state, positive: { from, counts: [1, -1, ...counts] } }],
      ['buckets.positive.from', { ...state, positive: { from: 2 ** 31, counts } }],
      ['buckets.more', { ...state, more: 1 }],
      ['buckets.zeros', { ...state, zeros: undefined }],
    ] as const) {
      expect(() => logBucketsFromJson(broken), field).toThrow(
        expect.objectContaining({ code: 'STORE_CORRUPT', details: expect.objectContaining({ field }) }),
      );
    }
  });
});
