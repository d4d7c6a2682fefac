import { sha256Hex } from '@fairlead/core';
import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openEmbeddedStore } from '../embedded/embedded-store';
import { nodeFiles } from '../files/node-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import { bytesOf, evidence } from '../registry/registry-kit.fixture';
import type { RunEvent } from '../store/run-store';
import type { StoredRun } from '../store/stored-run';
import type { LineageEdge, LineageGraph } from './lineage';
import { buildLineageIndex } from './lineage-index';
import { walk } from './walk';

const [x, y, z] = ['1', '2', '3'].map((digit) => digit.repeat(64)) as [string, string, string];
const input = (name: string, digest: string, context = 'training'): RunEvent => ({
  type: 'input',
  at: 2,
  dataset: { name, digest, context },
});
const use = (version: string): RunEvent => ({ type: 'use', at: 2, model: { name: 'digits', version } });
const artifact = (digest: string): RunEvent => ({ type: 'artifact', at: 2, name: 'out.bin', digest, size: 1 });

/** A tracker, and a short way to put runs into its store. */
async function openGraph() {
  const clock = createVirtualClock();
  const dir = await temporaryFolder();
  const options = { files: nodeFiles, dir, clock, pollMs: 1000, maxBufferedBytes: 65_536, overflow: 'write' } as const;
  const store = await openEmbeddedStore(options);
  const tracker = await openTracker({ store, clock });
  onTestFinished(() => tracker.close());
  let runs = 0;
  const addRun = async (name: string, events: readonly RunEvent[] = [], parent?: string): Promise<string> => {
    const id = String(++runs).padStart(32, '0');
    const start = { type: 'start', at: runs, id, experiment: 'e', name, leaseUntil: 9 } as const;
    const writer = await store.runs.create(parent === undefined ? start : { ...start, parent });
    for (const event of events) writer.append(event);
    await writer.flush('disk');
    await writer.close();
    return id;
  };
  const register = (text: string, draft: { run?: string; parents?: string[] } = {}) =>
    tracker.registry.registerVersion('digits', { artifact: bytesOf(text), ...draft });
  const deploy = (version: string, target: string, active = true) =>
    tracker.registry.recordDeployment('digits', version, { target, active }, evidence);
  return { tracker, registry: tracker.registry, lineage: tracker.lineage, addRun, register, deploy };
}

const refs = (graph: LineageGraph): string[] => graph.nodes.map((node) => node.ref);
const short = (graph: LineageGraph): string[] =>
  graph.edges
    .map((edge) => `${edge.from} ${edge.kind} ${edge.to}`.replaceAll(/0{20,}|\b([123])\1{63}\b/g, '$1'))
    .sort();

/** Whether the edges have no cycle: nodes without an edge into them are taken away until none is left. */
function isAcyclic(edges: readonly LineageEdge[]): boolean {
  let left = [...edges];
  for (let before = -1; before !== left.length; ) {
    before = left.length;
    const targets = new Set(left.map((edge) => edge.to));
    left = left.filter((edge) => targets.has(edge.from));
  }
  return left.length === 0;
}

describe('lineage', () => {
  test('answers which deployments descend from a dataset, and what a deployment comes from', async () => {
    const { lineage, registry, addRun, register, deploy } = await openGraph();
    const first = await addRun('first', [input('mnist', x), input('mnist-test', y, 'test')]);
    const second = await addRun('second', [input('letters', z)]);
    await register('one', { run: first });
    await register('two', { run: second });
    await registry.setAlias('digits', 'champion', '1', evidence);
    await deploy('1', 'eu');
    await deploy('2', 'us');
    await deploy('1', 'test');
    await deploy('2', 'test');
    const impact = await lineage.descendants(`dataset:@${x}`);
    expect(impact.nodes.filter((node) => node.kind === 'deployment').map((node) => node.target)).toEqual([
      'eu',
      'test',
    ]);
    expect(impact).toMatchObject({ roots: [`dataset:mnist@${x}`], cut: [], truncated: false });
    const now = await lineage.descendants(`dataset:@${x}`, { activeOnly: true });
    expect(now.nodes.filter((node) => node.kind === 'deployment').map((node) => node.ref)).toEqual(['deployment:eu']);
    const origin = await lineage.ancestors('deployment:eu');
    expect(origin.nodes).toEqual([
      { kind: 'deployment', ref: 'deployment:eu', target: 'eu', distance: 0 },
      {
        kind: 'model',
        ref: 'model:digits/1',
        name: 'digits',
        version: '1',
        digest: await sha256Hex(bytesOf('one')),
        aliases: ['champion'],
        deleted: false,
        distance: -1,
      },
      { kind: 'run', ref: `run:${first}`, id: first, name: 'first', experiment: 'e', deleted: false, distance: -2 },
      { kind: 'dataset', ref: `dataset:mnist@${x}`, name: 'mnist', digest: x, distance: -3 },
      { kind: 'dataset', ref: `dataset:mnist-test@${y}`, name: 'mnist-test', digest: y, distance: -3 },
    ]);
    expect(origin.edges).toEqual(
      expect.arrayContaining([
        { from: `dataset:mnist-test@${y}`, to: `run:${first}`, kind: 'input', context: 'test' },
        { from: 'model:digits/1', to: 'deployment:eu', kind: 'deploy', active: true },
      ]),
    );
    expect(short(await lineage.graph('model:digits@champion'))).toEqual([
      'dataset:mnist-test@2 input run:1',
      'dataset:mnist@1 input run:1',
      'model:digits/1 deploy deployment:eu',
      'model:digits/1 deploy deployment:test',
      'run:1 output model:digits/1',
    ]);
    expect(refs(await lineage.ancestors('deployment:test'))).toContain(`dataset:letters@${z}`);
  });

  test('takes one content under two names for one, when it is asked by its digest', async () => {
    const { lineage, addRun } = await openGraph();
    const [first, second] = [await addRun('a', [input('mnist', x)]), await addRun('b', [input('numbers', x)])];
    const both = await lineage.descendants(`dataset:@${x}`);
    expect(both.roots).toEqual([`dataset:mnist@${x}`, `dataset:numbers@${x}`]);
    expect(refs(both)).toEqual([...both.roots, `run:${first}`, `run:${second}`]);
    expect(refs(await lineage.descendants(`dataset:mnist@${x}`))).toEqual([`dataset:mnist@${x}`, `run:${first}`]);
  });

  test('leads through data that one run made and another one read', async () => {
    const { lineage, addRun, register } = await openGraph();
    await addRun('clean', [input('raw', x), artifact(y)]);
    // It logs a copy of what it read, which makes it no maker of it.
    const train = await addRun('train', [input('clean', y), artifact(y)]);
    await register('one', { run: train });
    expect(short(await lineage.descendants(`dataset:raw@${x}`))).toEqual([
      'dataset:clean@2 input run:2',
      'dataset:raw@1 input run:1',
      'run:1 output dataset:clean@2',
      'run:2 output model:digits/1',
    ]);
  });

  test('finds the run of a version by its bytes, where the version does not say', async () => {
    const { lineage, addRun, register } = await openGraph();
    const run = await addRun('train', [input('mnist', x), artifact(await sha256Hex(bytesOf('one')))]);
    await register('one');
    expect(refs(await lineage.ancestors('model:digits/1'))).toEqual([
      'model:digits/1',
      `run:${run}`,
      `dataset:mnist@${x}`,
    ]);
  });

  test('leads through parents, models that a run used, and runs within runs', async () => {
    const { lineage, registry, addRun, register } = await openGraph();
    await register('base', { run: await addRun('pretrain', [input('all', x)]) });
    const pipeline = await addRun('pipeline', [input('few', y)]);
    const tune = await addRun('tune', [use('1')], pipeline);
    await register('tuned', { run: tune });
    await register('merged', { parents: ['digits/1', 'digits/2'] });
    const judge = await addRun('judge', [input('judged', z, 'test'), use('3')]);
    const metrics = { accuracy: 1 };
    await registry.recordEvaluation('digits', '3', { run: judge, metrics }, evidence);
    expect(short(await lineage.graph('model:digits/3'))).toEqual([
      'dataset:all@1 input run:1',
      'dataset:few@2 input run:2',
      'model:digits/1 parent model:digits/3',
      'model:digits/1 use run:3',
      'model:digits/2 parent model:digits/3',
      'model:digits/3 use run:4',
      'run:1 output model:digits/1',
      'run:2 part run:3',
      'run:3 output model:digits/2',
    ]);
    // Data that a version was judged on is none that it comes from.
    expect(refs(await lineage.ancestors('model:digits/3'))).not.toContain(`dataset:judged@${z}`);
  });

  test('has no circle in it: what a run measured of its own product is left out, others are cut and said', async () => {
    const { lineage, addRun, register, registry } = await openGraph();
    const own = await addRun('train and test', [use('1')]);
    await register('one', { run: own });
    await registry.recordEvaluation('digits', '1', { run: own, metrics: { accuracy: 1 } }, evidence);
    expect(await lineage.graph('model:digits/1')).toMatchObject({ cut: [], edges: [{ kind: 'output' }] });
    await addRun('there', [input('x', x), artifact(y)]);
    await addRun('back', [input('y', y), artifact(x)]);
    for (const way of ['ancestors', 'descendants', 'graph'] as const) {
      const graph = await lineage[way](`dataset:x@${x}`);
      expect(graph.nodes).toHaveLength(4);
      expect([graph.edges.length, graph.cut.length]).toEqual([3, 1]);
      expect(isAcyclic(graph.edges)).toBe(true);
      expect(isAcyclic([...graph.edges, ...graph.cut])).toBe(false);
    }
  });

  test('keeps what was deleted, and names what is gone', async () => {
    const { lineage, registry, addRun, register } = await openGraph();
    const run = await addRun('train', [input('mnist', x), { type: 'lifecycle', at: 3, deleted: true }, use('9')]);
    await register('one', { run });
    await register('two', { parents: ['digits/1'] });
    await registry.deleteVersion('digits', '1', evidence);
    const { nodes } = await lineage.ancestors('model:digits/2');
    expect(nodes).toMatchObject([
      { ref: 'model:digits/2', deleted: false },
      { ref: 'model:digits/1', deleted: true },
      { ref: `run:${run}`, deleted: true },
      { ref: `dataset:mnist@${x}` },
      { ref: 'model:digits/9' },
    ]);
    expect(nodes.at(-1)).not.toHaveProperty('digest');
  });

  test('includes what a live run has not written yet', async () => {
    const { tracker, lineage, register } = await openGraph();
    const run = await tracker.startRun();
    await run.logArtifact('model.bin', bytesOf('one'));
    await register('one');
    expect(refs(await lineage.ancestors('model:digits/1'))).toEqual(['model:digits/1', `run:${run.id}`]);
  });

  test('is followed as far as asked, and says when there is more', async () => {
    const { lineage, addRun, register, deploy } = await openGraph();
    await register('one', { run: await addRun('train', [input('mnist', x)]) });
    await deploy('1', 'eu');
    const start = `dataset:mnist@${x}`;
    const lengths = async (options: object): Promise<[number, boolean]> => {
      const graph = await lineage.descendants(start, options);
      return [graph.nodes.length, graph.truncated];
    };
    expect(await lengths({ depth: 1 })).toEqual([2, true]);
    expect(await lengths({ depth: 3 })).toEqual([4, false]);
    expect(await lengths({ limit: 3 })).toEqual([3, true]);
    expect(await lengths({ limit: 4 })).toEqual([4, false]);
    await addRun('later');
    expect(await lengths({ maxRuns: 2 })).toEqual([4, false]);
    await expect(lineage.descendants(start, { maxRuns: 1 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await lineage.descendants('model:digits/1', { maxRuns: 1 })).toMatchObject({ truncated: true });
    for (const [field, value] of Object.entries({ depth: 0, limit: 1.5, maxRuns: -1, activeOnly: 1, deep: 2 })) {
      await expect(lineage.graph(start, { [field]: value })).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        details: { field },
      });
    }
  });

  test.each([
    ['dataset:mnist', 'INVALID_ARGUMENT'],
    ['dataset:@', 'INVALID_ARGUMENT'],
    ['model:digits', 'INVALID_ARGUMENT'],
    ['model:digits/one', 'INVALID_ARGUMENT'],
    ['model:digits@latest', 'INVALID_ARGUMENT'],
    ['digits/1', 'INVALID_ARGUMENT'],
    ['', 'INVALID_ARGUMENT'],
    [5, 'INVALID_ARGUMENT'],
    ['model:digits/7', 'NOT_FOUND'],
    ['model:digits@none', 'NOT_FOUND'],
    ['model:numbers@champion', 'NOT_FOUND'],
    ['run:7', 'NOT_FOUND'],
    ['dataset:@7', 'NOT_FOUND'],
    ['deployment:mars', 'NOT_FOUND'],
  ])('refuses %j with %s', async (reference, code) => {
    const { lineage, register } = await openGraph();
    await register('one');
    await expect(lineage.graph(reference as string)).rejects.toMatchObject({ code });
  });

  test('says what exists where it does not, stops when told, and is closed with its tracker', async () => {
    const { tracker, lineage, register } = await openGraph();
    await register('one');
    await expect(lineage.graph('model:digits/2')).rejects.toMatchObject({
      message: expect.stringContaining('"model:digits/1"'),
    });
    await expect(lineage.graph('model:digits/1', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORTED',
    });
    await tracker.close();
    await expect(lineage.graph('model:digits/1')).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('a walk', () => {
  const run = (id: string, inputs: string[], outputs: string[]): StoredRun => ({
    id,
    experiment: 'e',
    name: id,
    startedAt: 0,
    leaseUntil: 0,
    params: {},
    tags: {},
    metrics: {},
    artifacts: outputs.map((digest) => ({ name: digest, digest, size: 1, loggedAt: 0 })),
    inputs: inputs.map((digest) => ({ name: 'd', digest })),
    uses: [],
    damage: [],
  });
  const everything = {
    up: true,
    down: true,
    depth: Number.POSITIVE_INFINITY,
    limit: Number.POSITIVE_INFINITY,
    activeOnly: false,
  };

  test('of a chain of ten thousand runs ends', () => {
    const chain = Array.from({ length: 10_000 }, (_, i) => run(`r${i}`, [`d${i}`], [`d${i + 1}`]));
    const graph = walk(buildLineageIndex(chain, []), ['dataset:d@d0'], everything);
    expect(graph.nodes).toHaveLength(20_000);
    expect(graph.nodes.at(-1)).toMatchObject({ ref: 'run:r9999', distance: 19_999 });
    expect(graph.cut).toEqual([]);
  });

  test('of any graph ends, has no cycle, and loses no edge', () => {
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    for (let round = 0; round < 200; round++) {
      const size = 1 + random(8);
      const some = (): string[] => Array.from({ length: random(4) }, () => `d${random(size)}`);
      const runs = Array.from({ length: size }, (_, i) => run(`r${i}`, [...new Set(some())], [...new Set(some())]));
      const index = buildLineageIndex(runs, []);
      const all = new Set([...index.downstream.values()].flat());
      for (const root of index.nodes.keys()) {
        const graph = walk(index, [root], everything);
        expect(isAcyclic(graph.edges)).toBe(true);
        const reached = new Set(refs(graph));
        expect(reached.size).toBe(graph.nodes.length);
        for (const edge of [...graph.edges, ...graph.cut]) {
          expect(all.has(edge) && reached.has(edge.from) && reached.has(edge.to)).toBe(true);
        }
        // Everything downstream of a node that was reached downstream was reached as well.
        for (const node of graph.nodes.filter((each) => each.distance >= 0)) {
          for (const edge of index.downstream.get(node.ref) ?? []) expect(reached.has(edge.to)).toBe(true);
        }
        if (graph.cut.length > 0) expect(isAcyclic([...graph.edges, ...graph.cut])).toBe(false);
      }
    }
  });
});
