import { describe, expect, it } from 'vitest';
import { createRegistry, toOpenMetrics } from '../../metrics';
import { createRunner } from '../../runner/create-runner';
import { createMockBackend, mockModel } from '../../testing/mock-backend';
import { createVirtualClock } from '../../testing/virtual-clock';
import { instrumentQuality } from './instrument-quality';
import { createQualityMonitor } from './quality-monitor';
import type { QualityRule } from './rules';

const rules: QualityRule[] = [
  { rule: 'missing', field: 'x[0]', tolerance: 0.1 },
  { rule: 'range', field: 'x[1]', maximum: 10 },
  { rule: 'freshness', maxAgeMs: 60_000 },
];

async function setUp(given: readonly QualityRule[] = rules) {
  const clock = createVirtualClock();
  const errors: string[] = [];
  const logger = {
    debug() {},
    info() {},
    warn() {},
    error: (_details: object, message: string) => void errors.push(message),
  };
  const runner = await createRunner({ model: mockModel('1'), backend: createMockBackend(), clock, logger });
  const monitor = createQualityMonitor({ rules: given, clock, logger, windowRows: 100 });
  const send = async (...values: number[]): Promise<void> => {
    const answer = runner.run({
      x: { dtype: 'float32', shape: [values.length / 2, 2], data: Float32Array.from(values) },
    });
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
  return { clock, errors, runner, monitor, send, swap };
}

describe('attach', () => {
  it('checks the batches of a runner', async () => {
    const { monitor, runner, send } = await setUp();
    monitor.attach(runner);
    await send(1, 2, 3, 11);
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 2, rowsChecked: 2, state: 'failed', model: runner.model });
    expect(monitor.report().checks[0]).toMatchObject({
      rule: 'range',
      feature: 'x[1]',
      violations: 1,
      examples: [{ value: '11', row: 2 }],
    });
    await runner.close();
  });

  it('starts anew with another model, and tells the numbers of before', async () => {
    const { monitor, runner, send, swap } = await setUp();
    const changes: [string, string, number][] = [];
    monitor.events.on(
      'model-change',
      ({ model, previous }) => void changes.push([model.version, previous.state, previous.rowsSeen]),
    );
    monitor.attach(runner);
    await send(1, 11);
    await swap('2');
    expect(changes).toEqual([['2', 'failed', 1]]);
    expect(monitor.snapshot()).toMatchObject({ state: 'ok', model: { version: '2' }, rowsSeen: 1 });
    await send(1, 2);
    expect(monitor.snapshot()).toMatchObject({ state: 'ok', rowsSeen: 2, rowsChecked: 2 });
    await runner.close();
  });

  it('counts batches that do not fit, logs the first and never throws into the runner', async () => {
    const { monitor, runner, send, errors } = await setUp([{ rule: 'missing', field: 'y' }]);
    monitor.attach(runner);
    await send(1, 2);
    await send(1, 2, 3, 4);
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 3, rowsChecked: 0, rowsUnchecked: { rejected: 3 } });
    expect(errors).toEqual([expect.stringContaining('cannot check a batch: y: expected')]);
    await runner.close();
  });

  it('watches one runner at a time, and no longer once closed', async () => {
    const { monitor, runner, clock, send } = await setUp();
    const connection = monitor.attach(runner);
    expect(() => monitor.attach(runner)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    await connection.close();
    await send(1, 2);
    expect(monitor.snapshot().rowsSeen).toBe(0);
    monitor.attach(runner);
    await monitor.close();
    expect(runner.events.listenerCount('batch-end')).toBe(0);
    expect(() => monitor.attach(runner)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    await runner.close();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('instrumentQuality', () => {
  it('writes states, violations by rule and feature, and ages; only what is new each time', async () => {
    const { monitor, runner, clock, send, swap } = await setUp();
    const registry = createRegistry({ clock });
    const stop = instrumentQuality(registry, monitor);
    monitor.attach(runner);
    const lines = () => toOpenMetrics(registry).split('\n');
    await send(1, 11);
    lines();
    await send(Number.NaN, 12);
    await clock.advance(1500);
    const of = `model_name="${runner.model.name}",model_version="1"`;
    const written = lines();
    expect(written).toContain(`ml_data_quality_violations_total{${of},rule="range",feature="x[1]"} 2`);
    expect(written).toContain(`ml_data_quality_violations_total{${of},rule="missing",feature="x[0]"} 1`);
    expect(written).toContain(`ml_data_quality_tested_total{${of},rule="range",feature="x[1]"} 2`);
    expect(written).toContain(`ml_data_quality_state{${of},ml_data_quality_state="failed"} 1`);
    expect(written).toContain(
      `ml_data_quality_check_state{${of},rule="range",feature="x[1]",ml_data_quality_check_state="failed"} 1`,
    );
    expect(written).toContain(`ml_data_quality_rows_seen_total{${of}} 2`);
    expect(written).toContain(`ml_data_quality_rows_unchecked_total{${of},reason="other_model"} 0`);
    expect(written).toContain(`ml_data_freshness_seconds{${of},rule="freshness",feature="row"} 1.5`);
    await swap('2');
    await send(1, 11);
    const after = lines();
    expect(after).toContain(`ml_data_quality_violations_total{${of},rule="range",feature="x[1]"} 2`);
    expect(after).toContain(
      `ml_data_quality_violations_total{${of.replace('"1"', '"2"')},rule="range",feature="x[1]"} 1`,
    );
    expect(after.filter((line) => /^ml_data_(quality_(check_)?state|freshness).*version="1"/.test(line))).toEqual([]);
    stop();
    await send(1, 11);
    expect(lines()).toContain(
      `ml_data_quality_violations_total{${of.replace('"1"', '"2"')},rule="range",feature="x[1]"} 1`,
    );
    await runner.close();
  });
});
