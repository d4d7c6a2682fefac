import { describe, expect, it } from 'vitest';
import { createReservoir, type ReservoirOptions, reservoirFromJson } from './reservoir';

/** χ² of how often each of the rows was drawn, beside equal shares, with the row count's degrees of freedom less one. */
function chiSquared(drawn: Float64Array): number {
  const expected = drawn.reduce((sum, count) => sum + count, 0) / drawn.length;
  return drawn.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** The .999 quantile of χ² (Wilson and Hilferty). */
const mostOf = (degrees: number) => degrees * (1 - 2 / (9 * degrees) + 3.09 * Math.sqrt(2 / (9 * degrees))) ** 3;

const trials = 4000;

/** How often each of `rows` values is drawn over many seeds, of a reservoir that `fill` fills. */
function drawnBy(rows: number, fill: (seed: number) => ArrayLike<number>): Float64Array {
  const drawn = new Float64Array(rows);
  for (let seed = 1; seed <= trials; seed++) {
    for (const value of Array.from(fill(seed))) drawn[value] = (drawn[value] as number) + 1;
  }
  return drawn;
}

const range = (from: number, to: number) => Float64Array.from({ length: to - from }, (_, i) => from + i);

// A sample without putting back varies less than χ² assumes, by (rows − size) / (rows − 1); too even would be wrong as well.
function expectUniform(drawn: Float64Array, size: number): void {
  const degrees = drawn.length - 1;
  const spread = (drawn.length - size) / degrees;
  const statistic = chiSquared(drawn) / spread;
  expect(statistic).toBeLessThan(mostOf(degrees));
  expect(statistic).toBeGreaterThan(degrees * (1 - 2 / (9 * degrees) - 3.09 * Math.sqrt(2 / (9 * degrees))) ** 3);
}

describe('a reservoir', () => {
  it('draws each row with the same chance', () => {
    const values = range(0, 60);
    expectUniform(
      drawnBy(60, (seed) => {
        const reservoir = createReservoir({ size: 6, seed });
        for (const value of values) reservoir.add(value);
        return reservoir.values();
      }),
      6,
    );
    expectUniform(
      drawnBy(60, (seed) => {
        const reservoir = createReservoir({ size: 6, seed });
        for (let from = 0; from < 60; from += 10) reservoir.addColumn(values, from, 1, 10);
        return reservoir.values();
      }),
      6,
    );
  });

  it('draws each pair of rows with the same chance', () => {
    const pairs = new Float64Array(66);
    for (let seed = 1; seed <= trials; seed++) {
      const reservoir = createReservoir({ size: 2, seed });
      reservoir.addColumn(range(0, 12));
      const [low, high] = [...reservoir.values()].sort((a, b) => a - b) as [number, number];
      const pair = (high * (high - 1)) / 2 + low;
      pairs[pair] = (pairs[pair] as number) + 1;
    }
    expect(chiSquared(pairs)).toBeLessThan(mostOf(65));
  });

  it('draws from eight merged workers, of whom some saw more, each row with the same chance', () => {
    const bounds = [0, 3, 40, 41, 41, 60, 64, 90, 120];
    const fill = (order: readonly number[]) => (seed: number) => {
      const merged = createReservoir({ size: 8, seed: seed * 16 });
      for (const worker of order) {
        const other = createReservoir({ size: 8, seed: seed * 16 + 1 + worker });
        other.addColumn(range(bounds[worker] as number, bounds[worker + 1] as number));
        merged.merge(other);
      }
      expect(merged.seen).toBe(120);
      return merged.values();
    };
    expectUniform(drawnBy(120, fill([0, 1, 2, 3, 4, 5, 6, 7])), 8);
    expectUniform(drawnBy(120, fill([6, 2, 7, 0, 1, 5, 3, 4])), 8);
  });

  it('goes on uniformly after a merge', () => {
    expectUniform(
      drawnBy(100, (seed) => {
        const reservoir = createReservoir({ size: 5, seed: 2 * seed });
        reservoir.addColumn(range(0, 30));
        const other = createReservoir({ size: 5, seed: 2 * seed + 1 });
        other.addColumn(range(30, 50));
        reservoir.merge(other);
        reservoir.addColumn(range(50, 100));
        return reservoir.values();
      }),
      5,
    );
  });

  it('goes on uniformly after JSON', () => {
    expectUniform(
      drawnBy(80, (seed) => {
        const reservoir = createReservoir({ size: 5, seed });
        reservoir.addColumn(range(0, 40));
        const back = reservoirFromJson(JSON.parse(JSON.stringify(reservoir)), seed + 100_000);
        expect(back.values()).toEqual(reservoir.values());
        back.addColumn(range(40, 80));
        return back.values();
      }),
      5,
    );
  });

  it('follows from its seed', () => {
    const sample = (seed: number) => {
      const reservoir = createReservoir({ size: 20, seed });
      reservoir.addColumn(range(0, 10_000));
      return reservoir.values();
    };
    expect(sample(7)).toEqual(sample(7));
    expect(sample(7)).not.toEqual(sample(8));
  });

  it('keeps rows whole, in either dtype, through merges', () => {
    const fill = (from: number, to: number, seed: number) => {
      const reservoir = createReservoir({ size: 10, width: 3, dtype: 'float32', seed });
      const batch = Float32Array.from({ length: (to - from) * 3 }, (_, i) => (from + Math.floor(i / 3)) * 10 + (i % 3));
      for (let row = 0; row < to - from; row++) reservoir.addRow(batch, row * 3);
      return reservoir;
    };
    const reservoir = fill(0, 50, 1);
    reservoir.merge(fill(50, 300, 2));
    reservoir.merge(fill(300, 304, 3));
    const values = reservoir.values();
    expect(values).toBeInstanceOf(Float32Array);
    expect(values).toHaveLength(30);
    const rows = new Set<number>();
    for (let row = 0; row < 10; row++) {
      const first = values[row * 3] as number;
      expect([values[row * 3 + 1], values[row * 3 + 2]]).toEqual([first + 1, first + 2]);
      rows.add(first);
    }
    expect(rows.size).toBe(10);
  });

  it('keeps everything while there is room', () => {
    const reservoir = createReservoir({ size: 10 });
    reservoir.addColumn([1, NaN, Infinity]);
    const other = createReservoir({ size: 10, seed: 2 });
    other.addColumn([4, 5]);
    reservoir.merge(other);
    reservoir.merge(createReservoir({ size: 10 }));
    expect([...reservoir.values()].sort()).toEqual([1, 4, 5, Infinity, NaN].sort());
    const empty = createReservoir({ size: 10 });
    empty.merge(empty);
    empty.merge(reservoir);
    expect(empty).toMatchObject({ seen: 5, rows: 5 });
    empty.reset();
    expect(empty).toMatchObject({ seen: 0, rows: 0 });
  });

  it('doubles what it saw when merged with itself', () => {
    const reservoir = createReservoir({ size: 4, seed: 5 });
    reservoir.addColumn(range(0, 3));
    reservoir.merge(reservoir);
    expect(reservoir).toMatchObject({ seen: 6, rows: 4 });
    for (const value of reservoir.values()) expect([0, 1, 2]).toContain(value);
  });

  it('samples a single row', () => {
    expectUniform(
      drawnBy(10, (seed) => {
        const reservoir = createReservoir({ size: 1, seed });
        reservoir.addColumn(range(0, 10));
        return reservoir.values();
      }),
      1,
    );
  });

  it('refuses what it cannot use', () => {
    for (const options of [
      { size: 0 },
      { size: 70_000 },
      { width: 0 },
      { size: 65_536, width: 257 },
      { dtype: 'int8' },
      { seed: -1 },
    ]) {
      expect(() => createReservoir(options as ReservoirOptions), JSON.stringify(options)).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION' }),
      );
    }
    const wide = createReservoir({ size: 4, width: 2 });
    const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
    expect(() => wide.add(1)).toThrow(invalid);
    expect(() => wide.addColumn([1])).toThrow(invalid);
    expect(() => wide.addRow([1])).toThrow(invalid);
    expect(() => wide.addRow([1, 2, 3], 2)).toThrow(invalid);
    expect(() => wide.merge(createReservoir({ size: 4 }))).toThrow(invalid);
    expect(() => wide.merge(createReservoir({ size: 5, width: 2 }))).toThrow(invalid);
    expect(() => wide.merge(createReservoir({ size: 4, width: 2, dtype: 'float32' }))).toThrow(invalid);
    expect(wide.seen).toBe(0);
    wide.addRow([1, 2]);
    const state = wide.toJSON();
    for (const broken of [
      'x',
      { ...state, size: 0 },
      { ...state, size: 65_536, width: 65_536 },
      { ...state, dtype: 'float16' },
      { ...state, seen: 2 },
      { ...state, values: [1, 2, 3] },
      { ...state, values: [1, null] },
      { ...state, values: { length: 2 } },
    ]) {
      expect(() => reservoirFromJson(broken)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    }
  });
});
