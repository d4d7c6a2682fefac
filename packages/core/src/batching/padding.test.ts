import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gather, type Region, regionOf, spread } from './padding';
import { cutNaively, padNaively } from './padding.fixture';

const range = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => from + index);
const product = (shape: readonly number[]): number => shape.reduce((count, size) => count * size, 1);

describe('a region', () => {
  test('is none where nothing is padded', () => {
    expect(regionOf([2, 3], [2, 3])).toBeUndefined();
    expect(regionOf([], [])).toBeUndefined();
  });

  test('takes the axes before the padded one together, and those after it', () => {
    expect(regionOf([2, 3, 4, 5, 6], [2, 3, 8, 5, 6])).toEqual({
      repeats: 6,
      real: [4 * 30],
      padded: [8 * 30],
      realSteps: [1],
      paddedSteps: [1],
      realElements: 120,
      paddedElements: 240,
    });
  });

  test('keeps several padded axes apart', () => {
    expect(regionOf([3, 20, 5, 30], [3, 32, 5, 64])).toMatchObject({
      repeats: 3,
      real: [100, 30],
      padded: [160, 64],
      realSteps: [30, 1],
      paddedSteps: [64, 1],
    });
  });
});

describe('spreading', () => {
  test('writes the padding of rows beside them, over what was there', () => {
    const target = new Float32Array(12).fill(99);
    spread(target, 2, Float32Array.of(1, 2, 3, 4), regionOf([2], [4]) as Region, 2, -1);
    expect(Array.from(target)).toEqual([99, 99, 1, 2, -1, -1, 3, 4, -1, -1, 99, 99]);
  });

  test('pads an outer axis behind the whole of the inner ones', () => {
    const target = new Array<string>(8).fill('old');
    spread(target, 0, ['a', 'b', 'c', 'd'], regionOf([2, 2], [3, 2]) as Region, 1, '-');
    expect(target).toEqual(['a', 'b', 'c', 'd', '-', '-', 'old', 'old']);
  });

  test('pads two axes at once', () => {
    const target = new BigInt64Array(9).fill(7n);
    spread(target, 0, BigInt64Array.of(1n, 2n, 3n, 4n), regionOf([2, 2], [3, 3]) as Region, 1, 0n);
    expect(Array.from(target)).toEqual([1n, 2n, 0n, 3n, 4n, 0n, 0n, 0n, 0n]);
  });

  test('writes nothing where another axis has no elements', () => {
    const target = new Float32Array(2).fill(9);
    spread(target, 0, new Float32Array(0), regionOf([0, 2], [0, 3]) as Region, 4, 1);
    spread(target, 0, new Float32Array(0), regionOf([2, 0], [3, 0]) as Region, 4, 1);
    expect(Array.from(target)).toEqual([9, 9]);
  });
});

/** A shape and one no smaller, both of up to five axes. */
const shapes = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.constantFrom(0, 0, 1, 3, 40)), { minLength: 1, maxLength: 4 })
  .map((axes) => ({ real: axes.map(([size]) => size), padded: axes.map(([size, more]) => size + more) }))
  .filter(({ padded }) => product(padded) <= 20_000);

describe('whatever the shapes', () => {
  test('every element is where its index says, all else is padding, and nothing beyond is touched', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 5 }), (shape, times, offset) => {
        const { real, padded } = shape;
        const region = regionOf(real, padded);
        fc.pre(region !== undefined);
        const source = Float64Array.from(range(times * product(real)));
        const length = times * product(padded);
        const target = new Float64Array(offset + length + 3).fill(-7);
        spread(target, offset, source, region as Region, times, -1);
        const expected = padNaively(source, [times, ...real], [times, ...padded], -1);
        expect(Array.from(target.subarray(offset, offset + length))).toEqual(expected);
        expect(Array.from(target.subarray(0, offset))).toEqual(range(offset).map(() => -7));
        expect(Array.from(target.subarray(offset + length))).toEqual([-7, -7, -7]);
      }),
    );
  });

  test('gathering is the inverse of spreading', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 5 }), (shape, times, offset) => {
        const { real, padded } = shape;
        const region = regionOf(real, padded);
        fc.pre(region !== undefined);
        const source = range(offset + times * product(padded)).map(String);
        const target = new Array<string>(times * product(real)).fill('');
        gather(target, source, offset, region as Region, times);
        expect(target).toEqual(cutNaively(source.slice(offset), [times, ...padded], [times, ...real]));
      }),
    );
  });
});
