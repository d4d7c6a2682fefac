import { expect, test } from 'vitest';
import { rejection, thrownBy } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { type Entity, entityId } from './feature-store';
import { createMemoryFeatureStore } from './memory-feature-store';

test('features are read in the order asked for, each with its own time', async () => {
  const clock = createVirtualClock(1_000_000);
  const store = createMemoryFeatureStore({ clock });
  store.write({ id: 'a' }, { age: 40, city: 'Bern' }, { atEpochMs: 500 });
  await clock.advance(10);
  store.write({ id: 'a' }, { age: 41, vector: [1, 2] });
  const rows = await store.read([{ id: 'b' }, { id: 'a' }], ['vector', 'city', 'age', 'none'], {});
  expect(rows).toEqual([
    [undefined, undefined, undefined, undefined],
    [
      expect.objectContaining({ value: [1, 2], atEpochMs: 1_000_010 }),
      expect.objectContaining({ value: 'Bern', atEpochMs: 500 }),
      expect.objectContaining({ value: 41, atEpochMs: 1_000_010 }),
      undefined,
    ],
  ]);
});

test('values end with their time to live, one by one', async () => {
  const clock = createVirtualClock();
  const store = createMemoryFeatureStore({ clock, ttlMs: 100 });
  store.write({ id: 1 }, { x: 1 });
  await clock.advance(60);
  store.write({ id: 1 }, { y: 2 });
  await clock.advance(40);
  const [row] = await store.read([{ id: 1 }], ['x', 'y'], {});
  expect(row?.map((feature) => feature?.value)).toEqual([undefined, 2]);
});

test('it is bounded, and forgets what was used least recently', async () => {
  const store = createMemoryFeatureStore({ maxEntities: 2 });
  for (const id of ['a', 'b']) store.write({ id }, { x: id });
  await store.read([{ id: 'a' }], ['x'], {});
  store.write({ id: 'c' }, { x: 'c' });
  const rows = await store.read([{ id: 'a' }, { id: 'b' }, { id: 'c' }], ['x'], {});
  expect(rows.map(([feature]) => feature?.value)).toEqual(['a', undefined, 'c']);
  expect(store.size).toBe(2);
  expect(store.delete({ id: 'a' })).toBe(true);
  expect(store.delete({ id: 'a' })).toBe(false);
});

test('an array that the caller changes afterwards changes nothing here', async () => {
  const store = createMemoryFeatureStore();
  const vector = [1, 2];
  store.write({ id: 1 }, { vector });
  vector[0] = 9;
  expect((await store.read([{ id: 1 }], ['vector'], {}))[0]?.[0]?.value).toEqual([1, 2]);
});

test('a read whose signal was aborted fails', async () => {
  const store = createMemoryFeatureStore();
  await rejection(store.read([{ id: 1 }], ['x'], { signal: AbortSignal.abort() }), 'ABORTED');
});

test.each<[string, unknown, unknown, object | undefined, string]>([
  ['an entity without keys', {}, { x: 1 }, undefined, 'entity'],
  ['no entity', 'a', { x: 1 }, undefined, 'entity'],
  ['a key that is no value', { id: Number.NaN }, { x: 1 }, undefined, 'entity'],
  ['a value that is none', { id: 1 }, { x: { y: 1 } }, undefined, 'values.x'],
  ['an array of none', { id: 1 }, { x: [1, null] }, undefined, 'values.x'],
  ['a time that is none', { id: 1 }, { x: 1 }, { atEpochMs: Number.NaN }, 'atEpochMs'],
])('what is written is checked: %s', (_what, entity, values, options, field) => {
  const store = createMemoryFeatureStore();
  const error = thrownBy(() => store.write(entity as Entity, values as { x: number }, options), 'INVALID_ARGUMENT');
  expect(error.details.field).toBe(field);
  expect(store.size).toBe(0);
});

test('options are checked', () => {
  const error = thrownBy(() => createMemoryFeatureStore({ ttlMs: 0 }), 'INVALID_OPTION');
  expect(error.details.field).toBe('ttlMs');
});

test('equal entities have one id, whatever the order of their keys; a number is not its text', () => {
  expect(entityId({ b: 2, a: 'x' })).toBe(entityId({ a: 'x', b: 2 }));
  expect(entityId({ a: 7 })).toBe(entityId({ a: 7n }));
  expect(entityId({ a: 7 })).not.toBe(entityId({ a: '7' }));
  expect(entityId({ a: 'x","b":"y' })).not.toBe(entityId({ a: 'x', b: 'y' }));
});
