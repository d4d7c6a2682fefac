import { describe, expect, it } from 'vitest';
import type { LoadedModel } from '../model-source';
import { createRunner } from '../runner/create-runner';
import type { ModelRunner } from '../runner/runner';
import { createMockBackend, mockModel } from '../testing/mock-backend';
import { createVirtualClock } from '../testing/virtual-clock';
import { createDriftMonitor } from './drift-monitor';
import type { DriftMonitorOptions } from './drift-options';
import { fitReference } from './fit-reference';
import { createRandom } from './random';
import { serializeReference } from './reference-format';

const random = createRandom(11);
const drawRows = (rows: number, shift = 0) => Float32Array.from({ length: rows * 2 }, () => random() + shift);
const tensor = (data: Float32Array) => ({ dtype: 'float32' as const, shape: [data.length / 2, 2], data });
const referenceBytes = async (shift = 0, input = 'x') =>
  serializeReference(await fitReference({ [input]: tensor(drawRows(2000, shift)) }));

const modelOf = (version: string, reference?: Uint8Array): LoadedModel =>
  mockModel(version, reference === undefined ? {} : { reference });

/** A model whose only sidecar is a reference, which comes as it comes. */
const modelWith = (reference: () => Promise<Uint8Array>): LoadedModel => ({
  ...mockModel('1'),
  sidecar: async (name) => (name === 'reference' ? reference() : undefined),
});

async function setUp(model: LoadedModel, options: DriftMonitorOptions = {}) {
  const clock = createVirtualClock();
  const errors: string[] = [];
  const warnings: string[] = [];
  const logger = {
    debug() {},
    info() {},
    warn: (_details: object, message: string) => void warnings.push(message),
    error: (_details: object, message: string) => void errors.push(message),
  };
  const runner = await createRunner({ model, backend: createMockBackend(), clock, logger });
  const monitor = createDriftMonitor({ windowRows: 200, clock, logger, ...options });
  const send = async (rows: number, shift = 0): Promise<void> => {
    const answer = runner.run({ x: tensor(drawRows(rows, shift)) });
    await clock.settle();
    await answer;
    await clock.settle();
  };
  return { clock, errors, warnings, runner, monitor, send };
}

describe('attach', () => {
  it('takes the reference of the model that runs, observes its batches and alarms', async () => {
    const { monitor, runner, clock, send } = await setUp(modelOf('1', await referenceBytes()));
    monitor.attach(runner);
    await clock.settle();
    expect(monitor.reference?.rows).toBe(2000);
    for (let i = 0; i < 10; i++) await send(100);
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 1000, rowsObserved: 1000, state: 'ok', model: runner.model });
    for (let i = 0; i < 3; i++) await send(100, 0.5);
    expect(monitor.state).toBe('drift');
    await runner.close();
    await monitor.close();
  });

  it('takes the new reference on a swap and starts anew; batches of the old model no longer count', async () => {
    const { monitor, runner, clock, send } = await setUp(modelOf('1', await referenceBytes()));
    monitor.attach(runner);
    await clock.settle();
    for (let i = 0; i < 4; i++) await send(100, 0.5);
    expect(monitor.state).toBe('drift');
    const last = runner.run({ x: tensor(drawRows(10)) });
    const swapped = runner.swap(modelOf('2', await referenceBytes(0.5)));
    await clock.settle();
    await Promise.all([last, swapped]);
    await clock.settle();
    expect(monitor.snapshot()).toMatchObject({ state: 'ok', model: { version: '2' }, windowRows: 0 });
    for (let i = 0; i < 10; i++) await send(100, 0.5);
    const { state, rowsSeen, rowsObserved, rowsSkipped } = monitor.snapshot();
    expect(state).toBe('ok');
    expect(rowsSeen).toBe(1410);
    expect(rowsObserved + rowsSkipped.otherModel + rowsSkipped.loading).toBe(1410);
    await runner.close();
  });

  it('does not count batches while the reference is being read, and says so', async () => {
    let release: (bytes: Uint8Array) => void = () => undefined;
    const sidecar = new Promise<Uint8Array>((resolve) => {
      release = resolve;
    });
    const { monitor, runner, clock, send } = await setUp(modelWith(() => sidecar));
    monitor.attach(runner);
    await send(50);
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 50, rowsSkipped: { loading: 50 } });
    release(await referenceBytes());
    await clock.settle();
    await send(50);
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 100, rowsObserved: 50 });
    await runner.close();
  });

  it('uses its own reference for a model that brings none, and warns when there is neither', async () => {
    const reference = await fitReference({ x: tensor(drawRows(500)) });
    const { monitor, runner, clock, send, warnings } = await setUp(modelOf('1'), { reference });
    monitor.attach(runner);
    await clock.settle();
    await send(20);
    expect(monitor.snapshot().rowsObserved).toBe(20);
    expect(warnings).toEqual([]);
    await runner.close();

    const bare = await setUp(modelOf('1'));
    bare.monitor.attach(bare.runner);
    await bare.clock.settle();
    await bare.send(20);
    expect(bare.monitor.snapshot()).toMatchObject({ rowsSeen: 20, rowsSkipped: { noReference: 20 } });
    expect(bare.warnings).toEqual([expect.stringContaining('mock@1 brings no reference')]);
    await bare.runner.close();
  });

  it.each<[string, () => Promise<Uint8Array>, string]>([
    ['is corrupt', async () => new Uint8Array(9), 'STORE_CORRUPT'],
    ['describes other inputs', () => referenceBytes(0, 'z'), 'SIGNATURE_MISMATCH'],
    ['cannot be fetched', () => Promise.reject(new Error('offline')), ''],
  ])('tells when the reference %s; requests go on', async (_what, bytes, code) => {
    const { monitor, runner, clock, send, errors } = await setUp(modelWith(bytes));
    const failures: unknown[] = [];
    const remove = monitor.events.on('reference-fail', ({ error }) => void failures.push(error));
    monitor.attach(runner);
    await clock.settle();
    await send(5);
    expect(failures).toHaveLength(1);
    if (code !== '') expect(failures[0]).toMatchObject({ code });
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 5, rowsSkipped: { noReference: 5 } });
    expect(errors).toEqual([]);
    remove();
    const other = await setUp(modelWith(bytes));
    other.monitor.attach(other.runner);
    await other.clock.settle();
    expect(other.errors).toEqual([expect.stringContaining('The reference of mock@1 is unusable')]);
    await other.runner.close();
    await runner.close();
  });

  it('counts batches that do not fit the reference, logs the first and never throws into the runner', async () => {
    const reference = await fitReference({ x: { dtype: 'float32', shape: [900, 3], data: new Float32Array(2700) } });
    const { monitor, runner, clock, send, errors } = await setUp(modelOf('1'), { reference });
    monitor.attach(runner);
    await clock.settle();
    await send(4);
    await send(4);
    expect(monitor.snapshot()).toMatchObject({ rowsSeen: 8, rowsObserved: 0, rowsSkipped: { rejected: 8 } });
    expect(errors).toEqual([expect.stringContaining('x: expected 3 values a row')]);
    await runner.close();
  });

  it('watches one runner at a time, and no longer once closed', async () => {
    const { monitor, runner, clock, send } = await setUp(modelOf('1', await referenceBytes()));
    const connection = monitor.attach(runner);
    expect(() => monitor.attach(runner)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    await clock.settle();
    await connection.close();
    await connection.close();
    await send(10);
    expect(monitor.snapshot().rowsSeen).toBe(0);
    expect(runner.events.listenerCount('batch-end')).toBe(0);
    monitor.attach(runner);
    await clock.settle();
    await send(10);
    expect(monitor.snapshot().rowsSeen).toBe(10);
    await monitor.close();
    expect(runner.events.listenerCount('batch-end')).toBe(0);
    expect(runner.events.listenerCount('model-swap')).toBe(0);
    await runner.close();
  });

  it('drops a reference that arrives after the next swap', async () => {
    let release: (bytes: Uint8Array) => void = () => undefined;
    const slow = new Promise<Uint8Array>((resolve) => {
      release = resolve;
    });
    const { monitor, runner, clock } = await setUp(modelWith(() => slow));
    const seen: (string | undefined)[] = [];
    monitor.events.on('reference-change', ({ model }) => void seen.push(model?.version));
    monitor.attach(runner);
    const swapped = runner.swap(modelOf('2', await referenceBytes()));
    await clock.settle();
    await swapped;
    release(await referenceBytes(3));
    await clock.settle();
    expect(seen).toEqual(['2']);
    await runner.close();
  });

  it('follows a runner that names no loaded model, with its own reference', async () => {
    const reference = await fitReference({ x: tensor(drawRows(500)) });
    const { monitor, runner, clock, send } = await setUp(modelOf('1'), { reference });
    const remote: ModelRunner = { ...runner, model: runner.model, loaded: undefined };
    monitor.attach(remote);
    await clock.settle();
    await send(20);
    expect(monitor.snapshot()).toMatchObject({ rowsObserved: 20, model: { version: '1' } });
    await runner.close();
  });
});
