import type { Tensor } from '@fairlead/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { tfjs } from './tfjs-backend';
import {
  filesOfGraph,
  float32,
  floatsOf,
  modelOf,
  node,
  placeholder,
  type TinyEntry,
  type TinyGraph,
  withSession,
} from './tiny-tfjs.fixture';

/** y = op(x) for rows of two numbers, its signature said or not. */
function unary(op: string, entry: TinyEntry | undefined, output: TinyEntry | undefined = entry): TinyGraph {
  const [, dtype = 'DT_FLOAT', sizes] = entry ?? ['', 'DT_FLOAT', [-1, 2]];
  return {
    nodes: [placeholder('x', dtype, sizes), { name: 'y', op, input: ['x'], attr: { T: { type: dtype } } }],
    ...(entry && output && { signature: { inputs: { x: entry }, outputs: { y: ['y:0', output[1], output[2]] } } }),
  };
}

describe('the dtypes of a graph', () => {
  test.each([
    ['DT_FLOAT', 'float32', Float32Array.of(1.5, Number.NaN, -0, Number.POSITIVE_INFINITY)],
    ['DT_INT32', 'int32', Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1, 7)],
    ['DT_BOOL', 'bool', Uint8Array.of(1, 0, 1, 1)],
    ['DT_STRING', 'string', ['ü', '', 'naïve', 'x']],
    ['DT_INT64', 'int32', Int32Array.of(1, 2, 3, 4)],
    ['DT_DOUBLE', 'float32', Float32Array.of(0.1, 2, 3, 4)],
  ] as const)('%s is %s, in and out', async (type, dtype, data) => {
    await withSession(filesOfGraph(unary('Identity', ['x:0', type, [-1, 2]])), async (session) => {
      expect(session.inputs).toEqual([{ name: 'x', dtype, shape: ['batch', 2] }]);
      expect(session.outputs).toEqual([{ name: 'y', dtype, shape: ['batch', 2] }]);
      expect(session.batchAxis).toBe(0);
      const { y } = await session.doRun({ x: { dtype, shape: [2, 2], data } as Tensor }, {});
      expect(y).toEqual({ dtype, shape: [2, 2], data });
      expect(y?.data).not.toBe(data);
    });
  });

  test('a complex input is refused by its name', async () => {
    const opening = tfjs().doCreateSession(
      modelOf(filesOfGraph(unary('Identity', ['x:0', 'DT_COMPLEX64', [-1, 2]]))),
      {},
    );
    await expect(opening).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('The input "x" is of dtype complex64'),
      details: { field: 'x' },
    });
  });

  test('a complex output is refused by its name', async () => {
    const graph = filesOfGraph({
      nodes: [placeholder('x', 'DT_FLOAT', [-1, 2]), node('y', 'Complex', ['x', 'x'])],
      signature: { inputs: { x: ['x:0', 'DT_FLOAT', [-1, 2]] }, outputs: { y: ['y:0', 'DT_COMPLEX64', [-1, 2]] } },
    });
    const before = tf.memory().numTensors;
    await expect(tfjs({ device: 'cpu' }).doCreateSession(modelOf(graph), {})).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      details: { field: 'y' },
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('the signature of a graph', () => {
  test('names inputs and outputs, of which there may be several', async () => {
    const two = [-1, 2] as const;
    const graph = filesOfGraph({
      nodes: [
        placeholder('in_a', 'DT_FLOAT', two),
        placeholder('in_b', 'DT_FLOAT', two),
        node('plus', 'AddV2', ['in_a', 'in_b']),
        node('times', 'Mul', ['in_a', 'in_b']),
      ],
      signature: {
        inputs: { a: ['in_a:0', 'DT_FLOAT', two], b: ['in_b:0', 'DT_FLOAT', two] },
        outputs: { sum: ['plus:0', 'DT_FLOAT', two], product: ['times:0', 'DT_FLOAT', two] },
      },
    });
    await withSession(graph, async (session) => {
      expect(session.inputs.map(({ name }) => name)).toEqual(['a', 'b']);
      const outputs = await session.doRun({ b: float32([1, 2], 10, 20), a: float32([1, 2], 1, 2) }, {});
      expect(outputs).toEqual({ sum: float32([1, 2], 11, 22), product: float32([1, 2], 10, 40) });
    });
  });

  test('which is missing is replaced by the nodes and by what a run shows', async () => {
    await withSession(filesOfGraph(unary('Relu', undefined)), async (session) => {
      expect(session).toMatchObject({
        inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
        outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 2] }],
        batchAxis: 0,
      });
      expect(await session.doRun({ x: float32([1, 2], -1, 2) }, {})).toEqual({ y: float32([1, 2], 0, 2) });
    });
  });

  test('with open axes besides the rows leaves them open, and what no size that is tried fits is refused', async () => {
    const open: TinyGraph = { nodes: [placeholder('x', 'DT_FLOAT', [-1, -1]), node('y', 'Relu', ['x'])] };
    await withSession(filesOfGraph(open), async (session) => {
      expect(session.inputs[0]?.shape).toEqual(['batch', 'x_dim1']);
      expect(session.outputs[0]?.shape).toEqual(['batch', 'y_dim1']);
      expect(session.batchAxis).toBe(0);
    });
    const seven: TinyGraph = {
      nodes: [placeholder('x', 'DT_FLOAT', [-1, -1]), node('y', 'MatMul', ['x', 'w'])],
      weights: { w: [[1], [2], [3], [4], [5], [6], [7]] },
    };
    await expect(tfjs().doCreateSession(modelOf(filesOfGraph(seven)), {})).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/output "y" is of an unknown dtype and unknown rank.*with a signature/),
    });
    const said = {
      ...seven,
      signature: {
        inputs: { x: ['x:0', 'DT_FLOAT', [-1, -1]] as const },
        outputs: { y: ['y:0', 'DT_FLOAT', [-1, 1]] as const },
      },
    };
    await withSession(filesOfGraph(said), async (session) => {
      expect(session.batchAxis).toBe(0);
      expect(await session.doRun({ x: float32([1, 7], 1, 0, 0, 0, 0, 0, 1) }, {})).toEqual({ y: float32([1, 1], 8) });
    });
  });

  test('an input of unknown rank is refused by its name', async () => {
    const graph = filesOfGraph({ nodes: [placeholder('x', 'DT_FLOAT'), node('y', 'Relu', ['x'])] });
    await expect(tfjs().doCreateSession(modelOf(graph), {})).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      details: { field: 'x', given: 'of float32 and unknown rank' },
    });
  });

  test.each([
    ['a fixed first axis', unary('Relu', ['x:0', 'DT_FLOAT', [1, 2]]), null],
    ['a scalar', unary('Relu', ['x:0', 'DT_FLOAT', []]), null],
    ['rows that stay apart', unary('Relu', ['x:0', 'DT_FLOAT', [-1, 2]]), 0],
    ['an output that says nothing about its axes', unary('Relu', ['x:0', 'DT_FLOAT', [-1, 2]], ['', 'DT_FLOAT']), 0],
    [
      'rows that do not',
      {
        nodes: [placeholder('x', 'DT_FLOAT', [-1, -1]), node('y', 'MatMul', ['x', 'x'], { transpose_a: { b: true } })],
        signature: { inputs: { x: ['x:0', 'DT_FLOAT', [-1, 2]] }, outputs: { y: ['y:0', 'DT_FLOAT', [-1, -1]] } },
      } satisfies TinyGraph,
      null,
    ],
  ])('batchAxis for %s', (_what, graph, batchAxis) =>
    withSession(filesOfGraph(graph), async (session) => expect(session.batchAxis).toBe(batchAxis)),
  );
});

test('a weight that is an output is answered as a copy, and stays for the next run', async () => {
  const graph = filesOfGraph({
    nodes: [placeholder('x', 'DT_FLOAT', [2, 2]), node('y', 'Identity', ['x'])],
    weights: { w: [1, 2, 3] },
    signature: {
      inputs: { x: ['x:0', 'DT_FLOAT', [2, 2]] },
      outputs: { y: ['y:0', 'DT_FLOAT', [2, 2]], w: ['w:0', 'DT_FLOAT', [3]] },
    },
  });
  await withSession(graph, async (session) => {
    const inputs = { x: float32([2, 2], 1, 2, 3, 4) };
    const first = await session.doRun(inputs, {});
    floatsOf(first.w).fill(9);
    floatsOf(first.y).fill(9);
    expect(inputs.x).toEqual(float32([2, 2], 1, 2, 3, 4));
    expect(await session.doRun(inputs, {})).toEqual({ y: inputs.x, w: float32([3], 1, 2, 3) });
  });
});
