import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../errors';
import { createTensor, type Tensors } from '../tensor/tensor';
import { nextBelow, quantileEdges } from './binning';
import { type FitReferenceOptions, fitReference, type ReferenceRows } from './fit-reference';
import fixtures from './fixtures/distances.json';

async function* yieldAll<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

const bare = (options: FitReferenceOptions = {}): FitReferenceOptions => ({
  inputs: ['x'],
  dtype: 'float64',
  ...options,
});

describe('nextBelow', () => {
  it('is the neighbour', () => {
    expect(nextBelow(1)).toBe(1 - 2 ** -53);
    expect(nextBelow(0)).toBe(-Number.MIN_VALUE);
    expect(nextBelow(-1)).toBe(-1 - 2 ** -52);
    expect(nextBelow(-Number.MAX_VALUE)).toBe(Number.NEGATIVE_INFINITY);
  });
});

describe('quantileEdges', () => {
  it('splits evenly what has no ties', () => {
    const sorted = Float64Array.from({ length: 100 }, (_, i) => i + 1);
    expect(quantileEdges(sorted, 4)).toEqual([25, 50, 75]);
  });

  it('never repeats an edge, even of infinitely steep ends', () => {
    const sorted = new Float64Array(10).fill(-Number.MAX_VALUE);
    expect(quantileEdges(sorted, 10)).toEqual([-Number.MAX_VALUE]);
    expect(quantileEdges(new Float64Array(0), 10)).toEqual([]);
  });
});

describe('fitReference', () => {
  it.each(fixtures.references)('agrees with numpy on $name values', async (fixture) => {
    const { features } = await fitReference(
      fixture.sample.map((value) => [value]),
      bare(),
    );
    const [feature] = features;
    expect(feature?.edges).toEqual(fixture.edges);
    expect(feature?.counts).toEqual(fixture.counts);
    expect(feature?.mean).toBeCloseTo(fixture.mean, 12);
    expect(feature?.deviation).toBeCloseTo(fixture.deviation, 12);
    expect(feature?.minimum).toBe(Math.min(...fixture.sample));
    expect(feature?.maximum).toBe(Math.max(...fixture.sample));
  });

  it('counts what is not finite by itself, and leaves it out of edges and moments', async () => {
    const values = [1, Number.NaN, 2, Number.POSITIVE_INFINITY, 3, Number.NEGATIVE_INFINITY, Number.NaN, 4];
    const reference = await fitReference(
      values.map((value) => [value]),
      bare({ bins: 2 }),
    );
    expect(reference.features[0]).toEqual({
      name: 'x',
      edges: [2],
      counts: [2, 2],
      missing: 2,
      negativeInfinity: 1,
      positiveInfinity: 1,
      mean: 2.5,
      deviation: Math.sqrt(1.25),
      minimum: 1,
      maximum: 4,
    });
  });

  it('keeps a feature that never had a finite value', async () => {
    const { features } = await fitReference([[Number.NaN], [Number.NaN]], bare());
    expect(features[0]).toMatchObject({ edges: [], counts: [0], missing: 2, mean: null, minimum: null });
  });

  it('gives the same for tensors, rows, batches and an async iterable', async () => {
    const rows = Array.from({ length: 50 }, (_, i) => Float32Array.from([i / 3, i % 4]));
    const tensor = (part: Float32Array[]): Tensors => ({
      x: createTensor('float32', [part.length, 2], Float32Array.from(part.flatMap((row) => [...row]))),
    });
    const expected = await fitReference(rows, { inputs: ['x'], featureNames: ['a', 'b'] });
    expect(expected).toMatchObject({ rows: 50, rowsRead: 50, inputs: [{ name: 'x', dtype: 'float32', width: 2 }] });
    const others: ReferenceRows[] = [tensor(rows), yieldAll(rows), [tensor(rows.slice(0, 20)), tensor(rows.slice(20))]];
    for (const other of others) {
      const options = other === others[1] ? { inputs: ['x'] } : {};
      expect(await fitReference(other, { ...options, featureNames: ['a', 'b'] })).toEqual(expected);
    }
  });

  it('rounds bare rows to the precision of the live tensors', async () => {
    const { features } = await fitReference([[0.1], [0.1]], { inputs: ['x'] });
    expect(features[0]?.edges.at(-1)).toBe(Math.fround(0.1));
  });

  it('reads big integers, half floats and rows along another axis', async () => {
    const { features, inputs } = await fitReference(
      {
        h: createTensor('float16', [1, 2], Uint16Array.from([0x3c00, 0xfc00])),
        n: createTensor('int64', [2, 2], BigInt64Array.from([1n, 2n, 3n, 4n])),
      },
      { batchAxis: 1 },
    );
    expect(inputs.map(({ width }) => width)).toEqual([1, 2]);
    expect(features.map(({ name, mean }) => [name, mean])).toEqual([
      ['h', 1],
      ['n[0]', 1.5],
      ['n[1]', 3.5],
    ]);
    expect(features[0]?.negativeInfinity).toBe(1);
  });

  it('keeps a fair sample of more rows than it may keep, and says so', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => [i]);
    const reference = await fitReference(rows, bare({ maxRows: 1000 }));
    expect(reference).toMatchObject({ rows: 1000, rowsRead: 20_000 });
    const [feature] = reference.features;
    expect(feature?.mean).toBeCloseTo(9999.5, 6);
    expect(feature?.counts.reduce((sum, count) => sum + count)).toBe(1000);
    // The median of 1000 of them lies within five standard errors, 5 · 20000 / (2·√1000).
    expect(Math.abs((feature?.edges[4] ?? 0) - 10_000)).toBeLessThan(1600);
    expect(await fitReference(rows, bare({ maxRows: 1000 }))).toEqual(reference);
  });

  const tensors = (data: number[], shape: number[]): Tensors => ({
    x: createTensor('float32', shape, Float32Array.from(data)),
  });
  const strings: Tensors = { s: createTensor('string', [1, 1], ['a']) };
  it.each<[string, unknown, FitReferenceOptions, ErrorCode, string]>([
    ['no rows', [], { inputs: ['x'] }, 'INVALID_INPUT', 'rows'],
    ['no rows in a tensor', tensors([], [0, 2]), {}, 'INVALID_INPUT', 'rows'],
    ['rows without values', [[]], { inputs: ['x'] }, 'INVALID_INPUT', 'rows'],
    ['one row in place of rows', Float32Array.of(1), { inputs: ['x'] }, 'INVALID_INPUT', 'rows'],
    ['a number', 5, {}, 'INVALID_INPUT', 'rows'],
    ['a row of another width', [[1, 2], [1]], { inputs: ['x'] }, 'INVALID_INPUT', 'rows[1]'],
    ['a string among numbers', [[1], ['1']], { inputs: ['x'] }, 'INVALID_INPUT', 'rows[1][0]'],
    ['a row that is none', [[1], 7], { inputs: ['x'] }, 'INVALID_INPUT', 'rows'],
    ['bare rows without a name', [[1]], {}, 'INVALID_INPUT', 'inputs'],
    ['bare rows with two names', [[1]], { inputs: ['x', 'y'] }, 'INVALID_INPUT', 'inputs'],
    ['a missing input', tensors([1], [1, 1]), { inputs: ['y'] }, 'INVALID_INPUT', 'y'],
    ['strings', strings, {}, 'INVALID_INPUT', 's.dtype'],
    ['too few names', tensors([1, 2], [1, 2]), { featureNames: ['a'] }, 'INVALID_INPUT', 'featureNames'],
    ['a name twice', tensors([1, 2], [1, 2]), { featureNames: ['a', 'a'] }, 'INVALID_OPTION', 'featureNames'],
    ['a batch of another width', [tensors([1, 2], [1, 2]), tensors([1], [1, 1])], {}, 'INVALID_INPUT', 'x'],
    ['a scalar', tensors([1], []), {}, 'INVALID_INPUT', 'x'],
    ['a dtype beside tensors', tensors([1], [1, 1]), { dtype: 'float64' }, 'INVALID_INPUT', 'dtype'],
    ['one bin', [[1]], { inputs: ['x'], bins: 1 }, 'INVALID_OPTION', 'bins'],
    ['more memory than allowed', [new Float32Array(60_000)], { inputs: ['x'] }, 'LIMIT_EXCEEDED', 'maxRows'],
    ['more features than allowed', [new Float32Array(70_000)], { inputs: ['x'], maxRows: 9 }, 'LIMIT_EXCEEDED', 'rows'],
  ])('refuses %s', async (_what, rows, options, code, field) => {
    await expect(fitReference(rows as ReferenceRows, options)).rejects.toMatchObject({ code, details: { field } });
  });

  it('refuses an unknown option and stops when its signal is aborted', async () => {
    const unknown = { input: 'x' } as FitReferenceOptions;
    await expect(fitReference([[1]], unknown)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { field: 'input' },
    });
    const controller = new AbortController();
    const endless = async function* () {
      for (let i = 0; ; i++) {
        if (i === 10) controller.abort('enough');
        yield [i];
      }
    };
    await expect(fitReference(endless(), { inputs: ['x'], signal: controller.signal })).rejects.toMatchObject({
      code: 'ABORTED',
      cause: 'enough',
    });
  });
});
