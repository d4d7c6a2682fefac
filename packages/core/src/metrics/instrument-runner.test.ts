import { afterEach, describe, expect, it, vi } from 'vitest';
import { createEvents } from '../events';
import { createRunner, type RunnerOptions } from '../runner/create-runner';
import type { LocalRunner } from '../runner/local-runner';
import type { ModelInfo, RunnerEventMap } from '../runner/runner';
import { createMockBackend, type MockBackendOptions, mockModel } from '../testing/mock-backend';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';
import { instrumentRunner, type RunnerState } from './instrument-runner';
import { toOpenMetrics } from './openmetrics';
import { readOpenMetrics } from './read-exposition.fixture';
import { createRegistry, type Registry } from './registry';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };

interface Bench {
  readonly clock: VirtualClock;
  readonly registry: Registry;
  readonly runner: LocalRunner;
  readonly backend: ReturnType<typeof createMockBackend>;
}

async function open(backendOptions: MockBackendOptions = {}, options: Partial<RunnerOptions> = {}): Promise<Bench> {
  const clock = createVirtualClock();
  const registry = createRegistry({ clock });
  return { clock, registry, ...(await openRunner(clock, backendOptions, options)) };
}

async function openRunner(clock: VirtualClock, backendOptions: MockBackendOptions, options: Partial<RunnerOptions>) {
  const backend = createMockBackend({ clock, latencyMs: () => 20, ...backendOptions });
  const runner = await createRunner({ model: '1', backend, clock, logger, lanes: 'inline', warmUp: false, ...options });
  closing.push(async () => {
    const closed = runner.close();
    await clock.advance(1000);
    await closed;
  });
  return { backend, runner };
}

function rows(count: number): { x: Float32Array } {
  return { x: new Float32Array(2 * count) };
}

/** Values of a sample name by the labels that are not in `hidden`, in one text. */
function valuesOf(registry: Registry, name: string): Record<string, number> {
  const samples = readOpenMetrics(toOpenMetrics(registry)).flatMap((family) => family.samples);
  return Object.fromEntries(
    samples
      .filter((sample) => sample.name === name)
      .map(({ labels: { model_name, ...labels }, value }) => {
        expect(model_name).toBe('mock');
        return [Object.values(labels).join(' '), value];
      }),
  );
}

describe('instrumentRunner', () => {
  it('counts requests, rows and batches, and measures them in seconds', async () => {
    const { clock, registry, runner } = await open({}, { batching: { maxBatchRows: 4 } });
    instrumentRunner(registry, runner);
    const answers = [runner.run(rows(1)), runner.run(rows(2))];
    await clock.advance(5);
    answers.push(runner.run(rows(4)));
    await clock.advance(100);
    await Promise.all(answers);

    expect(valuesOf(registry, 'ml_prediction_request_success_total')).toEqual({ 1: 3 });
    expect(valuesOf(registry, 'ml_prediction_rows_total')).toEqual({ 1: 7 });
    expect(valuesOf(registry, 'ml_prediction_batches_total')).toMatchObject({ '1 idle': 1, '1 full': 1, '1 drain': 0 });
    expect(valuesOf(registry, 'ml_prediction_batch_rows_sum')).toEqual({ 1: 7 });
    expect(valuesOf(registry, 'ml_prediction_batch_rows_count')).toEqual({ 1: 2 });
    // Both batches take 20 ms; the third request comes at 5 ms and waits until 20 ms.
    expect(valuesOf(registry, 'ml_prediction_compute_duration_seconds_sum')).toEqual({ 1: 0.04 });
    expect(valuesOf(registry, 'ml_prediction_compute_duration_seconds_count')).toEqual({ 1: 2 });
    expect(valuesOf(registry, 'ml_prediction_queue_duration_seconds_sum')[1]).toBeCloseTo(0.015, 12);
    expect(valuesOf(registry, 'ml_prediction_queue_duration_seconds_count')).toEqual({ 1: 3 });
    expect(valuesOf(registry, 'ml_prediction_duration_seconds_sum')[1]).toBeCloseTo(0.075, 12);
    expect(valuesOf(registry, 'ml_prediction_duration_seconds_bucket')).toMatchObject({
      '1 0.01': 0,
      '1 0.025': 2,
      '1 0.05': 3,
      '1 +Inf': 3,
    });
  });

  it('counts a request once, whether it fails, is aborted on the way or is split', async () => {
    const { clock, registry, runner, backend } = await open({}, { batching: { maxBatchRows: 4 } });
    instrumentRunner(registry, runner);

    await expect(runner.run({ x: new Float64Array(2) } as never)).rejects.toThrow('float32');
    const controller = new AbortController();
    const both = [runner.run(rows(1)), runner.run(rows(1), { signal: controller.signal })];
    const settled = Promise.allSettled(both);
    await clock.advance(5);
    controller.abort();
    await clock.advance(100);
    expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(valuesOf(registry, 'ml_prediction_request_success_total')).toEqual({ 1: 1 });

    const split = runner.run(rows(10));
    await clock.advance(200);
    await split;
    expect(valuesOf(registry, 'ml_prediction_request_success_total')).toEqual({ 1: 2 });

    backend.failNext(new Error('no memory'));
    const failing = expect(runner.run(rows(1))).rejects.toThrow('no memory');
    await clock.advance(100);
    await failing;
    expect(valuesOf(registry, 'ml_prediction_request_success_total')).toEqual({ 1: 2 });
    expect(valuesOf(registry, 'ml_prediction_batch_failures_total')).toEqual({ 1: 1 });
    expect(valuesOf(registry, 'ml_prediction_request_failure_total')).toEqual({
      '1 INVALID_INPUT': 1,
      '1 ABORTED': 1,
      '1 RUN_FAILED': 1,
    });
  });

  it('follows a swap: batches of either version count for that version', async () => {
    const { clock, registry, runner } = await open({ device: 'cuda' });
    instrumentRunner(registry, runner);
    const digest = (version: string) => version.padStart(64, '0');
    expect(valuesOf(registry, 'ml_model_info')).toEqual({ [`1 ${digest('1')} cuda`]: 1 });

    const first = runner.run(rows(1));
    await clock.advance(1);
    const swap = runner.swap(mockModel('2'));
    await clock.advance(1);
    const second = runner.run(rows(3));
    await clock.advance(100);
    await Promise.all([first, swap, second]);

    expect(valuesOf(registry, 'ml_prediction_rows_total')).toEqual({ 1: 1, 2: 3 });
    expect(valuesOf(registry, 'ml_model_info')).toEqual({ [`2 ${digest('2')} cuda`]: 1 });
    expect(valuesOf(registry, 'ml_model_swaps_total')).toEqual({ 2: 1 });
    expect(valuesOf(registry, 'ml_model_load_duration_seconds')).toEqual({ 2: 0 });
  });

  it('counts swaps that fail, and leaves them in the log', async () => {
    let announce: (version: string) => void = () => undefined;
    const source = {
      resolve: async () => mockModel('1'),
      watch: (onChange: (next: ReturnType<typeof mockModel>) => void) => {
        announce = (version) => onChange(mockModel(version));
        return { close: async () => {}, [Symbol.asyncDispose]: async () => {} };
      },
    };
    const failCreate = ({ version }: { version: string }) => (version === '2' ? new Error('half a file') : undefined);
    const { clock, registry, runner } = await open({ failCreate }, { model: source });
    instrumentRunner(registry, runner);
    logger.error.mockClear();
    announce('2');
    await clock.settle();
    expect(valuesOf(registry, 'ml_model_swap_failures_total')).toEqual({ 1: 1 });
    expect(valuesOf(registry, 'ml_model_swaps_total')).toEqual({});
    expect(logger.error.mock.calls.map(([, message]) => message)).toEqual([expect.stringContaining('half a file')]);
  });

  it('shows what waits at the moment of a scrape, summed over the runners of a model', async () => {
    const { clock, registry, runner } = await open();
    const other = await openRunner(clock, {}, {});
    const instrument = instrumentRunner(registry, runner);
    instrumentRunner(registry, other.runner);
    const answers = [runner.run(rows(1)), other.runner.run(rows(1))];
    await clock.advance(1);
    answers.push(runner.run(rows(2)), runner.run(rows(3)), other.runner.run(rows(4)));

    expect(valuesOf(registry, 'ml_prediction_pending_requests')).toEqual({ 1: 3 });
    expect(valuesOf(registry, 'ml_prediction_pending_rows')).toEqual({ 1: 9 });
    expect(valuesOf(registry, 'ml_prediction_batches_in_flight')).toEqual({ 1: 2 });
    await instrument.close();
    expect(valuesOf(registry, 'ml_prediction_pending_rows')).toEqual({ 1: 4 });
    await clock.advance(100);
    await Promise.all(answers);
    expect(valuesOf(registry, 'ml_prediction_pending_requests')).toEqual({ 1: 0 });
    expect(valuesOf(registry, 'ml_prediction_batches_in_flight')).toEqual({ 1: 0 });
  });

  it('moves what waits to the new version on a swap', async () => {
    const { clock, registry, runner } = await open();
    instrumentRunner(registry, runner);
    const answers = [runner.run(rows(1))];
    await clock.advance(1);
    answers.push(runner.run(rows(2)));
    expect(valuesOf(registry, 'ml_prediction_pending_rows')).toEqual({ 1: 2 });
    const swap = runner.swap(mockModel('2'));
    await clock.settle();
    answers.push(runner.run(rows(1)));
    await clock.settle();
    answers.push(runner.run(rows(5)));
    expect(valuesOf(registry, 'ml_prediction_pending_rows')).toEqual({ 1: 0, 2: 5 });
    await clock.advance(100);
    await Promise.all([...answers, swap]);
  });

  it('shows how busy each lane is and what it takes', async () => {
    let bytes = 1000;
    const { clock, registry, runner } = await open(
      { workers: true, laneMemoryBytes: () => bytes },
      { lanes: 2, batching: { maxBatchRows: 2 } },
    );
    const modelBytes = mockModel().bytes.byteLength;
    const instrument = instrumentRunner(registry, runner);
    const busy = (): Record<string, number> => valuesOf(registry, 'ml_lane_busy_seconds_total');
    expect(busy()).toEqual({ '1 worker-1': 0, '1 worker-2': 0 });
    // Batches of 20 ms: two for one lane, one of which is under way, and one for the other.
    const answers = [runner.run(rows(2)), runner.run(rows(2))];
    await clock.advance(20);
    answers.push(runner.run(rows(2)));
    await clock.advance(10);
    expect(busy()).toEqual({ '1 worker-1': 0.03, '1 worker-2': 0.02 });
    await clock.advance(10);
    await Promise.all(answers);
    expect(busy()).toEqual({ '1 worker-1': 0.04, '1 worker-2': 0.02 });

    expect(valuesOf(registry, 'ml_lane_memory_bytes')).toEqual({
      '1 worker-1': 1000 + modelBytes,
      '1 worker-2': 1000 + modelBytes,
    });
    bytes = 3000;
    await clock.advance(5000);
    toOpenMetrics(registry);
    await clock.settle();
    expect(valuesOf(registry, 'ml_lane_memory_bytes')['1 worker-1']).toBe(3000 + modelBytes);
    await instrument.close();
    expect(valuesOf(registry, 'ml_lane_memory_bytes')).toEqual({ '1 worker-1': 0, '1 worker-2': 0 });
    expect(busy()).toEqual({ '1 worker-1': 0.04, '1 worker-2': 0.02 });
  });

  it('tells nothing of a memory that no worker tells, and hands the lanes over on a swap', async () => {
    const { clock, registry, runner } = await open({ workers: true }, { lanes: 1 });
    instrumentRunner(registry, runner);
    const first = runner.run(rows(1));
    await clock.advance(20);
    await first;
    expect(valuesOf(registry, 'ml_lane_memory_bytes')).toEqual({});
    expect(valuesOf(registry, 'ml_lane_busy_seconds_total')).toEqual({ '1 worker-1': 0.02 });
    await runner.swap(mockModel('2'));
    const second = runner.run(rows(1));
    await clock.advance(20);
    await second;
    expect(valuesOf(registry, 'ml_lane_busy_seconds_total')).toEqual({ '1 worker-1': 0.02, '2 worker-1': 0.02 });
  });

  it('counts fallbacks without silencing the warning of the next one', async () => {
    const fallbacks = [{ from: 'cuda', to: 'cpu', reason: 'no such library' }];
    logger.warn.mockClear();
    const { clock, registry, runner } = await open({ device: 'cpu', fallbacks });
    expect(logger.warn).toHaveBeenCalledTimes(1);
    instrumentRunner(registry, runner);
    expect(valuesOf(registry, 'ml_model_device_fallbacks_total')).toEqual({ '1 cuda cpu': 1 });
    const swap = runner.swap(mockModel('2'));
    await clock.advance(10);
    await swap;
    expect(logger.warn).toHaveBeenCalledTimes(2);
    expect(valuesOf(registry, 'ml_model_device_fallbacks_total')).toEqual({ '1 cuda cpu': 1, '2 cuda cpu': 1 });
  });

  it('stops when it is closed, and keeps what was counted', async () => {
    const { clock, registry, runner } = await open();
    const instrument = instrumentRunner(registry, runner);
    const first = runner.run(rows(1));
    await clock.advance(50);
    await first;
    await instrument.close();
    await instrument.close();
    const second = runner.run(rows(1));
    await clock.advance(50);
    await second;
    expect(valuesOf(registry, 'ml_prediction_rows_total')).toEqual({ 1: 1 });
    expect(valuesOf(registry, 'ml_model_info')).toEqual({});
    expect(runner.events.listenerCount('batch-end')).toBe(0);
  });
});

describe('instrumentRunner on a runner that only keeps the contract', () => {
  const model: ModelInfo = { name: 'mock', version: '7', digest: 'd' };

  it('works from its events alone', () => {
    const registry = createRegistry();
    const events = createEvents<RunnerEventMap>(logger);
    instrumentRunner(registry, { model, events });
    const batch = { model, lane: 'remote', reason: 'idle', rows: 5, computeMs: 250, inputs: {}, outputs: {} } as const;
    events.emit('batch-end', { ...batch, requests: 2, queueMs: [0, 250] });
    events.emit('device-fallback', { model, from: 'webgpu', to: 'wasm', reason: 'no adapter' });
    events.emit('lane-lost', { model, lane: 'worker-1', error: new Error('gone') });
    events.emit('lane-restart', { model, lane: 'worker-1' });

    expect(valuesOf(registry, 'ml_model_info')).toEqual({ '7 d': 1 });
    const recovered = { model, lane: 'worker-1', downMs: 5, from: 'webgpu' };
    events.emit('device-recovered', { ...recovered, device: 'webgpu' });
    expect(valuesOf(registry, 'ml_model_info')).toEqual({ '7 d': 1 });
    events.emit('device-recovered', { ...recovered, device: 'wasm' });
    expect(valuesOf(registry, 'ml_model_info')).toEqual({ '7 d wasm': 1 });
    expect(valuesOf(registry, 'ml_prediction_request_success_total')).toEqual({ 7: 2 });
    expect(valuesOf(registry, 'ml_prediction_duration_seconds_sum')).toEqual({ 7: 0.75 });
    expect(valuesOf(registry, 'ml_model_device_fallbacks_total')).toEqual({ '7 webgpu wasm': 1 });
    expect(valuesOf(registry, 'ml_lane_losses_total')).toEqual({ 7: 1 });
    expect(valuesOf(registry, 'ml_lane_restarts_total')).toEqual({ 7: 1 });
  });

  it('does not fail a scrape when the runner cannot describe itself any more', () => {
    const registry = createRegistry({ logger });
    const events = createEvents<RunnerEventMap>(logger);
    let state = (): RunnerState => ({ device: 'cpu' });
    instrumentRunner(registry, { model, events, describe: () => state() });
    state = () => {
      throw new Error('closed');
    };
    expect(toOpenMetrics(registry)).toContain('ml_model_info');
    expect(toOpenMetrics(registry)).toContain('fairlead_metrics_collect_failures_total 2');
  });

  it('refuses a registry that means something else by these names', () => {
    const registry = createRegistry();
    registry.gauge({ name: 'ml_model_info', help: 'Another.' });
    const events = createEvents<RunnerEventMap>(logger);
    expect(() => instrumentRunner(registry, { model, events })).toThrow('ml_model_info');
    expect(events.listenerCount('batch-end')).toBe(0);
  });
});
