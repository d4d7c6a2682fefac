import { describe, expect, test } from 'vitest';
import type { ModelSignature } from '../signature';
import type { DataOf, DType } from '../tensor/dtype';
import type { Tensor, Tensors } from '../tensor/tensor';
import { mockModel } from '../testing/mock-backend';
import { type Bench, closeBench, inputOf, openBench, rejection, rowsOf, until } from '../testing/test-kit.fixture';
import './write-golden';
import { parseGolden } from './parse-golden';
import { recordGolden } from './record-golden';

describe('recordGolden', () => {
  test('writes requests and answers down as a file that the model passes', async () => {
    const bench = await openBench({ latencyMs: () => 5 });
    const bytes = await until(recordGolden(bench.runner, [inputOf(1, 2), { x: Float32Array.of(3, 4) }]), bench.clock);
    expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual({
      format: 'fairlead-golden',
      version: 1,
      sha256: bench.runner.model.digest,
      cases: [
        {
          inputs: { x: { dtype: 'float32', shape: [2, 2], data: [1, -1, 2, -2] } },
          outputs: { y: { dtype: 'float32', shape: [2, 2], data: [2, -2, 4, -4] } },
        },
        {
          inputs: { x: { dtype: 'float32', shape: [1, 2], data: [3, 4] } },
          outputs: { y: { dtype: 'float32', shape: [1, 2], data: [6, 8] } },
        },
      ],
    });
    await closeBench(bench);
    const again = await openBench({}, { model: mockModel('1', { golden: bytes }) });
    expect(again.backend.calls).toHaveLength(2);
    await closeBench(again);
  });

  test('runs each request alone', async () => {
    const bench = await openBench({ latencyMs: () => 5 });
    await until(recordGolden(bench.runner, [inputOf(1), inputOf(2), inputOf(3)]), bench.clock);
    expect(bench.backend.calls.map(({ rows }) => rows)).toEqual([1, 1, 1]);
    await closeBench(bench);
  });

  test('does not mind what becomes of the arrays afterwards', async () => {
    const bench = await openBench({ latencyMs: () => 5 });
    const inputs = { x: Float32Array.of(1, 2) };
    const recording = recordGolden(bench.runner, [inputOf(9), inputs]);
    inputs.x.fill(0);
    const golden = parseGolden(await until(recording, bench.clock), 'it');
    expect(golden.cases[1]?.inputs.x).toEqual(rowsOf([1, 2]));
    await closeBench(bench);
  });

  test('records the outputs that are asked for, and the tolerance', async () => {
    const spec = (name: string) => ({ name, dtype: 'float32' as const, shape: ['batch', 2] });
    const signature: ModelSignature = { inputs: [spec('x')], outputs: [spec('a'), spec('b')], batchAxis: 0 };
    const compute = ({ x }: Tensors): Tensors => ({ a: x as Tensor, b: x as Tensor });
    const bench = await openBench({ signature, compute });
    const options = { outputs: ['b'], tolerance: { b: { absolute: 0.1 } } };
    const golden = parseGolden(await until(recordGolden(bench.runner, [inputOf(1)], options), bench.clock), 'it');
    expect(Object.keys(golden.cases[0]?.outputs ?? {})).toEqual(['b']);
    expect([...golden.tolerance]).toEqual([['b', { absolute: 0.1 }]]);
    await closeBench(bench);
  });

  test.each<[DType, DataOf]>([
    ['float16', Uint16Array.of(0x3c00, 0x7e00, 0xfc00, 0x0001)],
    ['float32', Float32Array.of(0.1, Number.NaN, -0, 1e-45)],
    ['float64', Float64Array.of(0.1, Number.POSITIVE_INFINITY, -0, 5e-324)],
    ['int64', BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 0n, 9007199254740993n)],
    ['uint64', BigUint64Array.of(2n ** 64n - 1n, 0n, 1n, 2n ** 53n + 1n)],
    ['bool', Uint8Array.of(0, 1, 1, 0)],
    ['string', ['', '"\n', 'é', '\u2028']],
  ])('gives every element of %s back', async (dtype, data) => {
    const spec = { name: 'x', dtype, shape: ['batch'] };
    const signature: ModelSignature = { inputs: [spec], outputs: [{ ...spec, name: 'y' }], batchAxis: 0 };
    const bench = await openBench({ signature, compute: ({ x }) => ({ y: x as Tensor }) });
    const bytes = await until(recordGolden(bench.runner, [{ x: data }]), bench.clock);
    expect(parseGolden(bytes, 'it').cases[0]?.inputs.x?.data).toEqual(data);
    await closeBench(bench);
    const again = await openBench(
      { signature, compute: ({ x }) => ({ y: x as Tensor }) },
      { model: mockModel('1', { golden: bytes }) },
    );
    await closeBench(again);
  });

  test.each<[string, unknown, object, string, string]>([
    ['no requests', [], {}, 'INVALID_ARGUMENT', 'requests'],
    ['one request in place of a list', inputOf(1), {}, 'INVALID_ARGUMENT', 'requests'],
    ['an output that does not exist', [inputOf(1)], { outputs: ['z'] }, 'INVALID_ARGUMENT', 'outputs'],
    ['a tolerance for no output', [inputOf(1)], { tolerance: { z: {} } }, 'INVALID_ARGUMENT', 'outputs'],
    [
      'a negative tolerance',
      [inputOf(1)],
      { tolerance: { y: { absolute: -1 } } },
      'INVALID_ARGUMENT',
      'tolerance.y.absolute',
    ],
    ['a request that is none', [inputOf(1), { w: 1 }], {}, 'INVALID_INPUT', 'w'],
  ])('refuses %s before anything runs', async (_what, requests, options, code, field) => {
    const bench = await openBench();
    const recording = recordGolden(bench.runner, requests as [], options);
    const error = await rejection(until(recording, bench.clock), code as 'INVALID_ARGUMENT');
    expect(error.details.field).toBe(field);
    expect(bench.backend.calls).toHaveLength(0);
    await closeBench(bench);
  });

  test('refuses rows of two models', async () => {
    let swap: Promise<void> | undefined;
    const latencyMs = (): number => {
      swap ??= bench.runner.swap(mockModel('2'));
      return 10;
    };
    const bench: Bench = await openBench({ latencyMs });
    await rejection(until(recordGolden(bench.runner, [inputOf(1), inputOf(2)]), bench.clock), 'CONFLICT');
    await swap;
    await closeBench(bench);
  });

  test('stops for a caller who left', async () => {
    const bench = await openBench({ latencyMs: () => 10 });
    const controller = new AbortController();
    controller.abort();
    await rejection(
      until(recordGolden(bench.runner, [inputOf(1)], { signal: controller.signal }), bench.clock),
      'ABORTED',
    );
    await closeBench(bench);
  });
});
