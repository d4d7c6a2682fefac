import { createRunner, type LoadedModel, type ModelSource } from '@fairlead/core';
import { createMockBackend } from '@fairlead/core/testing';
import { expect, onTestFinished, test } from 'vitest';
import { startChild } from '../fixtures/child';
import { bytesOf, evidence, open, openVersions } from './registry-kit.fixture';

/** Each row times the number at the end of the model's bytes. */
const backend = createMockBackend({
  compute: ({ x }, _rows, model) => {
    const factor = Number(new TextDecoder().decode(model.bytes).at(-1));
    const { data, shape } = x as { data: Float32Array; shape: readonly number[] };
    return { y: { dtype: 'float32', shape, data: data.map((value) => value * factor) } };
  },
});

async function createFollower(model: ModelSource) {
  const runner = await createRunner({ model, backend });
  onTestFinished(() => runner.close());
  const swapped = (): Promise<void> => new Promise((resolve) => void runner.events.once('model-swap', () => resolve()));
  const answer = async () => {
    const { outputs, model: by } = await runner.run({ x: Float32Array.of(1, 10) });
    return [by.version, ...(outputs.y as { data: Float32Array }).data];
  };
  return { runner, swapped, answer };
}

test('a runner follows an alias that another tracker promotes, rolls back, and moves in another process', async () => {
  const { dir, registry } = await openVersions(0.1, 0.2, 0.3);
  await registry.setAlias('digits', 'champion', '2', evidence);
  // Its clock stands still, so it hears of moves by the system's notices alone.
  const serving = await open(dir);
  const { runner, swapped, answer } = await createFollower(serving.registry.model('digits@champion'));
  expect(await answer()).toEqual(['2', 1, 10]);
  let swap = swapped();
  await registry.promote('digits', 'champion', '3', evidence, {
    gates: [{ kind: 'metric', metric: 'accuracy', min: 0.3 }],
  });
  await swap;
  expect(await answer()).toEqual(['3', 2, 20]);
  swap = swapped();
  await registry.rollback('digits', 'champion', evidence);
  await swap;
  expect(await answer()).toEqual(['2', 1, 10]);
  swap = swapped();
  const child = startChild('move-alias.ts', dir, 'digits', 'champion', '1');
  expect(await child.ended).toBe(0);
  await swap;
  expect(await answer()).toEqual(['1', 0, 0]);
  expect(runner.model.version).toBe('1');
}, 30_000);

test('what travels with each version comes with it: reference, golden rows and card', async () => {
  const { dir, registry } = await openVersions();
  for (const number of ['1', '2']) {
    const sidecars = { reference: bytesOf(`reference ${number}`), golden: bytesOf('{}'), card: bytesOf(`# ${number}`) };
    await registry.registerVersion('digits', { artifact: bytesOf(`model ${number}`), sidecars });
  }
  await registry.setAlias('digits', 'champion', '1', evidence);
  const source = (await open(dir)).registry.model('digits@champion');
  const textOf = async (model: LoadedModel) =>
    Promise.all(
      (['reference', 'golden', 'card'] as const).map(async (name) =>
        new TextDecoder().decode(await model.sidecar(name)),
      ),
    );
  expect(await textOf(await source.resolve({}))).toEqual(['reference 1', '{}', '# 1']);
  const announced = new Promise<LoadedModel>((resolve) => {
    const watch = source.watch?.(resolve);
    onTestFinished(() => watch?.close());
  });
  await registry.setAlias('digits', 'champion', '2', evidence);
  expect(await textOf(await announced)).toEqual(['reference 2', '{}', '# 2']);
});
