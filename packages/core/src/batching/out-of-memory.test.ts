import { describe, expect, test } from 'vitest';
import { FairleadError } from '../errors';
import { closeBench, doubled, follow, inputOf, numbersOf, openBench, until } from '../testing/test-kit.fixture';
import { isOutOfMemory } from './out-of-memory';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('what counts as lack of memory', () => {
  test.each([
    'bad_alloc',
    'Failed to allocate memory for requested buffer of size 4294967296',
    'CUDA error 2: out of memory',
    'Array buffer allocation failed',
    'CUBLAS_STATUS_ALLOC_FAILED',
  ])('%s', (message) => {
    expect(isOutOfMemory(new Error(message))).toBe(true);
    expect(isOutOfMemory(new FairleadError('RUN_FAILED', `digits failed on cpu: ${message}`))).toBe(true);
  });

  test('what a backend says of itself, whatever the words', () => {
    const saying = (outOfMemory: boolean, message: string) =>
      new FairleadError('RUN_FAILED', message, { details: { outOfMemory } });
    expect(isOutOfMemory(saying(true, 'no'))).toBe(true);
    expect(isOutOfMemory(saying(false, 'out of memory'))).toBe(false);
  });

  test('and nothing else', () => {
    expect(isOutOfMemory(new Error('invalid shape'))).toBe(false);
    expect(isOutOfMemory(new Error('the room is zoomed'))).toBe(false);
    expect(isOutOfMemory(new FairleadError('LANE_LOST', 'out of memory'))).toBe(false);
    expect(isOutOfMemory(undefined)).toBe(false);
  });
});

describe('a batch for which there is no memory', () => {
  /** A backend that computes at most so many rows at once. */
  const openTight = (fits: number, maxBatchRows = 16) =>
    openBench(
      {
        compute: (inputs, rows) => {
          if (rows > fits) throw new Error(`Failed to allocate memory for ${rows} rows`);
          const x = inputs.x as { shape: readonly number[]; data: Float32Array };
          return { y: { dtype: 'float32', shape: x.shape, data: x.data.map((value) => value * 2) } };
        },
      },
      { batching: { maxBatchRows } },
    );

  test('is computed in parts, and later batches are smaller', async () => {
    const bench = await openTight(5);
    const answers = range(16).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.advance(1);
    expect(answers.map(({ value }) => numbersOf(value?.outputs))).toEqual(range(16).map((value) => doubled(value)));
    // 16 and 8 find none, then four times 4.
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([16, 8, 4, 4, 4, 4]);
    expect(bench.runner.describe().batching.batchRowsCap).toBe(4);
    const later = range(16).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.advance(1);
    expect(later.every(({ state }) => state === 'resolved')).toBe(true);
    expect(bench.backend.calls.slice(6).map(({ rows }) => rows)).toEqual([4, 4, 4, 4]);
    await closeBench(bench);
  });

  test('of one request of many rows is answered whole', async () => {
    const bench = await openTight(3);
    const { outputs } = await until(bench.runner.run(inputOf(...range(16))), bench.clock);
    expect(numbersOf(outputs)).toEqual(doubled(...range(16)));
    // From now on such a request is sent in parts.
    const again = await until(bench.runner.run(inputOf(...range(16))), bench.clock);
    expect(numbersOf(again.outputs)).toEqual(doubled(...range(16)));
    expect(again.batchSize).toBeLessThanOrEqual(3);
    await closeBench(bench);
  });

  test('is tried larger again after a minute', async () => {
    const bench = await openTight(5);
    await until(bench.runner.run(inputOf(...range(16))), bench.clock);
    await bench.clock.advance(61_000);
    expect(bench.runner.describe().batching.batchRowsCap).toBe(8);
    await bench.clock.advance(61_000);
    expect(bench.runner.describe().batching.batchRowsCap).toBe(16);
    // And batches really are: what the smaller ones taught says nothing about how large they may be.
    const before = bench.backend.calls.length;
    const answers = range(16).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.advance(1);
    expect(answers.every(({ state }) => state === 'resolved')).toBe(true);
    expect(bench.backend.calls[before]?.rows).toBe(16);
    await closeBench(bench);
  });

  test('fails when not even one row finds some', async () => {
    const bench = await openTight(0);
    const answers = range(4).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.advance(1);
    for (const { error } of answers) expect((error as FairleadError).code).toBe('RUN_FAILED');
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([4, 2, 1, 1, 1, 1]);
    await closeBench(bench);
  });

  test('that holds a bad row beside has it found', async () => {
    const bench = await openBench(
      {
        compute: (inputs, rows) => {
          if (rows > 4) throw new Error('out of memory');
          const x = inputs.x as { shape: readonly number[]; data: Float32Array };
          if (x.data.includes(5)) throw new Error('five is right out');
          return { y: { dtype: 'float32', shape: x.shape, data: x.data.map((value) => value * 2) } };
        },
      },
      { batching: { maxBatchRows: 8 } },
    );
    const answers = range(8).map((value) => follow(bench.runner.run(inputOf(value)), bench.clock));
    await bench.clock.advance(1);
    expect(answers.map(({ state }) => state === 'resolved')).toEqual(range(8).map((value) => value !== 5));
    await closeBench(bench);
  });
});
