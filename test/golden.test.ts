import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRunner, recordGolden, type SwapFailEvent } from '@fairlead/core';
import { openTracker } from '@fairlead/tracking';
import { afterAll, beforeAll, expect, test } from 'vitest';

/* Golden rows of real models, from where they lie to the runner that computes them. Lanes need the build of node. */

const built = new URL('../packages/node/dist/index.js', import.meta.url).href;
const { onnx } = (await import(built)) as typeof import('@fairlead/node');

const models = fileURLToPath(new URL('../examples/models/', import.meta.url));
const logger = { debug() {}, info() {}, warn() {}, error() {} };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-golden-'));
});
afterAll(() => rm(folder, { recursive: true }));

const backend = onnx({ device: 'cpu', threads: 1 });
const read = async (file: string): Promise<Uint8Array> => new Uint8Array(await readFile(join(models, file)));

/** Copies a model into the folder, with the golden rows of a version beside it. */
async function place(name: string, version: 1 | 2, golden: 1 | 2): Promise<string> {
  const path = join(folder, `${name}.onnx`);
  await cp(join(models, `digits-v${version}.onnx`), path);
  await cp(join(models, `digits-v${golden}.golden.json`), join(folder, `${name}.golden.json`));
  return path;
}

test.each([1, 2] as const)('digits %i answers its own rows, inline and in a worker', async (version) => {
  for (const lanes of ['inline', 1] as const) {
    const runner = await createRunner({ model: join(models, `digits-v${version}.onnx`), backend, lanes });
    await runner.close();
  }
});

test('a model beside the rows of another one is refused, naming the first that differs', async () => {
  const creating = createRunner({ model: await place('mixed-up', 2, 1), backend });
  await expect(creating).rejects.toMatchObject({
    code: 'GOLDEN_MISMATCH',
    message: expect.stringMatching(/mixed-up .* recorded from another model \(4296d646\)/),
    details: { field: expect.stringMatching(/^cases\[0\]\.outputs\.(label|probabilities)\[/) },
  });
});

test('what recordGolden writes is what the runner asks for', async () => {
  const path = await place('recorded', 1, 1);
  const runner = await createRunner({ model: path, backend });
  const rows = [new Float32Array(64), Float32Array.from({ length: 128 }, (_, pixel) => pixel % 17)];
  await writeFile(
    join(folder, 'recorded.golden.json'),
    await recordGolden(
      runner,
      rows.map((pixels) => ({ pixels })),
    ),
  );
  await runner.close();
  await (await createRunner({ model: path, backend })).close();
  await cp(join(models, 'digits-v2.onnx'), path);
  await expect(createRunner({ model: path, backend })).rejects.toMatchObject({ code: 'GOLDEN_MISMATCH' });
});

test('an alias that moves to a version which does not answer its rows moves no runner', async () => {
  const tracker = await openTracker({ dir: join(folder, 'registry') });
  const evidence = { actor: 'test', reason: 'to see' };
  const register = async (model: 1 | 2, golden: 1 | 2): Promise<string> => {
    const sidecars = { golden: await read(`digits-v${golden}.golden.json`) };
    const draft = { artifact: await read(`digits-v${model}.onnx`), sidecars };
    return (await tracker.registry.registerVersion('digits', draft)).version;
  };
  const [good, mixedUp, better] = [await register(1, 1), await register(2, 1), await register(2, 2)];
  await tracker.registry.setAlias('digits', 'champion', good, evidence);
  const runner = await createRunner({ model: tracker.registry.model('digits@champion'), backend, logger });

  const failed = new Promise<SwapFailEvent>((resolve) => void runner.events.once('model-swap-fail', resolve));
  await tracker.registry.setAlias('digits', 'champion', mixedUp, evidence);
  expect(await failed).toMatchObject({ to: { version: mixedUp }, error: { code: 'GOLDEN_MISMATCH' } });
  const { model } = await runner.run({ pixels: new Float32Array(64) });
  expect(model.version).toBe(good);

  const swapped = new Promise<void>((resolve) => void runner.events.once('model-swap', () => resolve()));
  await tracker.registry.setAlias('digits', 'champion', better, evidence);
  await swapped;
  expect(runner.model.version).toBe(better);
  await runner.close();
  await tracker.close();
});
