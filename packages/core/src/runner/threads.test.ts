import { describe, expect, test } from 'vitest';
import type { MockBackendOptions } from '../testing/mock-backend';
import { closeBench, follow, inputOf, numbersOf, openBench } from '../testing/test-kit.fixture';
import type { LanesOption } from './open-lanes';

/** Opens lanes on a machine of so many cores; answers the threads of each session and the reason. */
async function open(
  lanes: LanesOption,
  threading: MockBackendOptions['threading'],
  mock: MockBackendOptions = {},
): Promise<{ threads: readonly (number | undefined)[]; reason: string }> {
  const bench = await openBench(
    { workers: true, ...(threading === undefined ? {} : { threading }), ...mock },
    { lanes, warmUp: true },
  );
  const { reason, slots } = bench.runner.describe().lanes;
  const sessions = new Map(bench.backend.calls.map(({ session, threads }) => [session, threads]));
  expect(slots.map(({ threads }) => threads)).toEqual(
    (mock.device ?? 'cpu') === 'cpu' ? [...sessions.values()] : slots.map(() => undefined),
  );
  await closeBench(bench);
  return { threads: [...sessions.values()], reason };
}

describe('the threads of so many worker lanes', () => {
  test.each([
    [1, 8, [8]],
    [2, 8, [4, 4]],
    [3, 8, [2, 2, 2]],
    [4, 2, [1, 1, 1, 1]],
    [2, 1, [1, 1]],
  ])('%i on %i cores', async (lanes, cores, threads) => {
    const opened = await open(lanes, { cores });
    expect(opened.threads).toEqual(threads);
    const each = `${threads[0]} ${threads[0] === 1 ? 'thread' : 'threads'}`;
    expect(opened.reason).toContain(
      `asked for, each with ${each} of ${cores} ${cores === 1 ? 'core' : 'cores'}: a share of the cores`,
    );
  });

  test('are as many as the user asked for, and describe says so', async () => {
    expect(await open(3, { cores: 2, threads: 2 })).toEqual({
      threads: [2, 2, 2],
      reason: '3 worker lanes were asked for, each with 2 threads of 2 cores: the threads were asked for',
    });
  });

  test('are not told where the backend knows of none, or where another device computes', async () => {
    expect(await open(2, undefined)).toMatchObject({ reason: '2 worker lanes were asked for' });
    expect(await open(1, { cores: 4 }, { device: 'cuda' })).toMatchObject({ reason: '1 worker lane was asked for' });
  });
});

test('a session inline computes with all cores', async () => {
  expect(await open('inline', { cores: 6 })).toMatchObject({ threads: [6] });
  expect(await open('inline', { cores: 6, threads: 2 })).toMatchObject({ threads: [2] });
});

test('a lane that was lost comes back with its threads', async () => {
  const bench = await openBench({ workers: true, threading: { cores: 4 } }, { lanes: 2 });
  bench.backend.lanes[1]?.kill();
  await bench.clock.advance(10);
  expect(bench.backend.lanes.map(({ threads }) => threads)).toEqual([2, 2, 2]);
  const outcome = follow(bench.runner.run(inputOf(1)), bench.clock);
  await bench.clock.advance(10);
  expect(numbersOf(outcome.value?.outputs)).toEqual([2, -2]);
  await closeBench(bench);
});
