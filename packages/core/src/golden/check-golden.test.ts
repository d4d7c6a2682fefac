import { describe, expect, test, vi } from 'vitest';
import { FairleadError } from '../errors';
import type { LoadedModel, ModelSource } from '../model-source';
import type { RunnerOptions } from '../runner/create-runner';
import { createRunner } from '../runner/create-runner';
import type { ModelSignature } from '../signature';
import type { Tensor, Tensors } from '../tensor/tensor';
import { createMockBackend, type MockBackend, type MockBackendOptions, mockModel } from '../testing/mock-backend';
import { closeBench, inputOf, numbersOf, openBench, rejection, rowsOf, until } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import type { GoldenTensor } from './golden-file';
import './check-golden';

interface Case {
  readonly inputs: Readonly<Record<string, GoldenTensor>>;
  readonly outputs: Readonly<Record<string, GoldenTensor>>;
}

/** A case of the mock's default model: rows `[value, -value]`, and what it should answer. */
function caseOf(values: readonly number[], answer: (value: number) => number = (value) => value * 2): Case {
  const rows = values.flatMap((value) => [value, -value]);
  const tensor = (data: readonly number[]): GoldenTensor => ({ dtype: 'float32', shape: [values.length, 2], data });
  return { inputs: { x: tensor(rows) }, outputs: { y: tensor(rows.map(answer)) } };
}

const bytesOf = (file: object): Uint8Array => new TextEncoder().encode(JSON.stringify(file));

function withGolden(version: string, cases: readonly Case[], more: object = {}): LoadedModel {
  return mockModel(version, { golden: bytesOf({ format: 'fairlead-golden', version: 1, ...more, cases }) });
}

/** Tries to load a model; the error, once everything is closed again. */
async function refused(
  model: LoadedModel | ModelSource,
  code: FairleadError['code'],
  mock: MockBackendOptions = {},
  options: Partial<RunnerOptions> = {},
): Promise<{ error: FairleadError; calls: number }> {
  const clock = createVirtualClock();
  const backend = createMockBackend({ clock, latencyMs: () => 5, ...mock });
  const creating = createRunner({ model, backend, clock, warmUp: false, ...options });
  const error = await rejection(until(creating, clock), code);
  await clock.advance(10_000);
  expect(backend.openSessions).toBe(0);
  expect(backend.closedInFlight).toBe(0);
  expect(clock.pendingTimers).toBe(0);
  return { error, calls: backend.calls.length };
}

describe('a model that brings golden rows', () => {
  test('computes them before it is ready, case by case, and then serves', async () => {
    const ready = vi.fn();
    const bench = await openBench(
      { latencyMs: () => 5 },
      { model: withGolden('1', [caseOf([1, 2]), caseOf([7])]), on: { 'model-ready': ready, 'batch-end': () => {} } },
    );
    expect(bench.backend.calls.map(({ rows, inputs }) => [rows, numbersOf(inputs, 'x')])).toEqual([
      [2, [1, -1, 2, -2]],
      [1, [7, -7]],
    ]);
    expect(ready).toHaveBeenCalledTimes(1);
    expect(bench.runner.describe().golden).toBe('passed');
    // They are no requests of anybody.
    expect(bench.runner.describe().batching).toMatchObject({ requests: 0, rows: 0, batches: 0 });
    await closeBench(bench);
  });

  test('computes them on every lane', async () => {
    const bench = await openBench(
      { workers: true, latencyMs: () => 5 },
      { lanes: 3, model: withGolden('1', [caseOf([1])]) },
    );
    expect(bench.backend.calls.map(({ session }) => session)).toEqual([0, 1, 2]);
    await closeBench(bench);
  });

  test('after the warm-up, which they do not replace', async () => {
    const bench = await openBench(
      {},
      { warmUp: true, batching: { maxBatchRows: 2 }, model: withGolden('1', [caseOf([3])]) },
    );
    expect(numbersOf(bench.backend.calls.at(-1)?.inputs, 'x')).toEqual([3, -3]);
    expect(bench.backend.calls.length).toBeGreaterThan(2);
    await closeBench(bench);
  });

  test('in parts where a case has more rows than a batch may have, and as a whole without batching', async () => {
    const model = withGolden('1', [caseOf([1, 2, 3, 4, 5])]);
    const split = await openBench({}, { model, batching: { maxBatchRows: 2 } });
    expect(split.backend.calls.map(({ rows }) => rows)).toEqual([2, 2, 1]);
    await closeBench(split);
    const whole = await openBench({}, { model, batching: false });
    expect(whole.backend.calls.map(({ rows }) => rows)).toEqual([5]);
    await closeBench(whole);
  });

  test('of no batch axis computes them at its own size', async () => {
    const spec = { name: 'x', dtype: 'float32', shape: [2] } as const;
    const signature: ModelSignature = { inputs: [spec], outputs: [{ ...spec, name: 'y' }], batchAxis: null };
    const one = (data: number[]): GoldenTensor => ({ dtype: 'float32', shape: [2], data });
    const model = withGolden('1', [{ inputs: { x: one([1, 2]) }, outputs: { y: one([2, 4]) } }]);
    const bench = await openBench({ signature }, { model });
    expect(bench.backend.calls).toHaveLength(1);
    await closeBench(bench);
    const wrong = withGolden('1', [{ inputs: { x: one([1, 2]) }, outputs: { y: one([2, 5]) } }]);
    expect((await refused(wrong, 'GOLDEN_MISMATCH', { signature })).error.details.field).toBe('cases[0].outputs.y[1]');
  });

  test('and answers something else is refused: the error names output, place, expected and given', async () => {
    const { error } = await refused(
      withGolden('2', [caseOf([1]), caseOf([1, 2, 3], (value) => (value < -2 ? 0 : value * 2))], {
        sha256: 'f'.repeat(64),
      }),
      'GOLDEN_MISMATCH',
    );
    expect(error.message).toContain('mock 2 (00000000)');
    expect(error.message).toContain('cases[1].outputs.y[2, 1]: expected 0 ± 0.0001, given -6. 1 of 6 elements differ.');
    expect(error.message).toContain('recorded from another model (ffffffff)');
    expect(error.message).toContain('lane inline (cpu)');
    expect(error.details).toEqual({
      field: 'cases[1].outputs.y[2, 1]',
      expected: '0 ± 0.0001',
      given: '-6',
      output: 'y',
      row: 2,
      lane: 'inline',
    });
  });

  test('on one lane only is refused, and every lane is closed', async () => {
    let calls = 0;
    const compute = ({ x }: Tensors): Tensors => {
      const { shape, data } = x as Tensor<'float32'>;
      const factor = ++calls === 2 ? 3 : 2;
      return { y: { dtype: 'float32', shape, data: data.map((value) => value * factor) } };
    };
    const { error } = await refused(
      withGolden('1', [caseOf([1])]),
      'GOLDEN_MISMATCH',
      { workers: true, compute },
      { lanes: 3 },
    );
    expect(error.details.lane).toBe('worker-2');
  });

  test('whose file is broken is refused before anything is loaded', async () => {
    const create = vi.fn(() => undefined);
    const { error } = await refused(mockModel('3', { golden: bytesOf({ rows: [] }) }), 'STORE_CORRUPT', {
      failCreate: create,
    });
    expect(error.message).toContain('The golden rows of mock 3 (00000000)');
    expect(create).not.toHaveBeenCalled();
    await refused(mockModel('3', { golden: bytesOf({ format: 'fairlead-golden', version: 9 }) }), 'UNSUPPORTED', {
      failCreate: create,
    });
  });

  test('whose file cannot be fetched is refused with the error of its source', async () => {
    const gone = new FairleadError('STORE_FAILED', 'no disk');
    await refused({ ...mockModel('3'), sidecar: () => Promise.reject(gone) }, 'STORE_FAILED');
  });

  test.each<[string, Case, string]>([
    [
      'an output that it has not',
      { ...caseOf([1]), outputs: { z: caseOf([1]).outputs.y as GoldenTensor } },
      'cases[0].outputs.z',
    ],
    [
      'an output of another dtype',
      { ...caseOf([1]), outputs: { y: { dtype: 'float64', shape: [1, 2], data: [2, -2] } } },
      'cases[0].outputs.y',
    ],
    [
      'an input that it has not',
      { ...caseOf([1]), inputs: { w: caseOf([1]).inputs.x as GoldenTensor } },
      'cases[0].inputs.w',
    ],
    [
      'rows of another size',
      { ...caseOf([1]), inputs: { x: { dtype: 'float32', shape: [1, 3], data: [1, 2, 3] } } },
      'cases[0].inputs.x.shape',
    ],
  ])('for %s is refused as SIGNATURE_MISMATCH', async (_what, golden, field) => {
    const { error, calls } = await refused(withGolden('1', [golden]), 'SIGNATURE_MISMATCH');
    expect(error.details.field).toBe(field);
    expect(error.message).toContain('mock 1');
    expect(calls).toBe(0);
  });

  test('and fails on them is refused with the runtime’s error and where it came from', async () => {
    const compute = (): Tensors => {
      throw new Error('no such operator');
    };
    const { error } = await refused(withGolden('1', [caseOf([1])]), 'RUN_FAILED', { compute });
    expect(error.message).toContain('failed on its golden rows (case 0, lane inline): no such operator');
    const { error: invalid } = await refused(withGolden('1', [caseOf([1])]), 'OUTPUT_INVALID', { compute: () => ({}) });
    expect(invalid.details.field).toBe('y');
  });

  test('whose worker dies over them is refused with LANE_LOST', async () => {
    const clock = createVirtualClock();
    const latencyMs = (): number => {
      backend.lanes[0]?.kill();
      return 5;
    };
    const backend: MockBackend = createMockBackend({ clock, workers: true, latencyMs });
    const creating = createRunner({ model: withGolden('1', [caseOf([1])]), backend, clock, lanes: 2, warmUp: false });
    await rejection(until(creating, clock), 'LANE_LOST');
    await clock.advance(10_000);
    expect(backend.lanes).toHaveLength(2);
    expect(backend.openSessions).toBe(0);
    expect(backend.closedInFlight).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test('can be told to wait no longer', async () => {
    const controller = new AbortController();
    const model = withGolden('1', [caseOf([1]), caseOf([2])]);
    const latencyMs = (): number => {
      controller.abort();
      return 0;
    };
    const { calls } = await refused(model, 'ABORTED', { latencyMs }, { signal: controller.signal });
    expect(calls).toBe(1);
  });

  test('is taken as it is with checkGolden: false', async () => {
    const sidecar = vi.fn(async () => bytesOf({}));
    const bench = await openBench({}, { model: { ...mockModel('1'), sidecar }, checkGolden: false });
    expect(sidecar).not.toHaveBeenCalled();
    expect(bench.runner.describe().golden).toBe('unchecked');
    expect(bench.backend.calls).toHaveLength(0);
    await closeBench(bench);
  });
});

describe('a swap', () => {
  test('to a model that does not answer its golden rows leaves the runner with what it has', async () => {
    const failures: unknown[] = [];
    const bench = await openBench(
      {},
      { on: { 'model-swap-fail': ({ to, error }) => failures.push([to?.version, error]) } },
    );
    const error = await rejection(
      until(bench.runner.swap(withGolden('2', [caseOf([1], () => 0)])), bench.clock),
      'GOLDEN_MISMATCH',
    );
    expect(failures).toEqual([['2', error]]);
    const { model } = await until(bench.runner.run(inputOf(1)), bench.clock);
    expect([model.version, bench.runner.describe().golden]).toEqual(['1', 'none']);
    expect(bench.backend.openSessions).toBe(1);
    await until(bench.runner.swap(withGolden('2', [caseOf([1])])), bench.clock);
    expect(bench.runner.model.version).toBe('2');
    await closeBench(bench);
  });

  test('that a source announces is refused as well, and said so', async () => {
    let announce: (next: LoadedModel) => void = () => undefined;
    const source: ModelSource = {
      resolve: async () => mockModel('1'),
      watch: (onChange) => {
        announce = onChange;
        return { close: async () => {}, [Symbol.asyncDispose]: async () => {} };
      },
    };
    const failures: string[] = [];
    const bench = await openBench(
      {},
      { model: source, on: { 'model-swap-fail': ({ error }) => failures.push((error as FairleadError).code) } },
    );
    announce(withGolden('2', [caseOf([1], () => 0)]));
    await vi.waitFor(() => expect(failures).toEqual(['GOLDEN_MISMATCH']), { interval: 1 });
    expect(bench.log).toEqual([expect.stringContaining('stays with mock 1')]);
    expect(bench.runner.model.version).toBe('1');
    await closeBench(bench);
  });
});

test('rows are given as tensors of the model, whatever the file nests', async () => {
  const nested = caseOf([1, 2]);
  const x: GoldenTensor = {
    dtype: 'float32',
    shape: [2, 2],
    data: [
      [1, -1],
      [2, -2],
    ],
  };
  const bench = await openBench({}, { model: withGolden('1', [{ ...nested, inputs: { x } }]) });
  expect(bench.backend.calls[0]?.inputs.x).toEqual(rowsOf([1, -1], [2, -2]));
  await closeBench(bench);
});
