import { describe, expect, it } from 'vitest';
import { createRegistry, toOpenMetrics } from '../../metrics';
import { createRunner } from '../../runner/create-runner';
import { createMockBackend, mockModel } from '../../testing/mock-backend';
import { createVirtualClock } from '../../testing/virtual-clock';
import { createRandom } from '../random';
import { createEmbeddingMonitor } from './embedding-monitor';
import type { EmbeddingMonitorOptions } from './embedding-options';
import { fitEmbeddingReference } from './fit-embedding-reference';
import { instrumentEmbeddings } from './instrument-embeddings';
import type { EmbeddingPlace } from './watch-embeddings';

/** The model of the mock backend: `x` of two values a row, and `y`, twice as much. */
async function setUp(options: Partial<EmbeddingMonitorOptions> = {}, width = 2) {
  const random = createRandom(21);
  const draw = (rows: number, factor = 1, values = 2) => ({
    dtype: 'float32' as const,
    shape: [rows, values],
    data: Float32Array.from({ length: rows * values }, () => random() * factor),
  });
  const clock = createVirtualClock();
  const warnings: string[] = [];
  const errors: string[] = [];
  const logger = {
    debug() {},
    info() {},
    warn: (_details: object, message: string) => void warnings.push(message),
    error: (_details: object, message: string) => void errors.push(message),
  };
  const runner = await createRunner({ model: mockModel('1'), backend: createMockBackend(), clock, logger });
  const reference = await fitEmbeddingReference(draw(1000, 2, width), { projections: 4 });
  const monitor = createEmbeddingMonitor({ reference, mmd: false, clock, logger, ...options });
  const send = async (rows: number, factor?: number): Promise<void> => {
    const answer = runner.run({ x: draw(rows, factor) });
    await clock.settle();
    await answer;
    await clock.settle();
  };
  const swap = async (version: string): Promise<void> => {
    const swapped = runner.swap(mockModel(version));
    await clock.settle();
    await swapped;
    await clock.settle();
  };
  return { clock, draw, errors, logger, monitor, runner, send, swap, warnings };
}

describe('attach', () => {
  it('watches an output: batches are observed after their answers', async () => {
    const { monitor, runner, send, errors } = await setUp();
    monitor.attach(runner, { output: 'y' });
    for (let i = 0; i < 10; i++) await send(50);
    expect(monitor.snapshot()).toMatchObject({ state: 'ok', rowsObserved: 500, model: { version: '1' } });
    for (let i = 0; i < 10; i++) await send(50, 2);
    expect(monitor.state).toBe('drift');
    expect(errors).toEqual([]);
    await runner.close();
    await monitor.close();
  });

  it('watches an input, by any model, until what came back is closed', async () => {
    const { monitor, runner, send, swap } = await setUp();
    const connection = monitor.attach(runner, { input: 'x' });
    await send(10, 2);
    await swap('2');
    await send(10, 2);
    expect(monitor.snapshot()).toMatchObject({ rowsObserved: 20, model: { version: '2' } });
    await connection.close();
    await send(10);
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 20, model: null });
    monitor.attach(runner, { input: 'x' });
    await runner.close();
    await monitor.close();
  });

  it('skips what another model computes until its reference comes', async () => {
    const { monitor, runner, draw, send, swap, warnings } = await setUp();
    monitor.attach(runner, { output: 'y' });
    await send(10);
    await swap('2');
    await send(10);
    await send(10);
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 30, rowsObserved: 10, rowsSkipped: { otherModel: 20 } });
    expect(warnings.filter((line) => line.includes('useReference'))).toHaveLength(1);
    monitor.useReference(await fitEmbeddingReference(draw(1000, 2)));
    await send(10);
    expect(monitor.snapshot()).toMatchObject({ rowsObserved: 20, model: { version: '2' } });
    await runner.close();
    await monitor.close();
  });

  it('counts and logs batches of another width, and throws nothing into the runner', async () => {
    const { monitor, runner, send, errors } = await setUp({}, 3);
    monitor.attach(runner, { output: 'y' });
    await send(10);
    await send(10);
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 20, rowsObserved: 0, rowsSkipped: { rejected: 20 } });
    expect(errors).toEqual([expect.stringContaining('expected 3 values a row')]);
    await runner.close();
    await monitor.close();
  });

  it.each<[string, unknown]>([
    ['no place', undefined],
    ['neither', {}],
    ['both', { input: 'x', output: 'y' }],
    ['an unknown output', { output: 'x' }],
    ['an input that is no name', { input: 5 }],
  ])('refuses %s', async (_what, place) => {
    const { monitor, runner } = await setUp();
    const wrong = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
    expect(() => monitor.attach(runner, place as EmbeddingPlace)).toThrow(wrong);
    monitor.attach(runner, { input: 'x' });
    expect(() => monitor.attach(runner, { output: 'y' })).toThrow(wrong);
    await runner.close();
    await monitor.close();
  });
});

describe('observe', () => {
  it.each<[string, unknown]>([
    ['another width', { dtype: 'float32', shape: [1, 3], data: new Float32Array(3) }],
    ['strings', { dtype: 'string', shape: [1, 2], data: ['a', 'b'] }],
    ['no tensor', [1, 2]],
    ['a tensor without that axis', { dtype: 'float32', shape: [], data: new Float32Array(1) }],
  ])('refuses %s and counts nothing', async (_what, tensor) => {
    const { monitor } = await setUp();
    expect(() => monitor.observe(tensor as Parameters<typeof monitor.observe>[0])).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT' }),
    );
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 0, rowsObserved: 0 });
    await monitor.close();
  });

  it('takes no rows, one row, whole numbers, half floats and axes in another order', async () => {
    const { monitor, draw } = await setUp();
    monitor.observe(draw(0));
    monitor.observe(draw(1));
    monitor.observe({ dtype: 'int64', shape: [1, 2], data: BigInt64Array.of(1n, 0n) });
    monitor.observe({ dtype: 'float16', shape: [1, 2], data: Uint16Array.of(0x3c00, 0x3800) });
    monitor.observe({ dtype: 'float32', shape: [2, 3], data: new Float32Array(6).fill(1) }, 1);
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 6, rowsObserved: 6, nonFiniteRows: 0 });
    await monitor.close();
  });

  it('observes a sample of the rows above its share of the time, and says so', async () => {
    const { monitor, draw } = await setUp({ clock: slowClock() });
    for (let i = 0; i < 20; i++) monitor.observe(draw(100));
    const { rowsSeen, rowsObserved, rowsSkipped, cpuShare } = monitor.snapshot();
    expect(rowsSeen).toBe(2000);
    expect(rowsObserved).toBeLessThan(500);
    expect(rowsObserved + rowsSkipped.budget).toBe(2000);
    expect(cpuShare).toBeGreaterThan(0);
    await monitor.close();
  });
});

/** On which every look takes a millisecond. */
function slowClock() {
  let now = 0;
  return { ...createVirtualClock(), now: () => now++ };
}

describe('the schedule of tests', () => {
  it('pauses between slices as its share of the time demands, and counts windows that it could not test', async () => {
    const virtual = createVirtualClock();
    let extra = 0;
    // Each look at the clock takes two milliseconds, so that every slice ends after one step.
    const now = () => {
      extra += 2;
      return virtual.now() + extra;
    };
    const clock = { ...virtual, now };
    const tests: number[] = [];
    const { monitor, draw } = await setUp({
      clock,
      mmd: { everyRows: 100_000, sampleRows: 40, permutations: 199 },
      maxCpuShare: 0.5,
      on: { 'mmd-test': ({ atRow }) => void tests.push(atRow) },
    });
    const sendUntil = (done: () => boolean) => {
      for (let i = 0; i < 400 && !done(); i++) {
        monitor.observe(draw(5000, 2));
        // Time enough that some rows of the next batch are observed.
        extra += 10_000;
      }
    };
    sendUntil(() => monitor.snapshot().rowsSeen >= 150_000);
    await virtual.settle();
    expect(virtual.pendingTimers).toBe(1);
    sendUntil(() => monitor.snapshot().mmdTestsSkipped > 0);
    expect(monitor.snapshot()).toMatchObject({ mmdTests: 0, mmdTestsSkipped: 1 });
    await virtual.advance(60_000);
    expect(tests).toHaveLength(1);
    expect(tests[0]).toBeGreaterThanOrEqual(100_000);
    expect(tests[0]).toBeLessThan(150_000);
    expect(virtual.pendingTimers).toBe(0);
    await monitor.close();
  });

  it.each<[string, Partial<EmbeddingMonitorOptions>, string, RegExp]>([
    ['too few permutations', { mmd: { everyRows: 1000, permutations: 1000 } }, 'mmd.permutations', /at least 1999/],
    ['tests too seldom', { mmd: { everyRows: 2_000_000 } }, 'mmd.everyRows', /at most the 1000000/],
    ['a sample of more than the window', { mmd: { everyRows: 100, sampleRows: 200 } }, 'mmd.sampleRows', /at most/],
    ['an unknown option', { mmd: { every: 5 } as object }, 'mmd', /./],
    ['a duration', { meanTimeBetweenFalseAlarms: { durationMs: 5 } as never }, 'meanTimeBetweenFalseAlarms', /./],
    ['no reference', { reference: undefined as never }, 'reference', /./],
    ['a reference that is none', { reference: {} as never }, 'reference.width', /./],
    ['a listener object that is none', { on: 5 as never }, 'on', /./],
  ])('refuses %s', async (_what, options, field, message) => {
    const failure = setUp(options);
    await expect(failure).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { field: expect.stringContaining(field) },
    });
    await expect(failure).rejects.toThrow(message);
  });

  it('takes just as many permutations as the level needs', async () => {
    const { monitor } = await setUp({ mmd: { everyRows: 1000, permutations: 1999 } });
    await monitor.close();
  });

  it('refuses references that are too small, for the projections or the tests', async () => {
    const { draw, monitor } = await setUp({ mmd: {} });
    const few = await fitEmbeddingReference(draw(50));
    const small = await fitEmbeddingReference(draw(1000), { sampleRows: 10 });
    expect(() => monitor.useReference(few)).toThrow(/reference\.rows: expected at least \d+ rows/);
    expect(() => monitor.useReference(small)).toThrow(/reference\.sampleRows: expected at least 20 rows/);
    await monitor.close();
  });
});

describe('instrumentEmbeddings', () => {
  it('writes state, tests and counts, and takes out the gauges of a model that is gone', async () => {
    const { monitor, runner, clock, send, swap, logger } = await setUp({
      meanTimeBetweenFalseAlarms: 10_000,
      mmd: { everyRows: 100, sampleRows: 50 },
    });
    const registry = createRegistry({ clock, logger });
    const stop = instrumentEmbeddings(registry, monitor);
    monitor.attach(runner, { input: 'x' });
    for (let i = 0; i < 4; i++) await send(100, 4);
    const text = toOpenMetrics(registry);
    const of = `{model_name="${runner.model.name}",model_version="1"`;
    for (const line of [
      `ml_embedding_drift_state${of},ml_embedding_drift_state="drift"} 1`,
      `ml_embedding_drift_alarms_total${of}} 1`,
      `ml_embedding_rows_observed_total${of}} 400`,
      `ml_embedding_rows_skipped_total${of},reason="other_model"} 0`,
      `ml_embedding_mmd_tests_total${of},outcome="done"} 4`,
      `ml_embedding_mmd_p_value${of}} ${monitor.snapshot().mmd?.pValue}`,
    ]) {
      expect(text).toContain(line);
    }
    await swap('2');
    await send(100, 4);
    const after = toOpenMetrics(registry);
    expect(after).not.toContain(`ml_embedding_mmd_p_value${of}}`);
    expect(after).toContain(`ml_embedding_rows_observed_total${of}} 400`);
    expect(after).toContain(`ml_embedding_rows_observed_total${of.replace('"1"', '"2"')}} 100`);
    stop();
    await runner.close();
    await monitor.close();
  });
});
