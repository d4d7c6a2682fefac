import { describe, expect, test, vi } from 'vitest';
import { scriptedRunner } from '../resilience/scripted-runner.fixture';
import type { ModelRunner } from '../runner/runner';
import { rejection, rowsOf, until } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { type CalibrateOptions, calibrate, calibrateScores, cascade } from './index';

/** The edge answers its input; the cloud ten times that, which has the same largest class. */
function setUp(options: Partial<CalibrateOptions> = {}) {
  const clock = createVirtualClock();
  const edge = scriptedRunner(clock, () => ({ afterMs: 10 }), '0');
  const sure = [0.9, 0.6, 0.7, 0.2, 0.45];
  const rows = sure.map((p) => ({ x: Float32Array.of(p, 1 - p) }));
  const labels = [0, 1, 0, 1, 1];
  /** A cloud that is always right: it knows the rows by their first number. */
  const cloud = {
    ...edge,
    run: async ({ x }: { x: Float32Array | { data: Float32Array } }) => {
      const [first] = 'data' in x ? x.data : x;
      const row = sure.findIndex((p) => Math.abs(p - (first as number)) < 1e-6);
      const outputs = { y: rowsOf(labels[row] === 0 ? [1, 0] : [0, 1]) };
      return { outputs, model: edge.model, timing: { queueMs: 0, computeMs: 0 }, batchSize: 1 };
    },
  } as unknown as ModelRunner;
  const run = () => until(calibrate({ edge, cloud, rows, labels, ...options }), clock);
  return { clock, edge, cloud, rows, labels, run };
}

describe('calibrate', () => {
  test('says what the scores alone say', async () => {
    const { run, labels } = setUp();
    const scores = Float32Array.from([0.9, 0.6, 0.7, 0.2, 0.45].flatMap((p) => [p, 1 - p]));
    expect(await run()).toEqual(calibrateScores({ scores, labels, cloudClasses: labels }));
    const { edge, cloud, recommended } = await run();
    expect([edge.value, cloud?.value]).toEqual([0.8, 1]);
    expect(recommended.accuracy?.value).toBe(1);
  });

  test('its rule does in a cascade what the table says', async () => {
    const { run, clock, edge, cloud, rows } = setUp();
    const { rule, recommended } = await run();
    const runner = cascade({ edge, cloud, escalate: { confidence: rule }, clock });
    const results = await until(Promise.all(rows.map((row) => runner.run(row))), clock);
    const escalated = results.reduce((sum, { cascade: { escalated: count } }) => sum + count, 0);
    expect(escalated / rows.length).toBeCloseTo(recommended.escalationRate.value, 12);
  });

  test('keeps so many requests in flight and no more', async () => {
    const { run, edge } = setUp({ maxConcurrent: 2 });
    await run();
    expect(edge.mostInFlight).toBe(2);
    expect(edge.calls).toHaveLength(5);
  });

  test('a function of the user’s measures, and then no temperature is fitted', async () => {
    const measure = vi.fn(({ y }) => Math.abs(Number(y?.data[0]) - 0.5));
    const calibration = await setUp({ measure, output: 'y' }).run();
    expect(measure).toHaveBeenCalledTimes(5);
    expect(calibration).toMatchObject({ temperature: 1, rule: { measure, output: 'y' }, edge: { value: 0.8 } });
    expect(calibration.expectedCalibrationError).toBeUndefined();
  });

  test('ends at the first failure, and at an abort', async () => {
    const { edge, rows, labels, clock } = setUp();
    const broken = { ...edge, run: vi.fn(() => Promise.reject(new Error('down'))) };
    await expect(calibrate({ edge: broken, rows, labels, maxConcurrent: 1, target: { cost: 1 } })).rejects.toThrow(
      'down',
    );
    expect(broken.run).toHaveBeenCalledTimes(1);
    const controller = new AbortController();
    const options = { edge, rows, labels, signal: controller.signal, maxConcurrent: 1, target: { cost: 1 } };
    const aborted = rejection(calibrate(options), 'ABORTED');
    await clock.advance(15);
    controller.abort();
    await until(aborted, clock);
    expect(edge.calls.length).toBeLessThan(5);
  });

  test.each<[string, 'INVALID_OPTION' | 'INVALID_ARGUMENT', object]>([
    ['labels', 'INVALID_ARGUMENT', { labels: [0] }],
    ['labels[4]', 'INVALID_ARGUMENT', { labels: [0, 0, 0, 0, 7] }],
    ['rows[0]', 'INVALID_ARGUMENT', { rows: [{ x: new Float32Array(4).fill(0.5) }], labels: [0] }],
    ['rows', 'INVALID_OPTION', { rows: [], labels: [] }],
    ['labels', 'INVALID_OPTION', { labels: 'cat' }],
    ['target.accuracy', 'INVALID_OPTION', { target: { accuracy: 2 } }],
    ['target', 'INVALID_OPTION', { cloud: undefined }],
    ['cost.cloud', 'INVALID_OPTION', { cost: { cloud: -1 } }],
    ['output', 'INVALID_OPTION', { output: 'z' }],
    ['edge', 'INVALID_OPTION', { edge: {} }],
  ])('refuses wrong %s with %s', async (field, code, options) => {
    const { clock, edge, rows, labels, cloud } = setUp();
    const given = { edge, rows, labels, cloud, ...options } as CalibrateOptions;
    expect((await until(rejection(calibrate(given), code), clock)).details.field).toBe(field);
  });
});
