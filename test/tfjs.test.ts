import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createRunner, type LoadedModel, type Session } from '@fairlead/core';
import { backendConformance } from '@fairlead/core/testing';
import { openTracker } from '@fairlead/tracking';
import { afterAll, describe, expect, test } from 'vitest';
import {
  digitLayers,
  filesOfGraph,
  float32,
  modelOf,
  node,
  placeholder,
  plainAnswer,
  softmaxGraph,
  writeFiles,
} from '../packages/node/src/tfjs/tiny-tfjs.fixture';

/* Worker lanes need the built worker script, so these tests use the build of @fairlead/node. */

const built = (path: string): string => new URL(`../packages/${path}`, import.meta.url).href;
const { tfjs } = (await import(built('node/dist/index.js'))) as typeof import('@fairlead/node');

const folder = await mkdtemp(join(tmpdir(), 'fairlead-tfjs-'));
afterAll(() => rm(folder, { recursive: true }));

describe.each(['cpu', 'wasm'] as const)('the conformance suite on %s', async (device) => {
  const models = [
    { kind: 'graph', files: softmaxGraph(), input: 'features', shape: [5, 3] },
    { kind: 'layers', files: await digitLayers(), input: 'image', shape: [5, 6, 6, 1] },
  ];
  for (const { kind, files, input, shape } of models) {
    await writeFiles(join(folder, kind), files);
    const suite = backendConformance({
      createBackend: () => tfjs({ device }),
      reference: join(folder, kind, 'model.json'),
      missingReference: './nowhere/model.json',
      golden: await plainAnswer(files, device, input, shape),
    });
    describe(`with a ${kind} model`, () => {
      for (const { name, run } of suite) test(name, run, 30_000);
    });
  }
});

describe('a worker lane', () => {
  const entry = ['DT_FLOAT', [-1, 2]] as const;
  const unary = (op: string, attr = {}): LoadedModel =>
    modelOf(
      filesOfGraph({
        nodes: [placeholder('x', ...entry), node('y', op, ['x'], attr)],
        signature: { inputs: { x: ['x:0', ...entry] }, outputs: { y: ['y:0', ...entry] } },
      }),
    );

  async function openLane(model: LoadedModel, backend = tfjs()): Promise<Session> {
    const { laneHost, worker } = backend;
    if (laneHost === undefined || worker === undefined) throw new Error('tfjs() has no worker lanes');
    return laneHost.openLane(worker, model, {});
  }

  test('computes on the first device that runs the model, and tells of those before it', async () => {
    const x = float32([1, 2], -1, 2);
    const relu = await openLane(unary('Relu'));
    expect(relu).toMatchObject({ device: 'wasm', fallbacks: [], concurrency: 2, batchAxis: 0 });
    const [first, second] = await Promise.all([relu.doRun({ x }, {}), relu.doRun({ x }, {})]);
    expect(first).toEqual({ y: float32([1, 2], 0, 2) });
    expect(second).toEqual(first);
    await relu.close();
    const einsum = await openLane(unary('Einsum', { equation: { s: btoa('ij->ij') }, N: { i: '1' } }));
    expect(einsum).toMatchObject({
      device: 'cpu',
      fallbacks: [{ from: 'wasm', to: 'cpu', reason: expect.stringContaining("Kernel 'Einsum' not registered") }],
    });
    expect(await einsum.doRun({ x }, {})).toEqual({ y: x });
    await einsum.close();
  }, 30_000);

  test('errors of the session come back as they are', async () => {
    const broken = modelOf(new TextEncoder().encode('no model'), 'broken');
    await expect(openLane(broken)).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringMatching(/^broken is no TensorFlow\.js model/),
    });
    const session = await openLane(unary('Relu'), tfjs({ device: 'cpu' }));
    await expect(session.doRun({ x: float32([1, 3], 1, 2, 3) }, {})).rejects.toMatchObject({
      code: 'RUN_FAILED',
      details: { device: 'cpu' },
    });
    await session.close();
  }, 30_000);
});

test('a registry keeps a model as a tar archive, and a runner follows its alias', async () => {
  const archive = join(folder, 'softmax.tar');
  await promisify(execFile)('tar', ['-cf', archive, '-C', join(folder, 'graph'), '.']);
  const tracker = await openTracker({ dir: join(folder, 'tracking') });
  await tracker.withRun({ experiment: 'softmax' }, async (run) => {
    const { digest } = await run.logArtifact('model/softmax.tar', archive);
    const { version } = await tracker.registry.registerVersion('softmax', { artifact: digest, run: run.id });
    await tracker.registry.setAlias('softmax', 'champion', version, { actor: 'test', reason: 'the only one' });
  });
  const model = tracker.registry.model('softmax@champion');
  const runner = await createRunner({ model, backend: tfjs(), lanes: 'inline' });
  const { outputs } = await runner.run({ features: Float32Array.of(1, 2, 3) });
  expect(outputs.probabilities?.shape).toEqual([1, 2]);
  await runner.close();
  await tracker.close();
});

describe('a process of its own', () => {
  const call = promisify(execFile);

  async function run(name: string, body: string): Promise<{ stdout: string; stderr: string }> {
    const path = join(folder, `${name}.mjs`);
    const head = `
      import { createRunner } from ${JSON.stringify(built('core/dist/index.js'))};
      import { tfjs } from ${JSON.stringify(built('node/dist/index.js'))};
      const model = ${JSON.stringify(join(folder, 'graph/model.json'))};
      const features = new Float32Array(3);`;
    await writeFile(path, `${head}\n${body}`);
    // A process that hangs is killed, and that rejects.
    return call(process.execPath, [path], { timeout: 30_000 });
  }

  test.each(['cpu', 'wasm'])(
    'prints nothing of its own on %s and ends although nothing was closed',
    async (device) => {
      const answer = await run(
        `quiet-${device}`,
        `for (const lanes of ['inline', 1]) {
        const runner = await createRunner({ model, backend: tfjs({ device: '${device}' }), lanes });
        const { outputs } = await runner.run({ features });
        console.log(runner.describe().device, outputs.probabilities.data.length);
      }`,
      );
      expect(answer).toEqual({ stdout: `${device} 2\n${device} 2\n`, stderr: '' });
    },
    40_000,
  );

  test('decides itself about what goes uncaught', async () => {
    const answer = await run(
      'uncaught',
      `const caught = new Promise((resolve) => process.on('uncaughtException', resolve));
      const unhandled = new Promise((resolve) => process.on('unhandledRejection', resolve));
      const runner = await createRunner({ model, backend: tfjs({ device: 'wasm' }), lanes: 'inline' });
      setImmediate(() => { throw new Error('one'); });
      Promise.reject(new Error('two'));
      console.log((await caught).message, (await unhandled).message);
      console.log((await runner.run({ features })).outputs.probabilities.data.length);`,
    );
    expect(answer).toEqual({ stdout: 'one two\n2\n', stderr: '' });
  }, 40_000);
});

test('the snippet of the README of @fairlead/node runs', async () => {
  const readme = await readFile(new URL('../packages/node/README.md', import.meta.url), 'utf8');
  const snippet = /^```ts\n([\s\S]*?)^```$/m.exec(readme)?.[1] as string;
  expect(snippet).toContain('tfjs()');
  // Inside the repository, so that the snippet finds the packages as a user's code does.
  const cache = fileURLToPath(new URL('.cache', import.meta.url));
  await mkdir(cache, { recursive: true });
  const place = await mkdtemp(join(cache, 'tfjs-'));
  try {
    await writeFiles(join(place, 'iris'), softmaxGraph());
    await writeFile(join(place, 'package.json'), '{ "type": "module" }');
    await writeFile(join(place, 'tsconfig.json'), JSON.stringify({ extends: '../../../tsconfig.dist.json' }));
    await writeFile(join(place, 'snippet.ts'), snippet);
    const tsx = fileURLToPath(new URL('../node_modules/tsx/dist/cli.mjs', import.meta.url));
    const answer = await promisify(execFile)(process.execPath, [tsx, 'snippet.ts'], { cwd: place, timeout: 60_000 });
    expect(answer).toEqual({ stdout: expect.stringMatching(/^wasm Float32Array\(2\)/), stderr: '' });
  } finally {
    await rm(place, { recursive: true });
  }
}, 90_000);
