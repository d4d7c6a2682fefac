import { expect, test } from 'vitest';
import { darkest, downsample, downsampleAll, looks, pixelCount, side } from './downsample';
import type { Drawing } from './strokes';

const row = (pixels: Float32Array, index: number): number[] =>
  Array.from(pixels.slice(index * side, (index + 1) * side));
const line = (fromX: number, fromY: number, toX: number, toY: number) => [
  { x: fromX, y: fromY },
  { x: toX, y: toY },
];
const seven: Drawing = [[...line(20, 10, 80, 10), { x: 45, y: 90 }]];

test('an empty drawing, and strokes without a point, are no ink', () => {
  expect(downsample([])).toEqual(new Float32Array(pixelCount));
  expect(downsample([[], []])).toEqual(new Float32Array(pixelCount));
});

test('a single dot lies in the middle, as large as the pen', () => {
  const pixels = downsample([[{ x: 3, y: 97 }]]);
  const corners = [27, 28, 35, 36];
  const inked = [...pixels.keys()].filter((index) => pixels[index] !== 0);
  expect(inked).toEqual(corners);
  // A quarter of a round pen each.
  expect(new Set(corners.map((index) => pixels[index]))).toEqual(new Set([6]));
});

test('an upright line fills the middle from top to bottom, and nothing beside it', () => {
  const pixels = downsample([line(50, 20, 50, 80)]);
  for (let index = 0; index < side; index++) {
    expect([0, 1, 2, 5, 6, 7].map((column) => row(pixels, index)[column])).toEqual([0, 0, 0, 0, 0, 0]);
  }
  for (const index of [1, 2, 3, 4, 5, 6]) expect(row(pixels, index)).toEqual([0, 0, 0, 12, 12, 0, 0, 0]);
});

test('a flat line stays flat, in the middle of the height', () => {
  const pixels = downsample([line(0, 40, 100, 40)]);
  const inked = Array.from({ length: side }, (_, index) => row(pixels, index).some((value) => value > 0));
  expect(inked).toEqual([false, false, false, true, true, false, false, false]);
  expect(row(pixels, 3)[0]).toBe(0);
  expect(row(pixels, 3)[3]).toBeGreaterThan(8);
});

test('a seven has its bar at the top and its stem below, in whole numbers from 0 to 16', () => {
  const pixels = downsample(seven);
  expect([...pixels].every((value) => Number.isInteger(value) && value >= 0 && value <= darkest)).toBe(true);
  expect(
    row(pixels, 0)
      .slice(2, 6)
      .every((value) => value >= 12),
  ).toBe(true);
  expect(row(pixels, 7).map((value) => value > 0)).toEqual([false, false, false, true, true, false, false, false]);
  expect(row(pixels, 3).findIndex((value) => value > 8)).toBeGreaterThan(
    row(pixels, 6).findIndex((value) => value > 8),
  );
});

test('it does not matter where and how large somebody draws', () => {
  const moved = seven.map((stroke) => stroke.map(({ x, y }) => ({ x: x * 4 - 300, y: y * 4 + 1000 })));
  expect(downsample(moved)).toEqual(downsample(seven));
});

test('nor how many points a straight stroke has', () => {
  const points = Array.from({ length: 61 }, (_, index) => ({ x: 50, y: 20 + index }));
  expect(downsample([points])).toEqual(downsample([line(50, 20, 50, 80)]));
});

test('a look that takes the slant out stands a slanted line upright', () => {
  const slanted: Drawing = [line(70, 10, 40, 90)];
  const look = { width: 21, height: 31, tilt: 0 };
  expect(downsample(slanted, { ...look, upright: 1 })).toEqual(downsample([line(50, 10, 50, 90)]));
  expect(downsample(slanted, { ...look, upright: 0 })).not.toEqual(downsample([line(50, 10, 50, 90)]));
});

test('all looks lie one after another, each with ink', () => {
  const rows = downsampleAll(seven);
  expect(rows).toHaveLength(looks.length * pixelCount);
  looks.forEach((look, index) => {
    const part = rows.slice(index * pixelCount, (index + 1) * pixelCount);
    expect(part).toEqual(downsample(seven, look));
    expect(part.some((value) => value > 0)).toBe(true);
  });
});
