import { expect, it } from 'vitest';
import type { LineageEdge, LineageNode } from '../../lineage/lineage';
import { layoutLineage } from './lineage-layout';

const dataset = (name: string): LineageNode => ({
  kind: 'dataset',
  ref: `dataset:${name}`,
  name,
  digest: 'd',
  distance: 0,
});
const run = (id: string): LineageNode => ({ kind: 'run', ref: `run:${id}`, id, deleted: false, distance: 0 });
const model = (version: string): LineageNode => ({
  kind: 'model',
  ref: `model:m/${version}`,
  name: 'm',
  version,
  aliases: [],
  deleted: false,
  distance: 0,
});
const edge = (from: string, to: string): LineageEdge => ({ from, to, kind: 'input' });

it('puts every node to the right of all that leads to it', () => {
  const nodes = [run('b'), model('1'), dataset('train'), run('a'), model('2')];
  const edges = [
    edge('dataset:train', 'run:a'),
    edge('run:a', 'model:m/1'),
    edge('dataset:train', 'run:b'),
    edge('model:m/1', 'run:b'),
    edge('run:b', 'model:m/2'),
  ];
  const { columns, rows, nodes: placed, edges: lines } = layoutLineage({ nodes, edges });
  expect(columns).toBe(5);
  expect(rows).toBe(1);
  expect(placed.map(({ node, column }) => [node.ref, column])).toEqual([
    ['dataset:train', 0],
    ['run:a', 1],
    ['model:m/1', 2],
    ['run:b', 3],
    ['model:m/2', 4],
  ]);
  expect(lines.every(({ from, to }) => from.column < to.column)).toBe(true);
});

it('puts a node beside what leads to it, so that lines do not cross without need', () => {
  const nodes = [dataset('a'), dataset('b'), run('x'), run('y')];
  const edges = [edge('dataset:a', 'run:y'), edge('dataset:b', 'run:x')];
  const { nodes: placed, rows } = layoutLineage({ nodes, edges });
  expect(rows).toBe(2);
  expect(placed.map(({ node, row }) => [node.ref, row])).toEqual([
    ['dataset:a', 0],
    ['dataset:b', 1],
    ['run:y', 0],
    ['run:x', 1],
  ]);
});

it('leaves out edges to what was cut off, and draws one node and none', () => {
  expect(layoutLineage({ nodes: [run('a')], edges: [edge('run:a', 'model:m/9')] })).toMatchObject({
    columns: 1,
    rows: 1,
    edges: [],
  });
  expect(layoutLineage({ nodes: [], edges: [] })).toEqual({ columns: 0, rows: 0, nodes: [], edges: [] });
});
