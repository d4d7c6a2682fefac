import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { viewRows } from '../rows';
import { layOut } from './feature-layout';
import { slotsOfColumn } from './slots-of-column';

const tensor = (values: readonly number[]) =>
  viewRows({ dtype: 'float64', shape: [values.length, 1], data: Float64Array.from(values) }, 'x', 0);

const anyEdge = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(0, 5e-324, -5e-324, Number.MAX_VALUE, -Number.MAX_VALUE, 1, 1 + 2 ** -52, 1e-300, 1e300),
);

describe('slotsOfColumn', () => {
  it('finds the bin that a plain search finds, for edges and values of every size', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyEdge, { maxLength: 30, comparator: (a, b) => a === b }),
        fc.array(fc.oneof(anyEdge, fc.constantFrom(Infinity, -Infinity, NaN)), { maxLength: 30 }),
        (unsorted, others) => {
          const edges = [...unsorted].sort((a, b) => a - b);
          const values = [...others, ...edges];
          const layout = layOut({
            rows: 1,
            rowsRead: 1,
            inputs: [{ name: 'x', dtype: 'float64', width: 1 }],
            features: [
              {
                ...{ name: 'x', edges, counts: new Array(edges.length + 1).fill(0) },
                ...{ missing: 0, negativeInfinity: 0, positiveInfinity: 0 },
                ...{ mean: null, deviation: null, minimum: null, maximum: null },
              },
            ],
          });
          const slots = new Uint16Array(values.length);
          slotsOfColumn(
            layout,
            0,
            tensor(values),
            0,
            Int32Array.from(values.keys()),
            values.length,
            slots,
            new Float64Array(1),
          );
          const expected = values.map((value) => {
            if (Number.isFinite(value)) return edges.filter((edge) => edge < value).length;
            return layout.binSlots + (Number.isNaN(value) ? 0 : value < 0 ? 1 : 2);
          });
          expect([...slots]).toEqual(expected);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
