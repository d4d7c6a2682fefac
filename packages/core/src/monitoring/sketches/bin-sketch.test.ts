import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTensor } from '../../tensor/tensor';
import { fitReference } from '../fit-reference';
import { viewRows } from '../rows';
import { SlidingWindow } from '../window';
import { BinSketch } from './bin-sketch';
import { type FeatureLayout, layOut } from './feature-layout';
import { slotsOfColumn } from './slots-of-column';

const training = Array.from({ length: 60 }, (_, i) => [i * 0.5, i % 7, 3]);
const layoutOf = async () => layOut(await fitReference(training, { inputs: ['x'], dtype: 'float64' }));

function sketchOf(layout: FeatureLayout, rows: readonly (readonly number[])[]): BinSketch {
  const sketch = new BinSketch(layout);
  addRows(sketch, rows);
  return sketch;
}

function addRows(sketch: BinSketch, rows: readonly (readonly number[])[]): void {
  const view = viewRows(createTensor('float64', [rows.length, 3], Float64Array.from(rows.flat())), 'x', 0);
  const picked = Int32Array.from(rows.keys());
  const slots = new Uint16Array(rows.length);
  for (let feature = 0; feature < 3; feature++) {
    slotsOfColumn(sketch.layout, feature, view, feature, picked, rows.length, slots, sketch.sums);
    sketch.addColumn(feature, slots, rows.length);
  }
  sketch.rows += rows.length;
}

const value = fc.oneof(
  fc.double(),
  fc.integer({ min: -1, max: 31 }),
  fc.constantFrom(0, -0, 3, Infinity, -Infinity, NaN),
);
const rowsOfThree = fc.array(fc.tuple(value, value, value), { maxLength: 40 });

describe('BinSketch', () => {
  it('counts every value in the bin of its edges, as a plain search does', async () => {
    const layout = await layoutOf();
    fc.assert(
      fc.property(rowsOfThree, (rows) => {
        const expected = new Float64Array(layout.features.length * layout.slots);
        for (const row of rows) {
          row.forEach((x, feature) => {
            const edges = layout.features[feature]?.edges ?? [];
            const tally = Number.isNaN(x) ? 0 : x === -Infinity ? 1 : x === Infinity ? 2 : -1;
            const slot = tally < 0 ? edges.filter((edge) => edge < x).length : layout.binSlots + tally;
            const place = feature * layout.slots + slot;
            expected[place] = (expected[place] ?? 0) + 1;
          });
        }
        expect(sketchOf(layout, rows).counts).toEqual(expected);
      }),
    );
  });

  it('merges to what one sketch of all rows counts, in any order and grouping', async () => {
    const layout = await layoutOf();
    fc.assert(
      fc.property(rowsOfThree, rowsOfThree, rowsOfThree, (a, b, c) => {
        const whole = sketchOf(layout, [...a, ...b, ...c]);
        const left = sketchOf(layout, a);
        left.merge(sketchOf(layout, b));
        left.merge(sketchOf(layout, c));
        const right = sketchOf(layout, c);
        right.merge(sketchOf(layout, b));
        right.merge(sketchOf(layout, a));
        for (const merged of [left, right]) {
          expect(merged.counts).toEqual(whole.counts);
          expect(merged.rows).toBe(whole.rows);
        }
      }),
    );
  });

  it('adds up the finite values', async () => {
    const layout = await layoutOf();
    const sketch = sketchOf(layout, [
      [1, 2, NaN],
      [4, -Infinity, NaN],
    ]);
    expect([...sketch.sums]).toEqual([5, 2, 0]);
  });

  it('refuses to merge what was counted by other edges', async () => {
    const layout = await layoutOf();
    const other = layOut(await fitReference([[1, 2, 3]], { inputs: ['x'], dtype: 'float64' }));
    expect(() => new BinSketch(layout).merge(new BinSketch(other))).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
    expect(() => new BinSketch(layout).merge(new BinSketch({ ...layout }))).not.toThrow();
  });

  it('takes the same memory for ten rows and for ten thousand', async () => {
    const layout = await layoutOf();
    const sketch = new BinSketch(layout);
    const { counts, sums } = sketch;
    for (let i = 0; i < 1000; i++) addRows(sketch, training.slice(0, 10));
    expect(sketch.counts).toBe(counts);
    expect(sketch.sums).toBe(sums);
    expect((counts.byteLength + sums.byteLength) / layout.features.length).toBeLessThan(300);
  });
});

describe('SlidingWindow', () => {
  it('holds the last ten buckets and no more', async () => {
    const layout = await layoutOf();
    const window = new SlidingWindow(layout, { rows: 20 });
    const rows = Array.from({ length: 50 }, (_, i) => [i, i % 7, 3]);
    expect(window.bucketRows).toBe(2);
    for (let i = 0; i < 50; i += 2) {
      addRows(window.bucket, rows.slice(i, i + 2));
      expect(window.advanceTo(0)).toBe(1);
      const last = rows.slice(Math.max(0, i + 2 - 20), i + 2);
      const expected = sketchOf(layout, last);
      expect(window.total().counts).toEqual(expected.counts);
      expect([...window.total().sums]).toEqual([...expected.sums]);
      expect(window.total().rows).toBe(last.length);
    }
  });

  it('holds a stretch of time, empty buckets and long pauses included', async () => {
    const layout = await layoutOf();
    const window = new SlidingWindow(layout, { durationMs: 1000 });
    const at = (now: number, rows: number): number => {
      const ended = window.advanceTo(now);
      addRows(window.bucket, Array(rows).fill([1, 2, 3]));
      return ended;
    };
    expect([at(50, 4), at(149, 1), at(150, 2), at(420, 3)]).toEqual([0, 0, 1, 2]);
    expect(window.total().rows).toBe(10);
    // The bucket of the first five rows is the tenth before this one, then it is out.
    expect(at(1149, 0)).toBe(7);
    expect(window.total().rows).toBe(10);
    expect(at(1150, 1)).toBe(1);
    expect(window.total().rows).toBe(6);
    expect(at(1e9, 1)).toBeGreaterThan(1000);
    expect(window.total().rows).toBe(1);
  });
});
