import { FairleadError } from '@fairlead/core';
import type { Entity } from '@fairlead/core/features';
import type { Redis } from 'ioredis';
import type { RedisClientType } from 'redis';
import { expect, expectTypeOf, test } from 'vitest';
import type { IoRedisClient, NodeRedisClient } from './redis-clients';
import { type RedisFeatureStoreOptions, redisFeatureStore } from './redis-feature-store';

/* With clients that keep a map; real ones on a real Redis are asked in test/interop. */

type Sent = [command: string, ...args: unknown[]];

function nodeRedis(hashes: Record<string, Record<string, string>> = {}, answer?: (sent: Sent) => unknown) {
  const sent: Sent[] = [];
  const send = async (command: Sent, otherwise: unknown) => {
    sent.push(command);
    return answer === undefined ? otherwise : answer(command);
  };
  const texts: Record<string, string> = {};
  const client: NodeRedisClient = {
    hmGet: (key, fields) =>
      send(
        ['hmGet', key, fields],
        fields.map((field) => hashes[key]?.[field] ?? null),
      ),
    mGet: (keys) =>
      send(
        ['mGet', keys],
        keys.map((key) => texts[key] ?? null),
      ),
    hSet: (key, values) => {
      hashes[key] = { ...hashes[key], ...values };
      return send(['hSet', key, values], 1);
    },
    pExpire: (key, ttl) => send(['pExpire', key, ttl], true),
    set: (key, value, options) => {
      texts[key] = value;
      return send(['set', key, value, ...(options === undefined ? [] : [options])], 'OK');
    },
  };
  return { client, sent };
}

async function failureOf(promise: Promise<unknown>): Promise<FairleadError> {
  const error = await promise.then(
    () => expect.fail('expected a failure'),
    (thrown: unknown) => thrown,
  );
  if (!FairleadError.isInstance(error)) throw error;
  return error;
}

test('clients of both packages fit, as their types say', () => {
  expectTypeOf<RedisClientType>().toExtend<NodeRedisClient>();
  expectTypeOf<Redis>().toExtend<IoRedisClient>();
});

test('an entity is one hash, of which the features and their times are read', async () => {
  const { client, sent } = nodeRedis({
    'features:user_id=a': { age: '40', 'age@at': '1700000000000', city: 'Bern', vector: '[1,2.5]' },
  });
  const store = redisFeatureStore({ client });
  const rows = await store.read([{ user_id: 'a' }, { user_id: 'b' }], ['age', 'city', 'vector', 'none'], {});
  expect(rows).toEqual([
    [{ value: '40', atEpochMs: 1_700_000_000_000 }, { value: 'Bern' }, { value: [1, 2.5] }, undefined],
    [undefined, undefined, undefined, undefined],
  ]);
  const fields = ['age', 'age@at', 'city', 'city@at', 'vector', 'vector@at', 'none', 'none@at'];
  expect(sent).toEqual([
    ['hmGet', 'features:user_id=a', fields],
    ['hmGet', 'features:user_id=b', fields],
  ]);
});

test('every value that is written is read as what it was, or as the text of a number', async () => {
  const { client } = nodeRedis();
  const store = redisFeatureStore({ client });
  const values = {
    n: 0.5,
    big: 2n ** 60n,
    text: 'x',
    quoted: '"q"',
    list: '[no list',
    yes: true,
    v: [1, 2n ** 60n, 'a', false, Number.NaN],
  };
  await store.write({ id: 1 }, values, { atEpochMs: 5 });
  const [row] = await store.read([{ id: 1 }], Object.keys(values), {});
  expect(row?.map((feature) => feature?.value)).toEqual([
    '0.5',
    String(2n ** 60n),
    'x',
    '"q"',
    '[no list',
    'true',
    [1, String(2n ** 60n), 'a', false, 'NaN'],
  ]);
  expect(row?.every((feature) => feature?.atEpochMs === 5)).toBe(true);
});

test('a document an entity is the other layout, read at once and replaced as a whole', async () => {
  const { client, sent } = nodeRedis();
  const store = redisFeatureStore({ client, layout: 'json', prefix: 'user:', keyOf: ({ id }) => String(id) });
  await store.write({ id: 'a' }, { age: 40, v: [1, 2] }, { atEpochMs: 7, ttlMs: 60_000 });
  expect(sent).toEqual([['set', 'user:a', '{"age":40,"age@at":7,"v":[1,2],"v@at":7}', { PX: 60_000 }]]);
  const rows = await store.read([{ id: 'b' }, { id: 'a' }], ['v', 'age', 'none'], {});
  expect(rows).toEqual([
    [undefined, undefined, undefined],
    [{ value: [1, 2], atEpochMs: 7 }, { value: 40, atEpochMs: 7 }, undefined],
  ]);
  expect(sent[1]).toEqual(['mGet', ['user:b', 'user:a']]);
});

test('a document that is none is told by its key', async () => {
  const { client } = nodeRedis({}, () => ['[1]']);
  const store = redisFeatureStore({ client, layout: 'json' });
  const error = await failureOf(store.read([{ id: 1 }], ['x'], {}));
  expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', details: { field: 'features:id=1' } });
});

test('times to live and the lower-case names of ioredis', async () => {
  const sent: Sent[] = [];
  const note =
    (command: string) =>
    async (...args: unknown[]) => {
      sent.push([command, ...args]);
      return command === 'hmget' ? [null, null] : [null];
    };
  const client = Object.fromEntries(['hmget', 'mget', 'hset', 'pexpire', 'set'].map((name) => [name, note(name)]));
  const hashes = redisFeatureStore({ client: client as unknown as IoRedisClient });
  await hashes.write({ id: 1 }, { x: 1 }, { atEpochMs: 9, ttlMs: 50 });
  await hashes.read([{ id: 1 }], ['x'], {});
  const documents = redisFeatureStore({ client: client as unknown as IoRedisClient, layout: 'json' });
  await documents.write({ id: 1 }, { x: 1 }, { atEpochMs: 9, ttlMs: 50 });
  await documents.write({ id: 1 }, { x: 1 }, { atEpochMs: 9 });
  await documents.read([{ id: 1 }], ['x'], {});
  expect(sent).toEqual([
    ['hset', 'features:id=1', { x: '1', 'x@at': '9' }],
    ['pexpire', 'features:id=1', 50],
    ['hmget', 'features:id=1', 'x', 'x@at'],
    ['set', 'features:id=1', '{"x":1,"x@at":9}', 'PX', 50],
    ['set', 'features:id=1', '{"x":1,"x@at":9}'],
    ['mget', 'features:id=1'],
  ]);
});

test('keys of entities are told apart, whatever is in them', () => {
  const { keyOf } = redisFeatureStore({ client: nodeRedis().client });
  expect(keyOf({ b: 1, a: 'x' })).toBe('features:a=x&b=1');
  expect(keyOf({ a: 'x&b=1' })).not.toBe(keyOf({ a: 'x', b: 1 }));
});

test.each<[string, unknown]>([
  ['no array', 'OK'],
  ['too few', [null]],
  ['a number', [1, null]],
])('an answer that is none fails: %s', async (_what, answer) => {
  const store = redisFeatureStore({ client: nodeRedis({}, () => answer).client });
  expect(await failureOf(store.read([{ id: 1 }], ['x'], {}))).toMatchObject({ code: 'PROTOCOL_ERROR' });
});

test('buffers are texts, and a broken time is no time', async () => {
  const store = redisFeatureStore({ client: nodeRedis({}, () => [Buffer.from('7'), Buffer.from('yesterday')]).client });
  expect(await store.read([{ id: 1 }], ['x'], {})).toEqual([[{ value: '7' }]]);
});

test('what the client throws is an error of the store', async () => {
  const refuse = (): never => {
    throw new Error('WRONGTYPE');
  };
  const store = redisFeatureStore({ client: nodeRedis({}, refuse).client });
  const error = await failureOf(store.read([{ id: 1 }], ['x'], {}));
  expect(error).toMatchObject({ code: 'STORE_FAILED', message: 'Redis failed: WRONGTYPE' });
  expect(await failureOf(store.read([{ id: 1 }], ['x'], { signal: AbortSignal.abort() }))).toMatchObject({
    code: 'ABORTED',
  });
});

test.each<[string, Entity, Record<string, unknown>, object, string]>([
  ['no entity', {}, { x: 1 }, {}, 'entity'],
  ['no values', { id: 1 }, {}, {}, 'values'],
  ['a value that is none', { id: 1 }, { x: null }, {}, 'values.x'],
  ['the name of a time', { id: 1 }, { 'x@at': 1 }, {}, 'values.x@at'],
  ['a time to live of 0', { id: 1 }, { x: 1 }, { ttlMs: 0 }, 'ttlMs'],
  ['a time that is none', { id: 1 }, { x: 1 }, { atEpochMs: Number.NaN }, 'atEpochMs'],
])('what is written is checked: %s', async (_what, entity, values, options, field) => {
  const { client, sent } = nodeRedis();
  const write = redisFeatureStore({ client }).write(entity, values as Record<string, number>, options);
  expect(await failureOf(write)).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
  expect(sent).toEqual([]);
});

test.each<[object, string]>([
  [{ client: {} }, 'client'],
  [{ client: undefined }, 'client'],
  [{ layout: 'list' }, 'layout'],
  [{ prefix: 1 }, 'prefix'],
  [{ keyOf: 'id' }, 'keyOf'],
  [{ ttl: 1 }, 'ttl'],
])('options are checked: %j', (change, field) => {
  const make = () => redisFeatureStore({ client: nodeRedis().client, ...change } as RedisFeatureStoreOptions);
  expect(make).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
  );
});
