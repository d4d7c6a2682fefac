import { expect, test } from 'vitest';
import { createRegistry, type Registry, toOpenMetrics } from '../metrics';
import { readOpenMetrics } from '../metrics/read-exposition.fixture';
import { mockModel } from '../testing/mock-backend';
import { closeBench, inputOf, openBench, rejection, until } from '../testing/test-kit.fixture';
import { instrumentCache } from './instrument-cache';
import { withCache } from './with-cache';

/** Values of the cache's families by name and version of the model. */
function valuesOf(registry: Registry): Record<string, number> {
  const samples = readOpenMetrics(toOpenMetrics(registry)).flatMap((family) => family.samples);
  return Object.fromEntries(
    samples
      .filter(({ name }) => name.startsWith('ml_cache_') && !name.endsWith('_created'))
      .map(({ name, labels, value }) => [`${name} ${labels.model_name}/${labels.model_version}`, value]),
  );
}

async function setUp() {
  const bench = await openBench({ latencyMs: () => 10 });
  const cached = withCache(bench.runner, { clock: bench.clock });
  const ask = (...values: number[]) =>
    until(Promise.all(values.map((value) => cached.run(inputOf(value)))), bench.clock);
  return { ...bench, cached, ask, registry: createRegistry({ clock: bench.clock }) };
}

test('counts hits, misses and joined, what came before included, and shows what is held', async () => {
  const { registry, cached, ask, ...bench } = await setUp();
  await ask(1);
  instrumentCache(registry, cached);
  await ask(1, 2, 2, 2);
  const { bytes } = cached.cacheStats();
  const expected = {
    'ml_cache_hits_total mock/1': 1,
    'ml_cache_misses_total mock/1': 2,
    'ml_cache_joined_total mock/1': 2,
    'ml_cache_entries mock/1': 2,
    'ml_cache_bytes mock/1': bytes,
  };
  expect(valuesOf(registry)).toEqual(expected);
  expect(valuesOf(registry)).toEqual(expected);
  await closeBench(bench);
});

test('counts for each version what was counted while it answered', async () => {
  const { registry, cached, ask, ...bench } = await setUp();
  instrumentCache(registry, cached);
  await ask(1, 1);
  await ask(1);
  await bench.runner.swap(mockModel('2'));
  await ask(1);
  expect(valuesOf(registry)).toMatchObject({
    'ml_cache_hits_total mock/1': 1,
    'ml_cache_misses_total mock/1': 1,
    'ml_cache_joined_total mock/1': 1,
    'ml_cache_entries mock/1': 0,
    'ml_cache_bytes mock/1': 0,
    'ml_cache_hits_total mock/2': 0,
    'ml_cache_misses_total mock/2': 1,
    'ml_cache_entries mock/2': 2,
  });
  await closeBench(bench);
});

test('adds up the caches of one model, and takes the gauges of one back when it is closed', async () => {
  const { registry, cached, ask, ...bench } = await setUp();
  const other = withCache(bench.runner, { clock: bench.clock });
  const instruments = [instrumentCache(registry, cached), instrumentCache(registry, other)];
  await ask(1);
  await until(other.run(inputOf(1)), bench.clock);
  expect(valuesOf(registry)).toMatchObject({ 'ml_cache_misses_total mock/1': 2, 'ml_cache_entries mock/1': 2 });
  await instruments[0]?.close();
  await instruments[0]?.close();
  await ask(1);
  expect(valuesOf(registry)).toMatchObject({
    'ml_cache_hits_total mock/1': 0,
    'ml_cache_misses_total mock/1': 2,
    'ml_cache_entries mock/1': 1,
  });
  await closeBench(bench);
  expect(bench.runner.events.listenerCount('model-swap')).toBe(0);
});

test('follows a runner that tells of no swap by the model that it names', async () => {
  const { registry, cached, ask, ...bench } = await setUp();
  let version = '7';
  const silent = {
    ...cached,
    get model() {
      return { name: 'far', version, digest: '' };
    },
  };
  instrumentCache(registry, silent);
  await ask(1);
  valuesOf(registry);
  version = '8';
  await ask(2);
  valuesOf(registry);
  await ask(3);
  expect(valuesOf(registry)).toMatchObject({
    // What came between two scrapes goes to the model that was known.
    'ml_cache_misses_total far/7': 2,
    'ml_cache_misses_total far/8': 1,
    'ml_cache_entries far/8': 3,
  });
  await closeBench(bench);
});

test('refuses a registry that means something else by these names', async () => {
  const { registry, cached, ...bench } = await setUp();
  registry.gauge({ name: 'ml_cache_bytes', help: 'Another.' });
  const call = async (): Promise<unknown> => instrumentCache(registry, cached);
  await rejection(call(), 'ALREADY_EXISTS');
  expect(bench.runner.events.listenerCount('model-swap')).toBe(0);
  await closeBench(bench);
});
