import { describe, expect, test, vi } from 'vitest';
import { type Admitted, compileDoor } from '../runner/door';
import type { ModelSignature } from '../signature';
import { closeBench, dataOf, follow, inputOf, numbersOf, openBench, rowsOf, until } from '../testing/test-kit.fixture';
import { BufferPool } from './buffer-pool';
import { Cohort } from './cohort';
import { traitsOf } from './cohort.fixture';
import { Collator } from './collate';

/** A pool that counts what is out. */
class CountingPool extends BufferPool {
  readonly out = new Set<ArrayBuffer>();
  readonly sizes: number[] = [];
  override take(bytes: number): ArrayBuffer {
    const buffer = super.take(bytes);
    this.out.add(buffer);
    this.sizes.push(bytes);
    return buffer;
  }
  override give(buffer: ArrayBuffer): void {
    if (!this.out.delete(buffer)) throw new Error('A buffer was given back twice.');
    super.give(buffer);
  }
}

const signature: ModelSignature = {
  inputs: [
    { name: 'x', dtype: 'float32', shape: ['batch', 'width'] },
    { name: 'id', dtype: 'int64', shape: ['batch'] },
    { name: 'word', dtype: 'string', shape: ['batch'] },
  ],
  outputs: [],
  batchAxis: 0,
};

function setup(maxBatchRows = 8, joinable = true) {
  const pool = new CountingPool(1 << 20);
  const collator = new Collator(signature, maxBatchRows, joinable, pool);
  const door = compileDoor(signature);
  const place = (rows: number, from: number, width = 2): Cohort => {
    const values = Array.from({ length: rows }, (_, row) => from + row);
    const admitted: Admitted = door({
      x: rowsOf(...values.map((value) => new Array<number>(width).fill(value))),
      id: BigInt64Array.from(values, BigInt),
      word: values.map(String),
    });
    const slab = collator.place(collator.layoutOf(admitted), admitted);
    slab.hold();
    const cohort = new Cohort(slab, slab.filled - rows, traitsOf());
    void cohort.join(rows);
    return cohort;
  };
  return { pool, collator, place };
}

function valuesOf(inputs: ReturnType<Collator['collate']>['inputs']): number[] {
  const ids = Array.from(dataOf(inputs, 'id', 'int64'), Number);
  const width = inputs.x?.shape[1] as number;
  expect(numbersOf(inputs, 'x')).toEqual(ids.flatMap((id) => new Array<number>(width).fill(id)));
  expect(dataOf(inputs, 'word', 'string')).toEqual(ids.map(String));
  for (const { shape } of Object.values(inputs)) expect(shape[0]).toBe(ids.length);
  return ids;
}

describe('a batch', () => {
  test('of requests that lie side by side is a view, without a copy', () => {
    const { pool, collator, place } = setup();
    const requests = [place(1, 10), place(3, 20), place(2, 30)];
    const before = pool.sizes.length;
    const batch = collator.collate(requests);
    expect(valuesOf(batch.inputs)).toEqual([10, 20, 21, 22, 30, 31]);
    expect(batch.rows).toBe(6);
    expect(pool.sizes.length).toBe(before);
    batch.release();
    expect(pool.out.size).toBe(0);
    expect(pool.heldBytes).toBe(8 * 2 * 4 + 8 * 8);
  });

  test('of requests in another order, or with gaps, or from several slabs, is gathered', () => {
    const { pool, collator, place } = setup(4);
    const [a, b, c, d] = [place(2, 10), place(2, 20), place(1, 30), place(3, 40)];
    const first = collator.collate([b, a]);
    const second = collator.collate([d]);
    const third = collator.collate([c]);
    expect(valuesOf(first.inputs)).toEqual([20, 21, 10, 11]);
    expect(valuesOf(second.inputs)).toEqual([40, 41, 42]);
    expect(valuesOf(third.inputs)).toEqual([30]);
    for (const batch of [first, second, third]) batch.release();
    expect(pool.out.size).toBe(0);
  });

  test('keeps its rows while later requests come and go', () => {
    const { pool, collator, place } = setup();
    const batch = collator.collate([place(2, 10), place(1, 20)]);
    for (let round = 0; round < 10; round++) collator.collate([place(5, 90), place(3, 80)]).release();
    expect(valuesOf(batch.inputs)).toEqual([10, 11, 20]);
    batch.release();
    expect(pool.out.size).toBe(0);
  });

  test('of large rows takes the memory of its rows, not of the largest batch', () => {
    const { pool, collator, place } = setup(65_536);
    const width = 300_000;
    const [a, b] = [place(1, 1, width), place(1, 2, width)];
    const batch = collator.collate([b, a]);
    expect(valuesOf(batch.inputs)).toEqual([2, 1]);
    expect(Math.max(...pool.sizes)).toBeLessThanOrEqual(4 * 2 ** 20);
    batch.release();
    expect(pool.out.size).toBe(0);
  });

  test('whose own copy was let go still has its requests where they were', () => {
    const { pool, collator, place } = setup(4);
    const [a, b] = [place(2, 10), place(2, 20)];
    const copy = collator.collate([b, a]);
    copy.releaseCopy();
    const again = collator.collate([a, b]);
    expect(valuesOf(again.inputs)).toEqual([10, 11, 20, 21]);
    again.release();
    expect(pool.out.size).toBe(0);
  });
});

describe('memory', () => {
  test('goes back when every request of an open slab ended early', () => {
    const { pool, collator, place } = setup();
    const requests = [place(1, 1), place(2, 2)];
    for (const request of requests) request.slab.release();
    expect(pool.out.size).toBe(0);
    const next = place(1, 7);
    expect(valuesOf(collator.collate([next]).inputs)).toEqual([7]);
  });

  test('goes back for shapes that come once only', () => {
    const { pool, place } = setup();
    for (let width = 1; width <= 400; width++) place(1, width, width).slab.release();
    expect(pool.out.size).toBe(0);
  });

  test('of a request that runs alone is as large as the request', () => {
    const { pool, collator, place } = setup(64, false);
    const batch = collator.collate([place(3, 1)]);
    expect(pool.sizes).toEqual([3 * 2 * 4, 3 * 8]);
    expect(valuesOf(batch.inputs)).toEqual([1, 2, 3]);
    batch.release();
    expect(pool.out.size).toBe(0);
  });

  test('of a runner is all given back in the end, however requests end, and reused in between', async () => {
    const out = new Map<ArrayBuffer, number>();
    let fresh = 0;
    let taken = 0;
    const seen = new WeakSet<ArrayBuffer>();
    const { take, give } = BufferPool.prototype;
    vi.spyOn(BufferPool.prototype, 'take').mockImplementation(function (this: BufferPool, bytes) {
      const buffer = take.call(this, bytes);
      if (!seen.has(buffer)) fresh++;
      seen.add(buffer);
      taken++;
      out.set(buffer, bytes);
      return buffer;
    });
    vi.spyOn(BufferPool.prototype, 'give').mockImplementation(function (this: BufferPool, buffer) {
      expect(out.delete(buffer)).toBe(true);
      give.call(this, buffer);
    });
    try {
      const bench = await openBench({ latencyMs: () => 3 }, { batching: { maxBatchRows: 8 } });
      bench.runner.events.on('batch-end', () => {});
      for (let round = 0; round < 200; round++) {
        const controller = new AbortController();
        const { signal } = controller;
        for (let value = 0; value < 5; value++) void follow(bench.runner.run(inputOf(value)), bench.clock);
        void follow(bench.runner.run(inputOf(1, 2), { signal }), bench.clock);
        void follow(bench.runner.run(inputOf(1, 2, 3), { timeoutMs: 2 }), bench.clock);
        if (round % 7 === 0)
          void follow(bench.runner.run(inputOf(...new Array<number>(20).fill(1)), { signal }), bench.clock);
        if (round % 5 === 0) bench.backend.failNext(new Error('broken'));
        await bench.clock.advance(round % 3);
        controller.abort();
        await bench.clock.advance(round % 11);
      }
      await bench.clock.advance(5000);
      // Idle, the runner holds nothing.
      expect(out.size).toBe(0);
      expect(taken).toBeGreaterThan(200);
      expect(fresh).toBeLessThan(taken / 4);
      void follow(bench.runner.run(inputOf(1)), bench.clock);
      await closeBench(bench);
      expect(out.size).toBe(0);
    } finally {
      vi.restoreAllMocks();
    }
  });

  test('that cannot be had fails the requests it was for, and no others', async () => {
    const bench = await openBench({ latencyMs: () => 5 });
    void follow(bench.runner.run(inputOf(0)), bench.clock);
    await bench.clock.settle();
    const low = follow(bench.runner.run(inputOf(1), { priority: 'low' }), bench.clock);
    const high = follow(bench.runner.run(inputOf(2), { priority: 'high' }), bench.clock);
    // They lie in another order than they leave in, so the batch needs memory of its own.
    const spy = vi.spyOn(BufferPool.prototype, 'take').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed');
    });
    await bench.clock.advance(6);
    spy.mockRestore();
    expect([low.state, high.state]).toEqual(['rejected', 'rejected']);
    expect((low.error as Error).message).toContain('allocation failed');
    expect((await until(bench.runner.run(inputOf(3)), bench.clock)).batchSize).toBe(1);
    await closeBench(bench);
  });
});
