import type { StoredRollout } from '@fairlead/core/rollouts';
import { createVirtualClock } from '@fairlead/core/testing';
import type { Redis } from 'ioredis';
import type { RedisClientType } from 'redis';
import { expect, expectTypeOf, test } from 'vitest';
import type {
  IoRedisRolloutClient,
  IoRedisSubscriber,
  NodeRedisRolloutClient,
  NodeRedisSubscriber,
} from './redis-clients';
import { redisRolloutStore } from './redis-rollout-store';

/* What a store makes of what a client says. That its scripts do what they should is tried on a real Redis in test/interop. */

const stored: Omit<StoredRollout, 'epoch'> = {
  version: 1,
  status: 'running',
  strategy: 'canary',
  state: {},
  weights: { champion: 1 },
  arms: ['next'],
  models: {},
  evidenceEpoch: 1,
  coolDownUntilEpochMs: 0,
  history: [],
};

function clientOf(answers: Partial<NodeRedisRolloutClient>): NodeRedisRolloutClient {
  return { eval: async () => null, hmGet: async () => [null], hGetAll: async () => ({}), ...answers };
}

test('clients of both packages fit, as their types say', () => {
  expectTypeOf<RedisClientType>().toExtend<NodeRedisRolloutClient>();
  expectTypeOf<Redis>().toExtend<IoRedisRolloutClient>();
  expectTypeOf<RedisClientType>().toExtend<NodeRedisSubscriber>();
  expectTypeOf<Redis>().toExtend<IoRedisSubscriber>();
});

test('a client that is none is refused, by what it lacks', () => {
  expect(() => redisRolloutStore({ client: {} as NodeRedisRolloutClient })).toThrow(
    /redisRolloutStore: option "client" is wrong: expected a client of the package redis or ioredis/,
  );
  const subscriber = {} as NodeRedisSubscriber;
  expect(() => redisRolloutStore({ client: clientOf({}), subscriber })).toThrow(/"subscriber"/);
  expect(() => redisRolloutStore({ client: clientOf({}), timeoutMs: 0 })).toThrow(/timeoutMs/);
});

test('a command that is never answered fails after its time, and one that fails at once says why', async () => {
  const clock = createVirtualClock();
  const client = clientOf({
    hmGet: () => new Promise(() => undefined),
    hGetAll: () => Promise.reject(new Error('gone')),
  });
  const store = redisRolloutStore({ client, clock, timeoutMs: 500 });
  const reading = expect(store.read('digits')).rejects.toMatchObject({
    code: 'STORE_FAILED',
    message: 'Redis failed: no answer within 500 ms',
  });
  await clock.advance(500);
  await reading;
  await expect(store.sum('digits', 1)).rejects.toMatchObject({ code: 'STORE_FAILED', message: 'Redis failed: gone' });
  expect(clock.pendingTimers).toBe(0);
});

test('a client that throws at once fails as one that rejects', async () => {
  const client = clientOf({
    eval: () => {
      throw new Error('The client is closed');
    },
  });
  const store = redisRolloutStore({ client, clock: createVirtualClock() });
  await expect(store.write('digits', 0, stored)).rejects.toMatchObject({ code: 'STORE_FAILED' });
});

test('buffers are read as texts, and hashes as lists', async () => {
  const bytes = (text: string) => Buffer.from(text);
  const client = clientOf({
    hmGet: async () => [bytes(JSON.stringify({ ...stored, epoch: 3 }))],
    hGetAll: async () =>
      ['epoch', '1', 'n blocks', '2', 'a 1 list', '5', 'a 0 list', '4', 'replica n x', '9'].map(bytes),
  });
  const store = redisRolloutStore({ client });
  expect((await store.read('digits'))?.epoch).toBe(3);
  expect(await store.sum('digits', 1)).toEqual({ blocks: 2, list: [4, 5] });
});

test('keys that hold something else are told', async () => {
  const client = clientOf({
    hmGet: async () => ['{"version":1'],
    hGetAll: async () => ({ epoch: '1', 'n blocks': 'many' }),
  });
  const store = redisRolloutStore({ client, prefix: 'mine:' });
  await expect(store.read('digits')).rejects.toThrow(
    /The Redis key "mine:digits:state" does not hold what was written|mine:digits:state does not hold what was written/,
  );
  await expect(store.sum('digits', 1)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
});

test('rewards go in one command, and an answer that is none is told', async () => {
  const asked: { keys: string[]; arguments: string[] }[] = [];
  let answer: unknown = [Buffer.from('10'), '7', 'c:3', '0.25'];
  const client = clientOf({
    eval: async (_script, options) => {
      asked.push(options);
      return answer;
    },
  });
  const store = redisRolloutStore({ client, prefix: 'mine:' });
  const rewards = [
    { id: 'a:1', owner: 'a', value: 0.1 },
    { id: 'a:2', owner: 'a', value: -1e-300 },
  ];
  expect(await store.shareRewards?.('digits', 'c', rewards, 5)).toEqual({
    isFirst: [true, false],
    others: [{ id: 'c:3', owner: 'c', value: 0.25 }],
    position: 7,
  });
  expect(asked).toEqual([
    {
      keys: ['mine:digits:rewards'],
      arguments: ['c', '5', '10000', 'a:1', 'a', '0.1', 'a:2', 'a', '-1e-300'],
    },
  ]);
  for (const wrong of [null, ['1', '7'], ['10'], ['10', 'x'], ['10', '7', 'c:3', 'x']]) {
    answer = wrong;
    await expect(store.shareRewards?.('digits', 'c', rewards, 5)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  }
  await expect(store.shareRewards?.('digits', '', rewards, 5)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'replica' },
  });
});

test('a closed store refuses work, and leaves the client open', async () => {
  const store = redisRolloutStore({ client: clientOf({}) });
  await store.close();
  await expect(store.read('digits')).rejects.toMatchObject({ code: 'CLOSED' });
});
