import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random';
import { createMoments, type Moments, momentsFromJson } from './moments';

function momentsOf(data: readonly number[]): Moments {
  const moments = createMoments();
  for (const x of data) moments.add(x);
  return moments;
}

/** Mean and squares in two passes, of numbers moved next to 0, each sum compensated. */
function oracle(data: readonly number[]) {
  const sum = (list: readonly number[]) => {
    let total = 0;
    let lost = 0;
    for (const x of list) {
      const next = total + x;
      lost += Math.abs(total) >= Math.abs(x) ? total - next + x : x - next + total;
      total = next;
    }
    return total + lost;
  };
  const mean = sum(data) / data.length;
  return { mean, variance: sum(data.map((x) => (x - mean) ** 2)) / data.length };
}

const close = (given: number, exact: number, scale = Math.abs(exact)) =>
  expect(Math.abs(given - exact)).toBeLessThanOrEqual(1e-12 * scale);

describe('moments', () => {
  it('of eight workers merge to those of one, and agree with two passes to 1e-12', () => {
    const random = createRandom(2);
    const data = Array.from({ length: 80_000 }, (_, i) => (random() + random() - 0.7) * (i % 3 === 0 ? 40 : 5));
    const { mean, variance } = oracle(data);
    const whole = momentsOf(data);
    const column = createMoments();
    column.addColumn(data);
    const merged = createMoments();
    for (let worker = 0; worker < 8; worker++)
      merged.merge(momentsOf(data.slice(worker * 10_000, (worker + 1) * 10_000)));
    for (const moments of [whole, column, merged]) {
      close(moments.mean, mean, Math.sqrt(variance));
      close(moments.variance(), variance);
      close(moments.variance(1), (variance * 80_000) / 79_999);
      expect(moments.minimum).toBe(Math.min(...data.slice(0, 40_000), ...data.slice(40_000)));
      expect(moments.maximum).toBe(data.reduce((a, b) => Math.max(a, b)));
      expect(moments.count).toBe(80_000);
    }
  });

  it('hold where the mean is large beside the deviation', () => {
    const random = createRandom(4);
    const data = Array.from({ length: 10_000 }, () => 1e6 + random());
    const { mean, variance } = oracle(data);
    const column = createMoments();
    column.addColumn(data);
    close(column.mean, mean);
    expect(Math.abs(column.variance() / variance - 1)).toBeLessThan(1e-10);
  });

  it('merge alike from either side, bit for bit, and in any grouping to 1e-12', () => {
    const some = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { maxLength: 20 });
    fc.assert(
      fc.property(some, some, some, (a, b, c) => {
        const both = (left: readonly number[], right: Moments) => {
          const merged = momentsOf(left);
          merged.merge(right);
          return merged;
        };
        expect(both(a, momentsOf(b)).toJSON()).toEqual(both(b, momentsOf(a)).toJSON());
        const left = both(a, momentsOf(b));
        left.merge(momentsOf(c));
        const right = both(a, both(b, momentsOf(c)));
        const all = [...a, ...b, ...c];
        if (all.length === 0) {
          expect(left.mean).toBeNaN();
          return;
        }
        const scale = Math.max(...all.map(Math.abs), Number.MIN_VALUE);
        close(left.mean, right.mean, scale);
        close(left.variance(), right.variance(), scale ** 2);
        close(left.mean, oracle(all).mean, scale);
      }),
    );
  });

  it('leave out what is not finite and count it', () => {
    const data = [1, NaN, Infinity, 3, -Infinity, -0];
    const column = createMoments();
    column.addColumn(data);
    for (const moments of [momentsOf(data), column]) {
      expect(moments).toMatchObject({ count: 3, skipped: 3, minimum: -0, maximum: 3 });
      close(moments.mean, 4 / 3);
    }
    const column2 = createMoments();
    column2.addColumn([NaN, 1, NaN, 2, NaN, 3], 1, 2);
    expect(column2).toMatchObject({ count: 3, skipped: 0, mean: 2 });
  });

  it('say NaN where there is nothing to say', () => {
    const empty = createMoments();
    empty.merge(createMoments());
    expect(empty.mean).toBeNaN();
    expect(empty.variance()).toBeNaN();
    expect(momentsOf([5]).variance()).toBe(0);
    expect(momentsOf([5]).variance(1)).toBeNaN();
    expect(momentsOf([5]).deviation()).toBe(0);
  });

  it('keep a finite mean of the greatest numbers', () => {
    const data = [Number.MAX_VALUE, -Number.MAX_VALUE, Number.MAX_VALUE, Number.MAX_VALUE];
    const column = createMoments();
    column.addColumn(data);
    const merged = momentsOf(data.slice(0, 1));
    merged.merge(momentsOf(data.slice(1)));
    for (const moments of [momentsOf(data), column, merged]) {
      expect(moments.mean / Number.MAX_VALUE).toBeCloseTo(0.5, 12);
      expect(moments.variance()).toBe(Infinity);
    }
    expect(momentsOf([5e-324, 5e-324]).mean).toBe(5e-324);
  });

  it('double when merged with themselves', () => {
    const moments = momentsOf([1, 2, 4]);
    moments.merge(moments);
    expect(moments).toMatchObject({ count: 6, minimum: 1, maximum: 4 });
    close(moments.mean, 7 / 3);
    close(moments.variance(), momentsOf([1, 2, 4]).variance());
  });

  it('come back from JSON, and refuse what is none', () => {
    for (const moments of [createMoments(), momentsOf([1, -5, NaN]), momentsOf([1e200, -1e200])]) {
      expect(momentsFromJson(JSON.parse(JSON.stringify(moments))).toJSON()).toEqual(moments.toJSON());
    }
    const state = momentsOf([1, 2]).toJSON();
    for (const broken of [
      undefined,
      [],
      { ...state, count: -1 },
      { ...state, count: 0 },
      { ...state, mean: 7 },
      { ...state, mean: 'NaN' },
      { ...state, squares: -1 },
      { ...state, minimum: 3 },
      { ...state, maximum: 'Infinity' },
      { ...state, skipped: '1' },
    ]) {
      expect(() => momentsFromJson(broken)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    }
  });

  it('refuse a column that the array does not have', () => {
    const moments = createMoments();
    expect(() => moments.addColumn([1, 2], 1, 1, 2)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(moments.count).toBe(0);
  });
});
