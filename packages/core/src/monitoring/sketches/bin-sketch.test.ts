import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTensor } from '../../tensor/tensor';
import { fitReference } from '../fit-reference';
import { viewRows } from '../rows';
import { SlidingWindow } from '../window';
import { BinSketch } from './bin-sketch';
import { type FeatureLayout, layOut } from './feature-layout';

const training = Array.from({ length: 60 }, (_, i) => [i * 0.5, i % 7, 3]);
const layoutOf = async () => layOut(await fitReference(training, { inputs: ['x'], dtype: 'float64' }));

function sketchOf(layout: FeatureLayout, rows: readonly (readonly number[])[]): BinSketch {
  const sketch = new BinSketch(layout);
  addRows(sketch, rows);
  return sketch;
}

function addRows(sketch: BinSketch, rows: readonly (readonly number[])[]): void {
  const view = viewRows(createTensor('float64', [rows.length, 3], Float64Array.from(rows.flat())), 'x', 0);
  const [input] = sketch.layout.inputs;
  if (input === undefined) throw new Error('the layout has no input');
  for (let row = 0; row < rows.length; row++) {
    sketch.addRow(view, input, row);
    sketch.rows++;
  }
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
    const window = new SlidingWindow(layout, 20);
    const rows = Array.from({ length: 50 }, (_, i) => [i, i % 7, 3]);
    expect(window.bucketRows).toBe(2);
    for (let i = 0; i < 50; i += 2) {
      addRows(window.bucket, rows.slice(i, i + 2));
      window.advance();
      const last = rows.slice(Math.max(0, i + 2 - 20), i + 2);
      const expected = sketchOf(layout, last);
      expect(window.total().counts).toEqual(expected.counts);
      expect([...window.total().sums]).toEqual([...expected.sums]);
      expect(window.total().rows).toBe(last.length);
    }
  });
});
