import type { Tensor, Tensors } from '@fairlead/core';
import { describe, expect, it } from 'vitest';
import { zipMapModel } from '../../../node/src/onnx/tiny-onnx';
import { signatureFrom as signatureOfModel, type ValueMetadata } from './signature';

type Shape = (number | string)[];

const value = (name: string, shape: Shape, type = 'float32'): ValueMetadata => ({ name, isTensor: true, type, shape });
/** The model's bytes count only where something is no tensor. */
const signatureFrom = (
  inputs: readonly ValueMetadata[],
  outputs: readonly ValueMetadata[],
  compute: (inputs: Tensors) => Promise<Tensors>,
  model: Uint8Array = new Uint8Array(),
) => signatureOfModel(inputs, outputs, compute, model);
const untried = (): Promise<Tensors> => Promise.reject(new Error('there is nothing to try'));

function answering(rows: number, tried: Tensors[] = []): (inputs: Tensors) => Promise<Tensors> {
  return async (inputs) => {
    tried.push(inputs);
    return { y: { dtype: 'float32', shape: [rows, 2], data: new Float32Array(rows * 2) } satisfies Tensor };
  };
}

describe('signatureFrom', () => {
  it('keeps names, dtypes and shapes', async () => {
    const inputs = [value('pixels', ['batch', 64])];
    expect(await signatureFrom(inputs, [value('label', ['batch'], 'int64')], untried)).toEqual({
      inputs: [{ name: 'pixels', dtype: 'float32', shape: ['batch', 64] }],
      outputs: [{ name: 'label', dtype: 'int64', shape: ['batch'] }],
      batchAxis: 0,
    });
  });

  it.each<[string, Shape[], Shape[]]>([
    ['a fixed output', [['n', 4]], [[1, 2]]],
    ['a fixed input', [[1, 4]], [[1, 2]]],
    ['a scalar output', [['n', 4]], [[]]],
    [
      'two inputs of different names',
      [
        ['n', 4],
        ['m', 4],
      ],
      [['n', 2]],
    ],
    ['no input', [], [['n', 2]]],
  ])('sees no batch axis in %s, without a trial', async (_what, inputs, outputs) => {
    const signature = await signatureFrom(
      inputs.map((shape, index) => value(`x${index}`, shape)),
      outputs.map((shape, index) => value(`y${index}`, shape)),
      untried,
    );
    expect(signature.batchAxis).toBeNull();
  });

  it.each<[string, Shape, Shape]>([
    ['left out', [4_294_967_295, 4], ['', 2]],
    ['left out in another way', [-1, 4], [-1, 2]],
    ['different', ['n', 4], ['y_dim_0', 2]],
  ])('tries three rows where the names are %s', async (_what, input, output) => {
    const tried: Tensors[] = [];
    expect(await signatureFrom([value('x', input)], [value('y', output)], answering(3, tried))).toMatchObject({
      batchAxis: 0,
    });
    expect(tried).toEqual([{ x: { dtype: 'float32', shape: [3, 4], data: new Float32Array(12) } }]);
    // A list of boxes, and a graph that was traced with one row.
    for (const compute of [answering(100), () => Promise.reject(new Error('reshape'))]) {
      expect(await signatureFrom([value('x', input)], [value('y', output)], compute)).toMatchObject({
        batchAxis: null,
      });
    }
  });

  it('believes the names where other open dimensions leave nothing to try', async () => {
    const axisOf = async (input: Shape, output: Shape) =>
      (await signatureFrom([value('x', input)], [value('y', output)], untried)).batchAxis;
    expect(await axisOf(['', 'length'], ['', 2])).toBe(0);
    expect(await axisOf(['n', 'length'], ['m', 2])).toBeNull();
  });

  it('names the dimensions that have no name, each for itself', async () => {
    const signature = await signatureFrom([value('x', [-1, '', 4])], [value('y', ['', -1])], untried);
    expect(signature.inputs[0]?.shape).toEqual(['batch', 'x_dim1', 4]);
    expect(signature.outputs[0]?.shape).toEqual(['batch', 'y_dim1']);
  });

  it('refuses a sequence of maps with its type, and says how to export without one', async () => {
    const outputs = [value('label', ['n'], 'int64'), { name: 'output_probability', isTensor: false }];
    await expect(signatureFrom([value('x', ['n', 4])], outputs, untried, zipMapModel())).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message:
        'The output "output_probability" is a sequence of maps from int64 to float32 tensors; expected a tensor. Export the model without it: in skl2onnx, with options={"zipmap": False}.',
      details: { field: 'output_probability', expected: 'a tensor' },
    });
    await expect(signatureFrom([{ name: 'd', isTensor: false }], [], untried)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('The input "d" is a sequence, a map or optional'),
    });
  });

  it('refuses a dtype that tensors do not have', async () => {
    await expect(signatureFrom([value('x', ['n', 4], 'int4')], [], untried)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      details: { field: 'x', given: 'int4' },
    });
  });
});
