import type { LoadedModel, Tensors } from '@fairlead/core';
import { expect, test } from 'vitest';
import { tinyModel } from '../packages/node/src/onnx/tiny-onnx';

/* Worker lanes need the built worker script, so this uses the builds. */

const built = (path: string): string => new URL(`../packages/${path}/dist/index.js`, import.meta.url).href;
const { createRunner } = (await import(built('core'))) as typeof import('@fairlead/core');
const { onnx } = (await import(built('node'))) as typeof import('@fairlead/node');

test('padded requests of every kind of tensor come back whole from two workers', async () => {
  const dtypes = ['float32', 'float16', 'int64', 'bool', 'string'] as const;
  const bytes = tinyModel(
    dtypes.map((type) => ({ name: type, type, shape: ['batch', 'n'] })),
    dtypes.map((type) => ({ op: 'Identity', inputs: [type], outputs: [`${type} again`] })),
    dtypes.map((type) => ({ name: `${type} again`, type, shape: ['batch', 'n'] })),
  );
  const model: LoadedModel = {
    bytes,
    digest: '0'.repeat(64),
    name: 'echo',
    version: '1',
    sidecar: async () => undefined,
  };
  const runner = await createRunner({
    model,
    backend: onnx({ device: 'cpu', threads: 1 }),
    lanes: 2,
    batching: { maxBatchRows: 8 },
    shapes: { n: { buckets: [4, 12], pad: { float32: -1, float16: -1, int64: -1n, bool: true, string: '-' } } },
  });
  try {
    const requests = Array.from({ length: 60 }, (_, number): Tensors => {
      const shape = [1 + (number % 3), 1 + (number % 13)];
      const length = (shape[0] as number) * (shape[1] as number);
      const at = { length };
      return {
        float32: { dtype: 'float32', shape, data: Float32Array.from(at, (_, index) => number + index / 7) },
        float16: { dtype: 'float16', shape, data: Uint16Array.from(at, (_, index) => number * 256 + index) },
        int64: { dtype: 'int64', shape, data: BigInt64Array.from(at, (_, index) => BigInt(number) << BigInt(index)) },
        bool: { dtype: 'bool', shape, data: Uint8Array.from(at, (_, index) => (number >> index) & 1) },
        string: { dtype: 'string', shape, data: Array.from(at, (_, index) => `${number}/${index} ü`) },
      };
    });
    const answers = await Promise.all(requests.map((inputs) => runner.run(inputs)));
    for (const [number, { outputs }] of answers.entries()) {
      for (const dtype of dtypes) expect(outputs[`${dtype} again`]).toEqual(requests[number]?.[dtype]);
    }
    expect(answers.some(({ batchSize }) => batchSize > 3)).toBe(true);
    expect(runner.describe().shapes?.used.map(({ sizes }) => sizes.n)).toEqual(
      expect.arrayContaining([4, 12, 'exact']),
    );
  } finally {
    await runner.close();
  }
});
