import { describe, expect, test } from 'vitest';
import { FairleadError } from '../errors';
import type { LoadedModel, ModelSource } from '../model-source';
import type { ModelSignature } from '../signature';
import { createMockBackend, mockModel } from '../testing/mock-backend';
import {
  asError,
  closeBench,
  doubled,
  follow,
  inputOf,
  numbersOf,
  openBench,
  rejection,
  until,
} from '../testing/test-kit.fixture';
import type { SwapFailEvent } from './runner';

/** A source that announces what it is told to. */
function announcing(): ModelSource & { announce(...versions: string[]): void; fail(error: unknown): void } {
  let onChange: (next: LoadedModel) => void = () => undefined;
  let onError: ((error: unknown) => void) | undefined;
  return {
    resolve: async () => mockModel('1'),
    watch(change, error) {
      onChange = change;
      onError = error;
      return { close: async () => {}, [Symbol.asyncDispose]: async () => {} };
    },
    announce(...versions) {
      for (const version of versions) onChange(mockModel(version));
    },
    fail: (error) => onError?.(error),
  };
}

describe('a swap beside the model in use', () => {
  test('answers each request by the version that took it, and closes the old one when its last answer is out', async () => {
    const bench = await openBench({ latencyMs: () => 10, openMs: 25 }, { batching: { maxBatchRows: 2 } });
    const { clock, runner, backend } = bench;
    const startedAt = clock.now();
    const swap = follow(runner.swap(mockModel('2')), clock);
    await clock.advance(24);
    // Five rows in batches of two: the old model has work for 30 ms.
    const taken = [1, 2, 3, 4, 5].map((value) => follow(runner.run(inputOf(value)), clock));
    await clock.advance(1);
    expect([swap.at, runner.model.version]).toEqual([startedAt + 25, '2']);
    const later = follow(runner.run(inputOf(6)), clock);
    await clock.advance(28);
    expect(backend.openSessions).toBe(2);
    expect(taken.map(({ state }) => state)).toEqual(['resolved', 'resolved', 'resolved', 'resolved', 'pending']);
    await clock.advance(1);
    expect(taken.map(({ value }) => value?.model.version)).toEqual(['1', '1', '1', '1', '1']);
    expect(taken.map(({ value }) => numbersOf(value?.outputs))).toEqual([1, 2, 3, 4, 5].map((value) => doubled(value)));
    expect(later.value?.model.version).toBe('2');
    expect([backend.openSessions, backend.closedInFlight]).toEqual([1, 0]);
    await closeBench(bench);
  });

  test('loses no request to a worker that is down: the old model waits for it', async () => {
    const failLane = ({ version }: LoadedModel, opened: number) =>
      version === '1' && opened === 1 ? new FairleadError('BACKEND_UNAVAILABLE', 'not yet') : undefined;
    const bench = await openBench({ workers: true, latencyMs: () => 10, failLane }, { lanes: 1 });
    bench.backend.lanes[0]?.kill();
    const waiting = follow(bench.runner.run(inputOf(1)), bench.clock);
    await bench.clock.settle();
    await until(bench.runner.swap(mockModel('2')), bench.clock);
    expect(waiting.state).toBe('pending');
    await bench.clock.advance(200);
    expect(waiting.value?.model.version).toBe('1');
    expect(bench.backend.openSessions).toBe(1);
    await closeBench(bench);
  });

  test('does not keep close waiting for a worker that is down', async () => {
    const failLane = ({ version }: LoadedModel, opened: number) =>
      version === '1' && opened > 0 ? new FairleadError('BACKEND_UNAVAILABLE', 'not yet') : undefined;
    const bench = await openBench({ workers: true, failLane }, { lanes: 1 });
    bench.backend.lanes[0]?.kill();
    const waiting = follow(bench.runner.run(inputOf(1)), bench.clock);
    await bench.clock.settle();
    await bench.runner.swap(mockModel('2'));
    await closeBench(bench);
    asError(waiting.error, 'CLOSED');
  });

  test('to the same bytes and version does nothing, unless the runner has nothing else', async () => {
    // Two lanes, each of which is tried four times after its worker died.
    const failLane = (_model: LoadedModel, opened: number) =>
      opened >= 2 && opened < 10 ? new FairleadError('BACKEND_UNAVAILABLE', 'no') : undefined;
    const bench = await openBench({ workers: true, failLane }, { lanes: 2 });
    await bench.runner.swap(mockModel('1'));
    expect(bench.backend.lanes).toHaveLength(2);
    for (const lane of bench.backend.lanes) lane.kill();
    await bench.clock.advance(10_000);
    await rejection(bench.runner.run(inputOf(1)), 'LANE_LOST');
    await until(bench.runner.swap(mockModel('1')), bench.clock);
    const answer = await until(bench.runner.run(inputOf(1)), bench.clock);
    expect(answer.model.version).toBe('1');
    await closeBench(bench);
  });

  test('to a model with another input is SIGNATURE_MISMATCH, and the new one is closed again', async () => {
    const bench = await openBench();
    const signature: ModelSignature = {
      inputs: [{ name: 'z', dtype: 'float32', shape: ['batch', 2] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 2] }],
      batchAxis: 0,
    };
    const other = createMockBackend({ signature });
    Object.assign(bench.backend, { doCreateSession: other.doCreateSession });
    const error = await rejection(bench.runner.swap(mockModel('2')), 'SIGNATURE_MISMATCH');
    expect(error.details).toMatchObject({ field: 'inputs', expected: 'x', given: 'z' });
    expect(other.openSessions).toBe(0);
    expect((await until(bench.runner.run(inputOf(1)), bench.clock)).model.version).toBe('1');
    await closeBench(bench);
  });

  test('that fails leaves the runner as it is, tells its listeners, and the caller alone hears the error', async () => {
    const broken = new FairleadError('MODEL_INVALID', 'no model');
    const failures: SwapFailEvent[] = [];
    const bench = await openBench(
      { failCreate: ({ version }) => (version === '2' ? broken : undefined) },
      { on: { 'model-swap-fail': (event) => failures.push(event) } },
    );
    expect(await rejection(bench.runner.swap(mockModel('2')), 'MODEL_INVALID')).toBe(broken);
    expect(failures).toEqual([
      {
        from: bench.runner.model,
        to: { ...bench.runner.model, version: '2', digest: '2'.padStart(64, '0') },
        error: broken,
        outcome: 'kept',
      },
    ]);
    expect(bench.log).toEqual([]);
    await closeBench(bench);
  });

  test('whose caller leaves is given up, also by a backend that does not look at signals', async () => {
    const bench = await openBench({ openMs: 10 });
    const { doCreateSession } = bench.backend;
    Object.assign(bench.backend, { doCreateSession: (model: LoadedModel) => doCreateSession(model, {}) });
    const controller = new AbortController();
    const swap = follow(bench.runner.swap(mockModel('2'), { signal: controller.signal }), bench.clock);
    await bench.clock.advance(5);
    controller.abort();
    await bench.clock.advance(20);
    asError(swap.error, 'ABORTED');
    expect([bench.runner.model.version, bench.backend.openSessions]).toEqual(['1', 1]);
    await closeBench(bench);
  });

  test('follows the one before, in the order in which they were asked for', async () => {
    const bench = await openBench({ openMs: 10 });
    const ready: string[] = [];
    bench.runner.events.on('model-swap', ({ from, to }) => ready.push(`${from.version} to ${to.version}`));
    await until(Promise.all([bench.runner.swap(mockModel('2')), bench.runner.swap(mockModel('3'))]), bench.clock);
    expect(ready).toEqual(['1 to 2', '2 to 3']);
    expect(bench.backend.openSessions).toBe(1);
    await closeBench(bench);
  });

  test('that close overtakes leaves nothing open', async () => {
    for (const wait of [0, 5, 10, 15]) {
      const bench = await openBench(
        { openMs: 10, latencyMs: () => 3 },
        { warmUp: true, batching: { maxBatchRows: 1 } },
      );
      const swap = follow(bench.runner.swap(mockModel('2')), bench.clock);
      await bench.clock.advance(wait);
      await closeBench(bench);
      asError(swap.error, 'CLOSED');
    }
  });
});

describe('a source that is followed', () => {
  test('of several models that come while one is loading only the last one matters', async () => {
    const source = announcing();
    const loaded: string[] = [];
    const bench = await openBench(
      { openMs: 10, failCreate: ({ version }) => void loaded.push(version) },
      { model: source },
    );
    source.announce('2');
    await bench.clock.advance(5);
    source.announce('3', '4', '5');
    await bench.clock.advance(50);
    expect(loaded).toEqual(['1', '2', '5']);
    expect(bench.runner.model.version).toBe('5');
    await closeBench(bench);
  });

  test('whose model fails, or that fails itself, leaves the runner as it is, and says so', async () => {
    const source = announcing();
    const failures: SwapFailEvent[] = [];
    const broken = new FairleadError('MODEL_INVALID', 'half a file');
    const bench = await openBench(
      { failCreate: ({ version }) => (version === '2' ? broken : undefined) },
      { model: source, on: { 'model-swap-fail': (event) => failures.push(event) } },
    );
    source.announce('2');
    await bench.clock.settle();
    source.fail(new FairleadError('STORE_FAILED', 'no disk'));
    expect(failures.map(({ to, outcome, error }) => [to?.version, outcome, (error as FairleadError).code])).toEqual([
      ['2', 'kept', 'MODEL_INVALID'],
      [undefined, 'kept', 'STORE_FAILED'],
    ]);
    expect(bench.log).toEqual([
      'error: The runner stays with mock 1 (00000000): half a file',
      'error: The runner stays with mock 1 (00000000): no disk',
    ]);
    await closeBench(bench);
    source.announce('3');
    source.fail(new Error('late'));
    await bench.clock.settle();
    expect(failures).toHaveLength(2);
    expect(bench.backend.openSessions).toBe(0);
  });
});

describe('opening and closing', () => {
  test('two hundred times leaves no session, no timer and no listener', async () => {
    const source = announcing();
    const { signal } = new AbortController();
    let listeners = 0;
    signal.addEventListener = () => void listeners++;
    signal.removeEventListener = () => void listeners--;
    for (let cycle = 0; cycle < 200; cycle++) {
      const bench = await openBench(
        { workers: true, latencyMs: () => 1 },
        { model: source, lanes: 2, swapMode: cycle % 2 === 0 ? 'availability-preserving' : 'resource-preserving' },
      );
      bench.runner.events.on('batch-end', () => undefined);
      const answers = [
        bench.runner.run(inputOf(1), { signal, timeoutMs: 50 }),
        bench.runner.run(inputOf(2), { priority: 'high' }),
      ];
      if (cycle % 3 === 0) source.announce('2');
      if (cycle % 5 === 0) bench.backend.lanes[0]?.kill();
      await closeBench(bench);
      await Promise.allSettled(answers);
      expect(bench.runner.events.listenerCount('batch-end')).toBe(0);
      await bench.clock.advance(10_000);
      expect(bench.backend.openSessions).toBe(0);
    }
    expect(listeners).toBe(0);
  });
});
