import { expect, test } from 'vitest';
import { failure, scriptedRunner } from '../resilience/scripted-runner.fixture';
import type { Tensor } from '../tensor/tensor';
import { collectInto, follow, rejection, thrownBy, until } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import type { FeaturesJoinEvent, StoreReadEvent } from './events';
import { clickModel, clickSignature, type StoreStep, scriptedStore } from './features.fixture';
import type { FeatureOptions } from './options';
import { withFeatures } from './with-features';

const features = { user: ['age', { name: 'score', size: 2 }], country: 'country' } as const;

function setUp(script: (call: number) => StoreStep = () => ({}), options: Partial<FeatureOptions> = {}) {
  const clock = createVirtualClock();
  const model = clickModel(clock);
  const seen: Record<string, Tensor>[] = [];
  const watched = {
    ...model,
    get model() {
      return model.model;
    },
    run: (inputs: never, runOptions: never) => {
      seen.push(inputs);
      return model.run(inputs, runOptions);
    },
  };
  const store = scriptedStore(clock, script);
  const joins: FeaturesJoinEvent[] = [];
  const storeReads: StoreReadEvent[] = [];
  const runner = withFeatures(watched, {
    store,
    entity: { user_id: 'string' },
    features,
    clock,
    on: { 'features-join': (event) => joins.push(event), 'store-read': (event) => storeReads.push(event) },
    ...options,
  });
  return { clock, model, seen, store, runner, joins, storeReads };
}

function ask(...users: readonly string[]) {
  return { x: Float32Array.from(users.flatMap((_, row) => [row, -row])), user_id: [...users] };
}

test('the caller is asked for the join key instead of what features make up', () => {
  const { runner } = setUp();
  expect(runner.signature.inputs).toEqual([
    { name: 'x', dtype: 'float32', shape: ['batch', 2] },
    { name: 'user_id', dtype: 'string', shape: ['batch'] },
  ]);
  expect(runner.signature.outputs).toEqual(clickSignature.outputs);
});

test('features are joined row by row, typed by the signature, in the order of the elements', async () => {
  const { clock, runner, seen, store, joins } = setUp();
  const result = await until(runner.run(ask('a', 'b')), clock);
  expect(store.calls).toMatchObject([
    { entities: [{ user_id: 'a' }, { user_id: 'b' }], features: ['age', 'score', 'country'] },
  ]);
  expect(seen).toEqual([
    {
      x: { dtype: 'float32', shape: [2, 2], data: Float32Array.of(0, -0, 1, -1) },
      user: { dtype: 'float32', shape: [2, 3], data: Float32Array.of(40, 0.5, 0.25, 40, 0.5, 0.25) },
      country: { dtype: 'string', shape: [2, 1], data: ['CH', 'CH'] },
    },
  ]);
  // 5 ms of the store count as waiting.
  expect(result.timing.queueMs).toBe(5);
  expect(joins).toMatchObject([
    {
      rows: 2,
      store: 'scripted',
      features: ['age', 'score', 'country'],
      waitedMs: 5,
      outcomes: new Array(6).fill('used'),
    },
  ]);
  expect(Array.from(joins[0]?.agesMs ?? [])).toEqual(new Array(6).fill(1000));
  await until(runner.close(), clock);
  expect(clock.pendingTimers).toBe(0);
});

test('requests of one turn are one read, in which no entity comes twice', async () => {
  const { clock, runner, store } = setUp();
  await until(Promise.all([runner.run(ask('a', 'a')), runner.run(ask('b')), runner.run(ask('a', 'c'))]), clock);
  expect(store.calls.map(({ entities }) => entities.map(({ user_id }) => user_id))).toEqual([['a', 'b', 'c']]);
  expect(runner.featureStats()).toMatchObject({ requests: 3, reads: 1, entities: 3, joined: 1 });
});

test('an entity that is being read is not read again beside it', async () => {
  const { clock, runner, store } = setUp(() => ({ afterMs: 20 }));
  const first = runner.run(ask('a'));
  await clock.advance(10);
  const second = follow(runner.run(ask('a', 'b')), clock);
  await until(first, clock);
  await until(runner.close(), clock);
  expect(second).toMatchObject({ state: 'resolved', at: 40 });
  expect(store.calls.map(({ entities }) => entities)).toEqual([[{ user_id: 'a' }], [{ user_id: 'b' }]]);
});

test('more entities than a read may have make several reads at a time', async () => {
  const { clock, runner, store } = setUp(() => ({}), { maxReadEntities: 2 });
  await until(runner.run(ask('a', 'b', 'c', 'd', 'e')), clock);
  expect(store.calls.map(({ entities, at }) => [entities.length, at])).toEqual([
    [2, 0],
    [2, 0],
    [1, 0],
  ]);
});

test('what was read is used again until its time to live is over, what was missing too', async () => {
  const { clock, runner, store } = setUp(() => ({}), {
    cache: { ttlMs: 100 },
    features: {
      user: [
        { name: 'age', default: -1 },
        { name: 'score', size: 2, default: 0 },
      ],
      country: { name: 'country', default: '' },
    },
  });
  await until(runner.run(ask('a', 'unknown')), clock);
  await until(runner.run(ask('unknown', 'a')), clock);
  expect(store.calls).toHaveLength(1);
  expect(runner.featureStats()).toMatchObject({ cacheHits: 2 });
  await clock.advance(100);
  await until(runner.run(ask('a')), clock);
  expect(store.calls).toHaveLength(2);
  runner.clearFeatures();
  await until(runner.run(ask('a')), clock);
  expect(store.calls).toHaveLength(3);
});

test('a missing feature without a default fails the request, and nobody else', async () => {
  const { clock, runner, model, joins } = setUp();
  const good = runner.run(ask('a'));
  const bad = rejection(runner.run(ask('a', 'unknown-1')), 'NOT_FOUND');
  await until(good, clock);
  const error = await until(bad, clock);
  expect(error.message).toContain('Feature "age" of user_id=unknown-1: expected a value, or a default');
  expect(error.details).toMatchObject({ field: 'age', entity: 'user_id=unknown-1', given: 'none' });
  expect(model.calls).toHaveLength(1);
  expect(joins[1]?.outcomes).toEqual(['used', 'used', 'used', 'missing', 'missing', 'missing']);
  expect(runner.featureStats()).toMatchObject({ requests: 2, refused: 1 });
});

test('defaults stand in for what is missing or too old', async () => {
  const { clock, runner, seen, joins } = setUp(() => ({}), {
    features: {
      user: [
        { name: 'age', default: -1, maxAgeMs: 500 },
        { name: 'score', size: 2, default: [7, 8] },
      ],
      country: { name: 'country', default: 'none', maxAgeMs: 2000 },
    },
  });
  await until(runner.run(ask('a', 'unknown')), clock);
  expect(seen[0]?.user?.data).toEqual(Float32Array.of(-1, 0.5, 0.25, -1, 7, 8));
  expect(seen[0]?.country?.data).toEqual(['CH', 'none']);
  expect(joins[0]?.outcomes).toEqual(['stale', 'used', 'used', 'missing', 'missing', 'missing']);
});

test('a value that is too old, without a default, names its age', async () => {
  const { clock, runner } = setUp(() => ({}), { maxAgeMs: 999 });
  const error = await until(rejection(runner.run(ask('a')), 'NOT_FOUND'), clock);
  expect(error.details).toMatchObject({ field: 'age', expected: 'a value of at most 999 ms', given: 'one of 1000 ms' });
});

test('the deadline counts for lookup and model together', async () => {
  const { clock, runner, model } = setUp(() => ({ afterMs: 30 }));
  const tooShort = follow(runner.run(ask('a'), { timeoutMs: 20 }), clock);
  const enough = runner.run(ask('a'), { timeoutMs: 200 });
  await until(enough, clock);
  expect(tooShort).toMatchObject({ state: 'rejected', error: { code: 'DEADLINE_EXCEEDED' }, at: 20 });
  expect(model.calls).toMatchObject([{ options: { deadline: 200 }, at: 30 }]);
  await until(rejection(runner.run(ask('a'), { timeoutMs: 0 }), 'DEADLINE_EXCEEDED'), clock);
  expect(clock.pendingTimers).toBe(0);
});

test('a read that nobody waits for any more is given up, and counts as no failure', async () => {
  const { clock, runner, store, storeReads } = setUp((call) => ({ hangs: call === 0 }));
  const controller = new AbortController();
  const first = rejection(runner.run(ask('a'), { signal: controller.signal }), 'ABORTED');
  const second = rejection(runner.run(ask('a'), { timeoutMs: 50 }), 'DEADLINE_EXCEEDED');
  await clock.advance(10);
  controller.abort();
  await first;
  expect(store.calls[0]?.signal?.aborted).toBe(false);
  await until(second, clock);
  expect(store.calls[0]?.signal?.aborted).toBe(true);
  expect(storeReads).toEqual([]);
  await until(runner.run(ask('a')), clock);
  expect(runner.featureStats()).toMatchObject({ reads: 2, failures: 0 });
});

test('a read is not begun when all who asked have gone in the same turn', async () => {
  const { clock, runner, store } = setUp();
  const controller = new AbortController();
  const request = rejection(runner.run(ask('a'), { signal: controller.signal }), 'ABORTED');
  controller.abort();
  await request;
  await clock.settle();
  expect(store.calls).toEqual([]);
});

test.each<[string, StoreStep, string, string]>([
  ['what a store throws', { error: new Error('connection reset') }, 'STORE_FAILED', 'connection reset'],
  ['an error of ours', { error: failure('REMOTE_FAILED') }, 'REMOTE_FAILED', 'Scripted'],
  ['too few rows', { answer: [] }, 'PROTOCOL_ERROR', 'expected 1 rows of 3 features, given 0 rows'],
  ['rows that are none', { answer: [{ age: 1 }] }, 'PROTOCOL_ERROR', 'expected 1 rows of 3 features'],
  ['no answer in time', { hangs: true }, 'STORE_FAILED', 'did not answer within 100 ms'],
])('%s fails the request, or with defaults does not', async (_what, step, code, message) => {
  const failing = setUp(() => step, { timeoutMs: 100 });
  const error = await until(rejection(failing.runner.run(ask('a')), code as 'STORE_FAILED'), failing.clock);
  expect(error.message).toContain(message);
  expect(failing.storeReads).toMatchObject([{ store: 'scripted', entities: 1, error: { code } }]);
  expect(failing.runner.featureStats()).toMatchObject({ failures: 1, withoutStore: 0 });

  const complete = {
    user: [
      { name: 'age', default: 1 },
      { name: 'score', size: 2, default: 0 },
    ],
    country: { name: 'country', default: 'none' },
  };
  const mended = setUp(() => step, { timeoutMs: 100, onError: 'defaults', features: complete });
  await until(mended.runner.run(ask('a')), mended.clock);
  expect(mended.seen[0]?.user?.data).toEqual(Float32Array.of(1, 0, 0));
  expect(mended.joins[0]?.outcomes).toEqual(['unread', 'unread', 'unread']);
  expect(mended.runner.featureStats()).toMatchObject({ withoutStore: 1 });

  const incomplete = setUp(() => step, { timeoutMs: 100, onError: 'defaults' });
  await until(rejection(incomplete.runner.run(ask('a')), code as 'STORE_FAILED'), incomplete.clock);
  expect(incomplete.clock.pendingTimers).toBe(0);
});

test('a value that is none of the input’s names itself', async () => {
  const clock = createVirtualClock();
  const store = scriptedStore(clock, undefined, { age: 'forty', score: [1, 2], country: 'CH' });
  const runner = withFeatures(clickModel(clock), { store, entity: { user_id: 'string' }, features, clock });
  const error = await until(rejection(runner.run(ask('a')), 'OUTPUT_INVALID'), clock);
  expect(error.message).toContain('Feature "age" of user_id=a: expected one number that is a float32, given "forty"');
});

test('the key of a request, and a function, name entities too', async () => {
  const byKey = setUp(() => ({}), { entity: { requestKey: 'user_id' } });
  expect(byKey.runner.signature.inputs.map(({ name }) => name)).toEqual(['x']);
  await until(byKey.runner.run({ x: Float32Array.of(1, 2, 3, 4) }, { key: 'u7' }), byKey.clock);
  expect(byKey.store.calls[0]?.entities).toEqual([{ user_id: 'u7' }]);
  const x = Float32Array.of(1, 2);
  const error = await until(rejection(byKey.runner.run({ x }), 'INVALID_ARGUMENT'), byKey.clock);
  expect(error.message).toContain('expected a key of the request, which is its "user_id"');

  const made = setUp(() => ({}), {
    entity: ({ inputs, rows }) => Array.from({ length: rows }, (_, row) => ({ id: Number(inputs.x?.data[row * 2]) })),
  });
  await until(made.runner.run({ x: Float32Array.of(5, 0, 6, 0) }), made.clock);
  expect(made.store.calls[0]?.entities).toEqual([{ id: 5 }, { id: 6 }]);
  const wrong = setUp(() => ({}), { entity: () => [] });
  expect((await until(rejection(wrong.runner.run({ x }), 'INVALID_ARGUMENT'), wrong.clock)).message).toContain(
    'an array of 1 entities',
  );
  const empty = setUp(() => ({}), { entity: () => [{}] });
  expect((await until(rejection(empty.runner.run({ x }), 'INVALID_ARGUMENT'), empty.clock)).message).toContain(
    'expected an entity',
  );
});

test('a join key that the model has as an input reaches the model', async () => {
  const clock = createVirtualClock();
  const inner = scriptedRunner(clock, () => ({}), '0', {
    inputs: [
      { name: 'id', dtype: 'int64', shape: ['n', 1] },
      { name: 'x', dtype: 'float32', shape: ['n', 2] },
    ],
    outputs: clickSignature.outputs,
    batchAxis: 0,
  });
  const store = scriptedStore(clock);
  const runner = withFeatures(inner, { store, entity: { id: 'int64' }, features: { x: 'score' }, clock });
  expect(runner.signature.inputs).toEqual([{ name: 'id', dtype: 'int64', shape: ['n', 1] }]);
  const { outputs } = await until(runner.run({ id: BigInt64Array.of(1n, 2n) }), clock);
  expect(Array.from(outputs.y?.data as Float32Array)).toEqual([0.5, 0.25, 0.5, 0.25]);
  expect(store.calls[0]?.entities).toEqual([{ id: 1n }, { id: 2n }]);
});

test('a model without a batch axis takes one entity', async () => {
  const clock = createVirtualClock();
  const inner = scriptedRunner(clock, () => ({}), '0', {
    inputs: [{ name: 'x', dtype: 'float32', shape: [2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [2] }],
    batchAxis: null,
  });
  const runner = withFeatures(inner, {
    store: scriptedStore(clock),
    entity: { id: 'string' },
    features: { x: 'score' },
    clock,
  });
  await until(runner.run({ id: ['a'] }), clock);
  expect(inner.calls[0]?.x).toEqual([0.5, 0.25]);
  await until(rejection(runner.run({ id: ['a', 'b'] }), 'INVALID_INPUT'), clock);
});

test('bad inputs fail at the door, before the store is asked', async () => {
  const { clock, runner, store } = setUp();
  await rejection(runner.run({ x: Float32Array.of(1, 2) }), 'INVALID_INPUT');
  await rejection(runner.run({ x: Float32Array.of(1, 2), user_id: ['a', 'b'] }), 'INVALID_INPUT');
  await rejection(runner.run({ ...ask('a'), user: Float32Array.of(1, 2, 3) }), 'INVALID_INPUT');
  const empty = await rejection(runner.run(ask('a', '')), 'INVALID_INPUT');
  expect(empty.details.field).toBe('user_id[1]');
  await rejection(runner.run(ask('u'.repeat(1025))), 'INVALID_INPUT');
  await clock.settle();
  expect(store.calls).toEqual([]);
});

test('a request that must stay on the device asks no store that is elsewhere', async () => {
  const { runner, store, clock } = setUp();
  const error = await rejection(runner.run(ask('a'), { privacy: 'local-only' }), 'UNSUPPORTED');
  expect(error.message).toContain('the feature store "scripted" is elsewhere');
  await clock.settle();
  expect(store.calls).toEqual([]);
});

test('past the entities that may wait requests are refused, and later ones are not', async () => {
  const { clock, runner } = setUp(() => ({ afterMs: 50 }), { maxPendingEntities: 2 });
  const first = runner.run(ask('a', 'b'));
  const joinedToo = runner.run(ask('b'));
  const error = await rejection(runner.run(ask('c')), 'OVERLOADED');
  expect(error.details).toMatchObject({ field: 'maxPendingEntities', retryAfterMs: 1000 });
  await until(Promise.all([first, joinedToo]), clock);
  await until(runner.run(ask('c')), clock);
});

test('inputs are the caller’s again when run returns', async () => {
  const { clock, runner, seen } = setUp();
  const inputs = ask('a');
  const request = runner.run(inputs);
  inputs.x.fill(99);
  inputs.user_id[0] = 'b';
  await until(request, clock);
  expect(seen[0]?.x?.data).toEqual(Float32Array.of(0, -0));
});

test('closing waits for requests that look features up, closes the runner inside, and refuses work', async () => {
  const { clock, model, runner } = setUp(() => ({ afterMs: 30 }));
  const request = follow(runner.run(ask('a')), clock);
  await clock.advance(5);
  const closing = follow(runner.close(), clock);
  await rejection(runner.run(ask('a')), 'CLOSED');
  await clock.advance(100);
  expect(request).toMatchObject({ state: 'resolved', at: 40 });
  expect(closing).toMatchObject({ state: 'resolved' });
  expect(model.closed).toBe(true);
  expect(clock.pendingTimers).toBe(0);
});

test('a listener that throws is logged and hurts nobody', async () => {
  const log: string[] = [];
  const { clock, runner } = setUp(() => ({}), {
    logger: collectInto(log),
    on: {
      'features-join': () => {
        throw new Error('broken listener');
      },
    },
  });
  await until(runner.run(ask('a')), clock);
  expect(log.join()).toContain('broken listener');
});

const valid: FeatureOptions = {
  store: scriptedStore(createVirtualClock()),
  entity: { user_id: 'string' },
  features,
};

test.each<[string, object, string]>([
  ['no store', { store: undefined }, 'store'],
  ['a store without read', { store: { name: 'x' } }, 'store'],
  ['no join keys', { entity: {} }, 'entity'],
  ['a join key of a float', { entity: { user_id: 'float32' } }, 'entity'],
  ['an empty request key', { entity: { requestKey: '' } }, 'entity'],
  ['no features', { features: {} }, 'features'],
  ['an unknown input', { features: { users: 'age' } }, 'features.users'],
  ['an empty list', { features: { user: [] } }, 'features.user'],
  ['too few elements', { features: { user: ['age', 'score'] } }, 'features.user'],
  ['a size that does not fit', { features: { user: { name: 'v', size: 4 } } }, 'features.user'],
  [
    'a default of another kind',
    { features: { country: 'c', user: { name: 'v', default: 'x' } } },
    'features.user[0].default',
  ],
  ['a default of another length', { features: { user: { name: 'v', default: [1, 2] } } }, 'features.user[0].default'],
  ['a join key that is looked up', { entity: { country: 'string' } }, 'entity.country'],
  ['a join key of another dtype than the model’s', { entity: { x: 'int32' } }, 'entity.x'],
  ['a time to live of 0', { cache: { ttlMs: 0 } }, 'cache.ttlMs'],
  ['an age of 0', { maxAgeMs: 0 }, 'maxAgeMs'],
  ['a policy that there is not', { onError: 'ignore' }, 'onError'],
  ['no entity in a read', { maxReadEntities: 0 }, 'maxReadEntities'],
  ['an option that there is not', { ttlMs: 5 }, 'ttlMs'],
])('options are checked: %s', (_what, change, field) => {
  const clock = createVirtualClock();
  const error = thrownBy(
    () => withFeatures(clickModel(clock), { ...valid, ...change } as FeatureOptions),
    'INVALID_OPTION',
  );
  expect(error.details.field).toBe(field);
});

test('an input with open axes cannot be made of features', () => {
  const clock = createVirtualClock();
  const inner = scriptedRunner(clock, () => ({}), '0', {
    inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 'length'] }],
    outputs: [],
    batchAxis: 0,
  });
  const error = thrownBy(() => withFeatures(inner, { ...valid, features: { x: 'v' } }), 'INVALID_OPTION');
  expect(error.details).toMatchObject({ field: 'features.x', given: '"shape [batch, length]"' });
});
