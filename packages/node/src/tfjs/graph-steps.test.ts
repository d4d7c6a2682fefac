import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { tfjs } from './tfjs-backend';
import {
  filesOfGraph,
  float32,
  modelOf,
  node,
  placeholder,
  type TinyEntry,
  type TinyGraph,
  withSession,
} from './tiny-tfjs.fixture';

/* Graphs with branches, loops, tables or outputs whose size depends on the values, which compute in several steps. */

const rows: TinyEntry = ['', 'DT_FLOAT', [-1, 2]];

/** y = 2x by the branch that a constant chooses. */
const branch: TinyGraph = {
  nodes: [
    placeholder('x', 'DT_FLOAT', [-1, 2]),
    node('choice', 'Less', ['one', 'two']),
    node('switch', 'Switch', ['x', 'choice']),
    node('double', 'Mul', ['switch:1', 'two']),
    node('negative', 'Neg', ['switch']),
    node('y', 'Merge', ['negative', 'double']),
  ],
  weights: { one: 1, two: 2 },
  signature: { inputs: { x: ['x:0', ...tail(rows)] }, outputs: { y: ['y:0', ...tail(rows)] } },
};

/** y = 8x by a loop of three rounds. */
const loop: TinyGraph = {
  nodes: [
    placeholder('x', 'DT_FLOAT', [-1, 2]),
    ...['one', 'two', 'three'].map((name) => enter(name, true)),
    enter('zero', false),
    enter('x', false),
    node('round', 'Merge', ['enter_zero', 'next_round']),
    node('value', 'Merge', ['enter_x', 'next_value']),
    node('less', 'Less', ['round', 'enter_three']),
    node('goes_on', 'LoopCond', ['less']),
    node('switch_round', 'Switch', ['round', 'goes_on']),
    node('switch_value', 'Switch', ['value', 'goes_on']),
    node('plus', 'AddV2', ['switch_round:1', 'enter_one']),
    node('times', 'Mul', ['switch_value:1', 'enter_two']),
    node('next_round', 'NextIteration', ['plus']),
    node('next_value', 'NextIteration', ['times']),
    node('y', 'Exit', ['switch_value']),
  ],
  weights: { zero: 0, one: 1, two: 2, three: 3 },
  signature: { inputs: { x: ['x:0', ...tail(rows)] }, outputs: { y: ['y:0', ...tail(rows)] } },
};

/** y = what a table holds for each element of x: 5 for 1, 7 for 2, else 0. */
const table: TinyGraph = {
  nodes: [
    placeholder('x', 'DT_FLOAT', [-1]),
    { name: 'table', op: 'HashTableV2', attr: tableTypes() },
    node('y', 'LookupTableFindV2', ['table', 'x', 'otherwise'], tableTypes()),
  ],
  weights: { keys: [1, 2], values: [5, 7], otherwise: 0 },
  signature: { inputs: { x: ['x:0', 'DT_FLOAT', [-1]] }, outputs: { y: ['y:0', 'DT_FLOAT', [-1]] } },
  more: {
    modelInitializer: {
      node: [
        { name: 'keys', op: 'Const', attr: { dtype: { type: 'DT_FLOAT' } } },
        { name: 'values', op: 'Const', attr: { dtype: { type: 'DT_FLOAT' } } },
        { name: 'table', op: 'HashTableV2', attr: tableTypes() },
        { name: 'import', op: 'LookupTableImportV2', input: ['table', 'keys', 'values'], attr: tableTypes() },
      ],
      versions: { producer: 1 },
    },
  },
};

/** y = x, in one go. */
const atOnce: TinyGraph = {
  nodes: [placeholder('x', 'DT_FLOAT', [-1, 2]), node('y', 'Identity', ['x'])],
  signature: { inputs: { x: ['x:0', ...tail(rows)] }, outputs: { y: ['y:0', ...tail(rows)] } },
};

function tail([, ...rest]: TinyEntry) {
  return rest;
}

function enter(name: string, constant: boolean) {
  return node(`enter_${name}`, 'Enter', [name], { frame_name: { s: btoa('loop') }, is_constant: { b: constant } });
}

function tableTypes() {
  return { key_dtype: { type: 'DT_FLOAT' }, value_dtype: { type: 'DT_FLOAT' } };
}

describe.each(['cpu', 'wasm'] as const)('a graph that computes in several steps, on %s', (device) => {
  const backend = tfjs({ device });

  test.each([
    ['a branch', branch, [2, 2], [2, 4, 6, 8]],
    ['a loop', loop, [2, 2], [8, 16, 24, 32]],
    ['a table', table, [4], [5, 7, 0, 0]],
  ])('%s, leaving nothing behind', async (_what, graph, shape, expected) => {
    await withSession(
      filesOfGraph(graph),
      async (session) => {
        expect(session).toMatchObject({ batchAxis: 0, device });
        const counts = new Set<number>();
        for (let run = 0; run < 5; run++) {
          const outputs = await session.doRun({ x: float32(shape, 1, 2, 3, 4) }, {});
          expect(outputs).toEqual({ y: float32(shape, ...expected) });
          counts.add(tf.memory().numTensors);
        }
        expect(counts.size).toBe(1);
      },
      backend,
    );
  });

  test('an output whose size depends on the values has no batch axis', async () => {
    const graph = filesOfGraph({
      nodes: [
        placeholder('x', 'DT_FLOAT', [-1, 2]),
        node('positive', 'Greater', ['x', 'zero']),
        { name: 'y', op: 'Where', input: ['positive'] },
      ],
      weights: { zero: 0 },
      signature: { inputs: { x: ['x:0', ...tail(rows)] }, outputs: { y: ['y:0', 'DT_INT64', [-1, 2]] } },
    });
    await withSession(
      graph,
      async (session) => {
        expect(session.batchAxis).toBeNull();
        const { y } = await session.doRun({ x: float32([2, 2], -1, 1, 1, 0) }, {});
        expect(y).toEqual({ dtype: 'int32', shape: [2, 2], data: Int32Array.of(0, 1, 1, 0) });
      },
      backend,
    );
  });
});

test('runs of several sessions and devices that overlap do not disturb each other, nor code beside them', async () => {
  const sessions = await Promise.all(
    (['cpu', 'wasm'] as const).flatMap((device) =>
      [loop, branch, atOnce].map((graph) => tfjs({ device }).doCreateSession(modelOf(filesOfGraph(graph)), {})),
    ),
  );
  await tf.setBackend('cpu');
  const before = tf.memory().numTensors;
  const factors = [8, 2, 1, 8, 2, 1];
  for (let round = 1; round <= 10; round++) {
    const runs = sessions.map((session) => session.doRun({ x: float32([1, 2], round, 3) }, {}));
    for (const [index, { y }] of (await Promise.all(runs)).entries()) {
      const factor = factors[index] as number;
      expect(y).toEqual(float32([1, 2], round * factor, 3 * factor));
    }
    expect(tf.getBackend()).toBe('cpu');
  }
  expect(tf.memory().numTensors).toBe(before);
  for (const session of sessions) await session.close();
});
