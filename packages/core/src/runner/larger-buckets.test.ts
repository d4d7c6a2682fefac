import { describe, expect, test } from 'vitest';
import type { OpenSlab } from '../batching/shape-fit';
import type { ModelSignature } from '../signature';
import type { Tensor, Tensors } from '../tensor/tensor';
import { closeBench, dataOf, follow, openBench, until } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { createLargerBuckets, type PricedBucket } from './larger-buckets';

const bucket = (key: string, fixedMs: number, msPerRow: number): PricedBucket => ({ key, cost: { fixedMs, msPerRow } });
const slabOf = (key: string, room = 100): OpenSlab => ({ layout: { key }, room });

describe('a request', () => {
  test('joins a larger bucket while that costs less than a batch of its own', () => {
    const { choose } = createLargerBuckets();
    const [own, larger] = [bucket('small', 10, 1), bucket('large', 10, 4)];
    const slab = slabOf('large');
    // 10 ms for a batch of its own, against 3 ms more a row: three rows join, the fourth would cost more than it saves.
    const rows = Array.from({ length: 5 }, () => choose(own, 1, [{ slab, bucket: larger }]));
    expect(rows).toEqual([slab, slab, slab, undefined, undefined]);
    // The next slab begins anew.
    expect(choose(own, 3, [{ slab: slabOf('large'), bucket: larger }])).toBeDefined();
    expect(choose(own, 4, [{ slab: slabOf('large'), bucket: larger }])).toBeUndefined();
  });

  test('waits in its own where as many came the last time as make a batch of their own worth it', () => {
    const { choose, placed } = createLargerBuckets();
    const [own, larger] = [bucket('small', 10, 1), bucket('large', 10, 4)];
    const arrive = (slab: OpenSlab): boolean => {
      const joins = choose(own, 1, [{ slab, bucket: larger }]) !== undefined;
      placed('small', 1);
      return joins;
    };
    const [first, second, third] = [slabOf('large'), slabOf('large'), slabOf('large')];
    // Three join, and the fourth begins a batch of its own, into which three more come without asking.
    expect([arrive(first), arrive(first), arrive(first), arrive(first)]).toEqual([true, true, true, false]);
    placed('small', 3);
    // Seven came: the next one does not join. It was alone, so the one after does again.
    expect(arrive(second)).toBe(false);
    expect(arrive(third)).toBe(true);
  });

  test('joins none that has no room for all its rows', () => {
    const { choose } = createLargerBuckets();
    const candidates = [{ slab: slabOf('large', 2), bucket: bucket('large', 10, 1) }];
    expect(choose(bucket('small', 10, 1), 3, candidates)).toBeUndefined();
    expect(choose(bucket('small', 10, 1), 2, candidates)).toBeDefined();
  });

  test('joins the one that saves the most', () => {
    const { choose } = createLargerBuckets();
    const candidates = [
      { slab: slabOf('largest'), bucket: bucket('largest', 10, 8) },
      { slab: slabOf('larger'), bucket: bucket('larger', 10, 2) },
      { slab: slabOf('large'), bucket: bucket('large', 10, 4) },
    ];
    expect(choose(bucket('small', 10, 1), 1, candidates)?.layout.key).toBe('larger');
    expect(choose(bucket('small', 10, 1), 1, [])).toBeUndefined();
  });

  test('stays in its own bucket where times say nothing', () => {
    const candidates = [{ slab: slabOf('large'), bucket: bucket('large', 0, 0) }];
    expect(createLargerBuckets().choose(bucket('small', 0, 0), 1, candidates)).toBeUndefined();
  });
});

describe('a runner', () => {
  const signature: ModelSignature = {
    inputs: [{ name: 'x', dtype: 'int32', shape: ['batch', 'n'] }],
    outputs: [{ name: 'y', dtype: 'int32', shape: ['batch', 'n'] }],
    batchAxis: 0,
  };
  const request = (size: number, rows = 1): Tensors => ({
    x: {
      dtype: 'int32',
      shape: [rows, size],
      data: Int32Array.from({ length: rows * size }, (_, index) => size * 100 + index),
    },
  });

  /** Batches of requests sent in one turn to a model whose batches take `fixedMs`, and `msPerElement` for each element. */
  async function batchesOf(sizes: readonly number[], fixedMs: number, msPerElement: number, warmUp = true) {
    const clock = createVirtualClock();
    const bench = await openBench(
      {
        signature,
        async compute(inputs) {
          const x = dataOf(inputs, 'x', 'int32').slice();
          const shape = inputs.x?.shape ?? [];
          const ms = fixedMs + msPerElement * x.length;
          await new Promise<void>((resolve) => void clock.setTimer(resolve, ms));
          return { y: { dtype: 'int32', shape, data: x } };
        },
      },
      { shapes: { n: { buckets: [4, 16, 64], pad: { x: -1 } } }, warmUp, batching: { maxBatchRows: 8 } },
      clock,
    );
    const before = bench.backend.calls.length;
    const outcomes = sizes.map((size) => follow(bench.runner.run(request(size)), clock));
    await clock.advance(10_000);
    // Whatever bucket it travelled in, each has what is his.
    for (const [index, size] of sizes.entries()) {
      const { x } = request(size);
      expect(outcomes[index]?.value?.outputs.y).toEqual(x);
    }
    const shapes = bench.backend.calls.slice(before).map(({ inputs }) => inputs.x?.shape);
    const used = bench.runner.describe().shapes?.used;
    await closeBench(bench);
    return { shapes, used };
  }

  test('joins sizes where a batch costs much and a row little, told in its description', async () => {
    const { shapes, used } = await batchesOf([60, 3, 10, 2], 20, 0.001);
    expect(shapes).toEqual([[4, 64]]);
    expect(used).toEqual([{ sizes: { n: 64 }, rows: 4, paddedShare: 1 - 75 / 256 }]);
  });

  test('keeps them apart where a row costs much', async () => {
    const { shapes } = await batchesOf([60, 3, 10, 2], 0.01, 1);
    expect(shapes).toHaveLength(3);
    expect(shapes).toEqual(
      expect.arrayContaining([
        [1, 64],
        [2, 4],
        [1, 16],
      ]),
    );
  });

  test('keeps them apart where nothing was measured', async () => {
    expect((await batchesOf([60, 3, 10, 2], 20, 0.001, false)).shapes).toHaveLength(3);
  });

  test('goes back to their own bucket once a batch of their own is worth it', async () => {
    // 2 ms for a batch; a row of 64 costs .64 ms, one of 4 costs .04: three of the small ones join, the rest do not.
    const { shapes } = await batchesOf([60, 1, 2, 3, 4, 1, 2], 2, 0.01);
    expect(shapes).toEqual(
      expect.arrayContaining([
        [4, 64],
        [3, 4],
      ]),
    );
    expect(shapes).toHaveLength(2);
  });

  test('never joins a smaller bucket, nor one that is larger on one axis and smaller on the other', async () => {
    const square: ModelSignature = {
      inputs: [{ name: 'x', dtype: 'int32', shape: ['batch', 'h', 'w'] }],
      outputs: [{ name: 'y', dtype: 'int32', shape: ['batch'] }],
      batchAxis: 0,
    };
    const rule = { buckets: [2, 4], pad: { x: 0 } };
    const bench = await openBench(
      {
        signature: square,
        latencyMs: () => 20,
        compute: (_inputs, rows) => ({ y: { dtype: 'int32', shape: [rows], data: new Int32Array(rows) } }),
      },
      { shapes: { h: rule, w: rule }, warmUp: true },
    );
    const before = bench.backend.calls.length;
    for (const [h, w] of [
      [2, 4],
      [4, 2],
      [2, 2],
      [3, 3],
    ] as const) {
      const x = { dtype: 'int32' as const, shape: [1, h, w], data: new Int32Array(h * w) };
      void follow(bench.runner.run({ x }), bench.clock);
    }
    await bench.clock.advance(500);
    expect(bench.backend.calls.slice(before).map(({ inputs }) => inputs.x?.shape)).toEqual([
      [2, 2, 4],
      [1, 4, 2],
      [1, 4, 4],
    ]);
    await closeBench(bench);
  });
});

describe('over a long run', () => {
  const signature: ModelSignature = {
    inputs: [{ name: 'x', dtype: 'int32', shape: ['batch', 'n'] }],
    outputs: [{ name: 'y', dtype: 'int32', shape: ['batch', 'n'] }],
    batchAxis: 0,
  };

  /** Milliseconds of the virtual clock for 400 requests of sizes 1 to 127 by callers who ask again when answered. */
  async function elapsed(callers: number, fixedMs: number, msPerElement: number, warmUp: boolean): Promise<number> {
    const clock = createVirtualClock();
    const bench = await openBench(
      {
        signature,
        async compute(inputs) {
          const { x } = inputs as { x: Tensor<'int32'> };
          await new Promise<void>((resolve) => void clock.setTimer(resolve, fixedMs + msPerElement * x.data.length));
          return { y: { ...x, data: x.data.slice() } };
        },
      },
      { shapes: { n: { buckets: [16, 32, 64, 128], pad: { x: -1 } } }, warmUp, batching: { maxBatchRows: 32 } },
      clock,
    );
    const startedAt = clock.now();
    let left = 400;
    const call = async (): Promise<void> => {
      while (left-- > 0) {
        const size = 1 + ((left * 7919) % 127);
        await bench.runner.run({ x: { dtype: 'int32', shape: [1, size], data: new Int32Array(size) } });
      }
    };
    await until(Promise.all(Array.from({ length: callers }, call)), clock, 0.5);
    const took = clock.now() - startedAt;
    await closeBench(bench);
    return took;
  }

  test.each([
    ['much gained where a batch costs much and a row little', 4, 2, 0.0005, 1.2],
    ['much gained there with more callers too', 16, 2, 0.0005, 1.2],
    ['nothing lost where batches are large anyway', 64, 2, 0.005, 0.95],
    ['nothing lost where rows cost as much', 16, 2, 0.02, 0.95],
    ['nothing lost where rows cost more', 16, 0.2, 0.02, 0.95],
  ] as const)('%s', async (_what, callers, fixedMs, msPerElement, atLeast) => {
    const apart = await elapsed(callers, fixedMs, msPerElement, false);
    expect(apart / (await elapsed(callers, fixedMs, msPerElement, true))).toBeGreaterThanOrEqual(atLeast);
  });
});
