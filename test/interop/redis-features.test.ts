import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createRunner } from '@fairlead/core';
import { type Entity, instrumentFeatures, withFeatures } from '@fairlead/core/features';
import { createRegistry, toOpenMetrics } from '@fairlead/core/metrics';
import { createMockBackend } from '@fairlead/core/testing';
import { type IoRedisClient, type NodeRedisClient, redisFeatureStore } from '@fairlead/node/features';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RedisServer, startRedis } from './redis-server';
import { prepareRedis } from './setup';

/* Features in a real Redis, by both of the clients that people use. */

const peer = prepareRedis();

interface Client {
  readonly client: NodeRedisClient | IoRedisClient;
  command(...words: string[]): Promise<unknown>;
  close(): Promise<void>;
}

const clients: Readonly<Record<string, (socket: string) => Promise<Client>>> = {
  async 'node-redis'(path) {
    const client = createClient({ socket: { path, tls: false } });
    await client.connect();
    return {
      client,
      command: (...words) => client.sendCommand(words),
      close: async () => client.destroy(),
    };
  },
  async ioredis(path) {
    const client = new Redis(path);
    return {
      client,
      command: (name = '', ...words) => client.call(name, ...words),
      close: async () => client.disconnect(),
    };
  },
};

describe.skipIf(peer.missing !== undefined)('features in Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    if (peer.missing === undefined) server = await startRedis(peer.command, peer.environment);
  });
  afterAll(() => server?.close());

  test('the guide’s example runs, on this Redis', async () => {
    const root = fileURLToPath(new URL('../../', import.meta.url));
    const page = await readFile(join(root, 'docs/serving/features.md'), 'utf8');
    const example = /^```ts redis\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '';
    const code = example.replace(
      "{ url: 'redis://127.0.0.1:6379' }",
      JSON.stringify({ socket: { path: server.socket } }),
    );
    expect(code).toContain(server.socket);
    await mkdir(join(root, 'test/.cache'), { recursive: true });
    const folder = await mkdtemp(join(root, 'test/.cache/redis-guide-'));
    try {
      await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../../tsconfig.dist.json' }));
      const last =
        '\nconsole.log(JSON.stringify(await store.read([{ user_id: "u1" }], ["age", "clicks"], {}))); client.destroy();\n';
      await writeFile(join(folder, 'guide.ts'), code + last);
      const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
      const { stdout } = await promisify(execFile)(process.execPath, [tsx, 'guide.ts'], {
        cwd: folder,
        timeout: 60_000,
      });
      expect(JSON.parse(stdout)).toMatchObject([[{ value: '41' }, { value: [3, 1, 4] }]]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 90_000);

  describe.each(Object.keys(clients))('by %s', (name) => {
    let redis: Client;
    beforeAll(async () => {
      redis = await (clients[name] as (typeof clients)[string])(server.socket);
      await redis.command('FLUSHALL');
    });
    afterAll(() => redis?.close());

    test.each(['hash', 'json'] as const)('what is written in a %s is read, with its time', async (layout) => {
      const store = redisFeatureStore({ client: redis.client, layout, prefix: `${layout}:` });
      const entity: Entity = { user_id: 'ü/1', zone: 7n };
      await store.write(entity, { age: 40, name: '"q"', v: [0.5, 2] }, { atEpochMs: 1234 });
      const rows = await store.read([{ user_id: 'none', zone: 1 }, entity], ['v', 'name', 'age', 'other'], {});
      expect(rows[0]).toEqual([undefined, undefined, undefined, undefined]);
      const at = { atEpochMs: 1234 };
      const age = layout === 'hash' ? '40' : 40;
      expect(rows[1]).toEqual([{ value: [0.5, 2], ...at }, { value: '"q"', ...at }, { value: age, ...at }, undefined]);
    });

    test('a time to live is Redis’s own', async () => {
      for (const layout of ['hash', 'json'] as const) {
        const store = redisFeatureStore({ client: redis.client, layout, prefix: `ttl-${layout}:` });
        await store.write({ id: 1 }, { x: 1 }, { ttlMs: 60_000 });
        const left = Number(await redis.command('PTTL', store.keyOf({ id: 1 })));
        expect(left).toBeGreaterThan(0);
        expect(left).toBeLessThanOrEqual(60_000);
      }
    });

    test('a hash that another program wrote is read; a key of another kind is an error', async () => {
      await redis.command('HSET', 'user:7', 'age', '41', 'country', 'DE');
      await redis.command('SET', 'user:8', 'no hash');
      const store = redisFeatureStore({ client: redis.client, prefix: 'user:', keyOf: ({ id }) => String(id) });
      expect(await store.read([{ id: 7 }], ['age', 'country'], {})).toEqual([[{ value: '41' }, { value: 'DE' }]]);
      await expect(store.read([{ id: 8 }], ['age'], {})).rejects.toMatchObject({
        code: 'STORE_FAILED',
        message: expect.stringContaining('WRONGTYPE'),
      });
    });

    test('requests of one turn are one trip, and a model gets them as tensors', async () => {
      const store = redisFeatureStore({ client: redis.client });
      const people = Array.from({ length: 50 }, (_, id) => ({ user_id: `u${id}` }));
      const now = Date.now();
      await Promise.all(
        people.map((entity, id) => store.write(entity, { age: id, score: id / 2 }, { atEpochMs: now - 60_000 })),
      );
      const model = await createRunner({ model: '1', backend: createMockBackend(), warmUp: false });
      const runner = withFeatures(model, { store, entity: { user_id: 'string' }, features: { x: ['age', 'score'] } });
      const registry = createRegistry();
      const recording = instrumentFeatures(registry, runner);
      await redis.command('CONFIG', 'RESETSTAT');
      const answers = await Promise.all(people.map(({ user_id }) => runner.run({ user_id: [user_id] })));
      for (const [id, { outputs }] of answers.entries()) {
        expect(Array.from(outputs.y?.data as Float32Array)).toEqual([2 * id, id]);
      }
      expect(runner.featureStats()).toMatchObject({ requests: 50, reads: 1, entities: 50 });
      const text = toOpenMetrics(registry);
      expect(text).toMatch(/ml_feature_age_seconds_count\{[^}]*feature="age"\} 50/);
      // Fifty values of a minute ago, each, whatever this machine took since.
      const sum = Number(/ml_feature_age_seconds_sum\{[^}]*feature="age"\} (\S+)/.exec(text)?.[1]);
      expect(sum / 50).toBeGreaterThanOrEqual(60);
      const failing = runner.run({ user_id: ['nobody'] });
      await expect(failing).rejects.toMatchObject({ code: 'NOT_FOUND', details: { entity: 'user_id=nobody' } });
      await recording.close();
      await runner.close();
    });

    test('a Redis that does not answer is waited for no longer than the request is', async () => {
      const store = redisFeatureStore({ client: redis.client });
      const model = await createRunner({ model: '1', backend: createMockBackend(), warmUp: false });
      const runner = withFeatures(model, { store, entity: { user_id: 'string' }, features: { x: ['age', 'score'] } });
      await redis.command('CLIENT', 'PAUSE', '700', 'ALL');
      const late = runner.run({ user_id: ['u1'] }, { timeoutMs: 100 });
      await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      const { outputs } = await runner.run({ user_id: ['u1'] });
      expect(Array.from(outputs.y?.data as Float32Array)).toEqual([2, 1]);
      await runner.close();
    });
  });
});
