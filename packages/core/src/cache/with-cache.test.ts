import { expect, test } from 'vitest';
import { FairleadError } from '../errors';
import { createRunner } from '../runner/create-runner';
import type { ModelRunner, RunResult } from '../runner/runner';
import type { ModelSignature } from '../signature';
import type { Tensor } from '../tensor/tensor';
import { createMockBackend, type MockBackendOptions, mockModel } from '../testing/mock-backend';
import { createVirtualClock } from '../testing/virtual-clock';
import { type CacheOptions, withCache } from './with-cache';

async function setUp(options: CacheOptions = {}, mock: MockBackendOptions = {}) {
  const clock = createVirtualClock();
  const backend = createMockBackend({ clock, latencyMs: () => 10, ...mock });
  const inner = await createRunner({ model: '1', backend, clock, warmUp: false, lanes: 'inline' });
  return { clock, backend, inner, cached: withCache(inner, { clock, ...options }) };
}

const row = (...values: number[]): { x: Float32Array } => ({ x: Float32Array.from(values) });
const answer = (result: { outputs: Readonly<Record<string, Tensor>> }): number[] =>
  Array.from(result.outputs.y?.data as Float32Array);

test('an equal request is answered from memory, with the same outputs in arrays of its own', async () => {
  const { cached, clock, backend } = await setUp();
  const first = cached.run(row(1, 2));
  await clock.advance(20);
  const again = await cached.run(row(1, 2));
  expect(answer(again)).toEqual(answer(await first));
  Object.values(again.outputs).map(({ data }) => data.fill(99 as never));
  expect(answer(await cached.run(row(1, 2)))).toEqual([2, 4]);
  expect(backend.calls).toHaveLength(1);
  expect(cached.cacheStats()).toMatchObject({ hits: 2, misses: 1, joined: 0, entries: 1 });
});

test('inputs that differ in one bit are different: 0 and -0, and two kinds of NaN', async () => {
  const { cached, clock, backend } = await setUp();
  const otherNaN = new Float32Array(new Uint32Array([0x7fc00001, 0]).buffer);
  for (const inputs of [row(0, 1), row(-0, 1), row(Number.NaN, 0), { x: otherNaN }]) {
    void cached.run(inputs);
    await clock.advance(20);
  }
  expect(backend.calls).toHaveLength(4);
  void cached.run(row(Number.NaN, 0));
  await clock.advance(20);
  expect(backend.calls).toHaveLength(4);
});

test('the same bytes in another number of rows are another input', async () => {
  const { cached, clock, backend } = await setUp();
  void cached.run({ x: Float32Array.from([1, 2, 1, 2]) });
  await clock.advance(20);
  void cached.run(row(1, 2));
  await clock.advance(20);
  expect(backend.calls).toHaveLength(2);
});

test('an input that its owner changes after the call does not change what is remembered', async () => {
  const { cached, clock, backend } = await setUp();
  const inputs = row(1, 2);
  const first = cached.run(inputs);
  inputs.x.fill(7);
  await clock.advance(20);
  expect(answer(await first)).toEqual([2, 4]);
  expect(answer(await cached.run(row(1, 2)))).toEqual([2, 4]);
  expect(backend.calls).toHaveLength(1);
});

test('equal requests in flight are computed once', async () => {
  const { cached, clock, backend } = await setUp();
  const all = Promise.all([1, 2, 3, 4].map(() => cached.run(row(5, 6))));
  await clock.advance(20);
  expect((await all).map(answer)).toEqual(Array(4).fill([10, 12]));
  expect(backend.calls).toHaveLength(1);
  expect(backend.calls[0]?.rows).toBe(1);
  expect(cached.cacheStats()).toMatchObject({ misses: 1, joined: 3 });
});

test('when the first of equal requests is aborted, the others are still answered', async () => {
  const { cached, clock } = await setUp();
  const controller = new AbortController();
  const first = cached.run(row(1, 1), { signal: controller.signal });
  const second = cached.run(row(1, 1));
  await clock.settle();
  controller.abort(new Error('enough'));
  await expect(first).rejects.toMatchObject({ code: 'ABORTED' });
  await clock.advance(40);
  expect(answer(await second)).toEqual([2, 2]);
});

test('a request that waits for an equal one keeps its own deadline and signal', async () => {
  const { cached, clock } = await setUp();
  const controller = new AbortController();
  const first = cached.run(row(1, 1));
  const hasty = cached.run(row(1, 1), { timeoutMs: 4 });
  const aborted = cached.run(row(1, 1), { signal: controller.signal });
  const outcomes = Promise.allSettled([hasty, aborted]);
  await clock.advance(3);
  controller.abort();
  await clock.advance(20);
  expect((await outcomes).map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual([
    'DEADLINE_EXCEEDED',
    'ABORTED',
  ]);
  expect(answer(await first)).toEqual([2, 2]);
  expect(clock.pendingTimers).toBe(0);
});

test('when the one that is computed ends early, one of those that wait is computed in its place, and one only', async () => {
  const { cached, clock, backend } = await setUp();
  const leaving = new AbortController();
  const first = cached.run(row(1, 1), { signal: leaving.signal });
  const others = [1, 2, 3].map(() => cached.run(row(1, 1)));
  const second = cached.run(row(1, 1), { timeoutMs: 6 });
  const early = Promise.allSettled([first, second]);
  await clock.advance(4);
  leaving.abort();
  await clock.advance(4);
  const late = cached.run(row(1, 1));
  await clock.advance(40);
  expect((await early).map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual([
    'ABORTED',
    'DEADLINE_EXCEEDED',
  ]);
  expect((await Promise.all([...others, late])).map(answer)).toEqual(Array(4).fill([2, 2]));
  // The batch of the one who left was under way and ended in vain.
  expect(backend.calls).toHaveLength(2);
  expect(cached.cacheStats()).toMatchObject({ hits: 0, misses: 2, joined: 4, entries: 1 });
  expect(clock.pendingTimers).toBe(0);
});

test('when the runner fails, all who wait hear it, and it is computed once', async () => {
  const { cached, clock, backend } = await setUp();
  backend.failNext(new Error('no luck'));
  const all = Promise.allSettled([1, 2, 3].map(() => cached.run(row(1, 1))));
  await clock.advance(40);
  for (const outcome of await all)
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'RUN_FAILED' } });
  expect(backend.calls).toHaveLength(1);
  expect(cached.cacheStats()).toMatchObject({ misses: 1, joined: 2, entries: 0, bytes: 0 });
});

test('when the runner is full for one, the next one tries for itself', async () => {
  const refusing = await setUp();
  const tries: number[] = [];
  const full = { ...refusing.inner, model: refusing.inner.model } as ModelRunner;
  const fickle: ModelRunner = {
    ...full,
    run(inputs, options) {
      tries.push(refusing.clock.now());
      if (tries.length < 3) return Promise.reject(new FairleadError('OVERLOADED', 'full'));
      return refusing.inner.run(inputs, options);
    },
  };
  const cached = withCache(fickle, { clock: refusing.clock });
  const all = Promise.allSettled([1, 2, 3, 4].map(() => cached.run(row(1, 1))));
  await refusing.clock.advance(40);
  expect((await all).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled']);
  expect(tries).toHaveLength(3);
});

test('what one caller does to his outputs reaches neither those who waited nor those who come later', async () => {
  const { cached, clock } = await setUp();
  const spoil = (result: RunResult): RunResult => {
    for (const { data, shape } of Object.values(result.outputs)) {
      data.fill(99 as never);
      (shape as number[]).fill(99);
    }
    return result;
  };
  const controller = new AbortController();
  const first = cached.run(row(1, 2)).then(spoil);
  const second = cached.run(row(1, 2));
  const third = cached.run(row(1, 2), { timeoutMs: 1000, signal: controller.signal });
  await clock.advance(20);
  expect(answer(await first)).toEqual([99, 99]);
  spoil(await second);
  spoil(await cached.run(row(1, 2)));
  for (const result of [await third, await cached.run(row(1, 2))]) {
    expect(answer(result)).toEqual([2, 4]);
    expect(result.outputs.y?.shape).toEqual([1, 2]);
  }
});

test('a failure is not remembered', async () => {
  const { cached, clock, backend } = await setUp();
  backend.failNext(new Error('no luck'));
  const failed = expect(cached.run(row(1, 2))).rejects.toMatchObject({ code: 'RUN_FAILED' });
  await clock.advance(20);
  await failed;
  const again = cached.run(row(1, 2));
  await clock.advance(20);
  expect(answer(await again)).toEqual([2, 4]);
});

test('an answer expires after its time to live', async () => {
  const { cached, clock, backend } = await setUp({ ttlMs: 1000 });
  void cached.run(row(1, 2));
  await clock.advance(500);
  await cached.run(row(1, 2));
  await clock.advance(600);
  void cached.run(row(1, 2));
  await clock.advance(20);
  expect(backend.calls).toHaveLength(2);
});

test('bytes are bounded, and the least recently used goes first', async () => {
  const { cached, clock, backend } = await setUp({ maxBytes: 600 });
  for (const value of [1, 2, 3]) {
    void cached.run(row(value, value));
    await clock.advance(20);
  }
  expect(cached.cacheStats().entries).toBe(2);
  expect(cached.cacheStats().bytes).toBeLessThanOrEqual(600);
  await cached.run(row(3, 3));
  void cached.run(row(1, 1));
  await clock.advance(20);
  expect(backend.calls).toHaveLength(4);
});

test('an answer that is larger than the whole cache is given and not kept', async () => {
  const { cached, clock, backend } = await setUp({ maxBytes: 600 });
  void cached.run(row(1, 1));
  await clock.advance(20);
  const large = { x: new Float32Array(100) };
  for (let time = 0; time < 2; time++) {
    const result = cached.run(large);
    await clock.advance(20);
    expect(answer(await result)).toEqual(new Array(100).fill(0));
  }
  expect(backend.calls).toHaveLength(3);
  expect(cached.cacheStats()).toMatchObject({ entries: 1, misses: 3 });
  await cached.run(row(1, 1));
  expect(cached.cacheStats().hits).toBe(1);
});

test('the same elements are the same input wherever they lie in memory', async () => {
  const signature: ModelSignature = {
    inputs: [{ name: 'x', dtype: 'uint8', shape: ['batch', 5] }],
    outputs: [{ name: 'y', dtype: 'uint8', shape: ['batch', 5] }],
    batchAxis: 0,
  };
  const { cached, clock, backend } = await setUp({}, { signature, compute: ({ x }) => ({ y: x as Tensor }) });
  const memory = new Uint8Array(16);
  for (const offset of [0, 1, 2, 3, 4]) {
    memory.set([1, 2, 3, 4, 5], offset);
    const result = cached.run({ x: memory.subarray(offset, offset + 5) });
    await clock.advance(20);
    expect(answer(await result)).toEqual([1, 2, 3, 4, 5]);
  }
  expect(backend.calls).toHaveLength(1);
  expect(cached.cacheStats()).toMatchObject({ hits: 4, misses: 1 });
});

test('what was forgotten stays forgotten, also what was being computed then', async () => {
  const { cached, clock, backend } = await setUp();
  const before = cached.run(row(1, 2));
  await clock.advance(5);
  cached.clearCache();
  const after = cached.run(row(1, 2));
  await clock.advance(30);
  expect([answer(await before), answer(await after)]).toEqual([
    [2, 4],
    [2, 4],
  ]);
  expect(backend.calls).toHaveLength(2);
  expect(cached.cacheStats()).toMatchObject({ misses: 2, entries: 1 });
  cached.clearCache();
  expect(cached.cacheStats()).toMatchObject({ entries: 0, bytes: 0 });
});

test('where a model tells no digest, its name and version stand for it', async () => {
  const { inner, clock } = await setUp();
  let version = '1';
  const asked: string[] = [];
  const far: ModelRunner = {
    ...inner,
    get model() {
      return { name: 'far', version, digest: '' };
    },
    async run(inputs, options) {
      asked.push(version);
      return { ...(await inner.run(inputs, options)), model: { name: 'far', version, digest: '' } };
    },
  };
  const cached = withCache(far, { clock });
  for (const next of ['1', '1', '2', '2', '1']) {
    version = next;
    const result = cached.run(row(1, 2));
    await clock.advance(20);
    expect((await result).model.version).toBe(next);
  }
  expect(asked).toEqual(['1', '2']);
});

test('an answer that comes after a swap is remembered for the model that gave it', async () => {
  const { cached, clock, inner, backend } = await setUp();
  const asked = cached.run(row(1, 2));
  await clock.settle();
  await inner.swap(mockModel('2'));
  const joined = cached.run(row(1, 2));
  await clock.advance(20);
  expect([(await asked).model.version, (await joined).model.version]).toEqual(['1', '2']);
  expect((await cached.run(row(1, 2))).model.version).toBe('2');
  await inner.swap(mockModel('1'));
  expect((await cached.run(row(1, 2))).model.version).toBe('1');
  expect(backend.calls).toHaveLength(2);
});

test('after a swap the new model answers', async () => {
  const compute: MockBackendOptions['compute'] = ({ x }, _rows, model) => ({
    y: {
      dtype: 'float32',
      shape: x?.shape ?? [],
      data: Float32Array.from(x?.data as Float32Array, (v) => v * 10 ** Number(model.version)),
    },
  });
  const { cached, clock, inner } = await setUp({}, { compute });
  void cached.run(row(1, 2));
  await clock.advance(20);
  await inner.swap(mockModel('2'));
  const after = cached.run(row(1, 2));
  await clock.advance(20);
  expect(answer(await after)).toEqual([100, 200]);
  expect((await after).model.version).toBe('2');
});

test('bad input fails at the door, and bad options when it is made', async () => {
  const { cached, inner } = await setUp();
  await expect(cached.run({ z: new Float32Array(2) })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  expect(() => withCache(inner, { maxBytes: 0 })).toThrow(/maxBytes/);
  expect(() => withCache(inner, { ttlMs: -1 })).toThrow(/ttlMs/);
});

test('closing closes the runner inside, and work afterwards is refused', async () => {
  const { cached, inner } = await setUp();
  await cached.close();
  await cached.close();
  await expect(cached.run(row(1, 2))).rejects.toMatchObject({ code: 'CLOSED' });
  await expect(inner.run(row(1, 2))).rejects.toMatchObject({ code: 'CLOSED' });
});
