import type { LoadedModel, Tensor } from '@fairlead/core';
import { describe, expect, it } from 'vitest';
import { tinyUnary, zipMapModel } from '../../../node/src/onnx/tiny-onnx';
import { createSession } from './create-session';
import { parseOnnxOptions } from './options';

const settings = parseOnnxOptions({ device: 'wasm' });

function open(bytes: Uint8Array) {
  const model: LoadedModel = { bytes, digest: '', name: 'tiny', version: '1', sidecar: async () => undefined };
  return createSession({ model, settings, place: 'inline' }, {});
}

/** Values that show each dtype's width and sign. */
const tensors: readonly Tensor[] = [
  { dtype: 'float32', shape: [3], data: Float32Array.of(1.5, -0, Number.NaN) },
  { dtype: 'float64', shape: [2], data: Float64Array.of(Math.PI, -1e300) },
  { dtype: 'float16', shape: [3], data: Uint16Array.of(0x3e00, 0xfc00, 0x0001) },
  { dtype: 'int8', shape: [2], data: Int8Array.of(-128, 127) },
  { dtype: 'uint8', shape: [2], data: Uint8Array.of(0, 255) },
  { dtype: 'int16', shape: [2], data: Int16Array.of(-32_768, 32_767) },
  { dtype: 'uint16', shape: [2], data: Uint16Array.of(0, 65_535) },
  { dtype: 'int32', shape: [2], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) },
  { dtype: 'uint32', shape: [2], data: Uint32Array.of(0, 2 ** 32 - 1) },
  { dtype: 'int64', shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
  { dtype: 'uint64', shape: [2], data: BigUint64Array.of(0n, 2n ** 64n - 1n) },
  { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) },
  { dtype: 'string', shape: [2], data: ['größe', ''] },
];

describe('tensors through the runtime', () => {
  it.each(tensors)('$dtype comes out as it went in', async (x) => {
    const session = await open(tinyUnary('Identity', { type: x.dtype, shape: ['n'] }));
    const { y } = await session.doRun({ x }, {});
    expect(y).toEqual(x);
    await session.close();
  });

  it('takes a part of a larger buffer', async () => {
    const session = await open(tinyUnary('Identity', { type: 'float32', shape: ['n'] }));
    const data = Float32Array.of(0, 1, 2, 3).subarray(1, 3);
    expect((await session.doRun({ x: { dtype: 'float32', shape: [2], data } }, {})).y?.data).toEqual(
      Float32Array.of(1, 2),
    );
    await session.close();
  });

  it('finds out by a trial that rows can be joined, though no axis has a name', async () => {
    const session = await open(tinyUnary('Neg', { type: 'float32', shape: ['', 2] }));
    expect(session).toMatchObject({
      batchAxis: 0,
      inputs: [{ shape: ['batch', 2] }],
      outputs: [{ shape: ['batch', 2] }],
    });
    await session.close();
  });

  it('refuses what JavaScript has no tensors for, and says where', async () => {
    const x = { type: 'float32', shape: ['n'] } as const;
    await expect(open(tinyUnary('SequenceConstruct', x, { ...x, sequence: true }))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('The output "y" is a sequence of float32 tensors; expected a tensor'),
      details: { field: 'y' },
    });
    await expect(open(zipMapModel())).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/"output_probability" is a sequence of maps from int64 to .*zipmap/),
      details: { field: 'output_probability' },
    });
    await expect(open(tinyUnary('Identity', { type: 'bfloat16', shape: ['n'] }))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});
