import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createVirtualClock, rolloutStoreConformance } from '@fairlead/core/testing';
import type {
  IoRedisRolloutClient,
  IoRedisSubscriber,
  NodeRedisRolloutClient,
  NodeRedisSubscriber,
} from '@fairlead/node/stores';
import { redisRolloutStore } from '@fairlead/node/stores';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RedisServer, startRedis } from './redis-server';
import { prepareRedis } from './setup';

/* The store of rollouts in a real Redis, by both of the clients that people use. */

const peer = prepareRedis();
const root = fileURLToPath(new URL('../../', import.meta.url));

interface Connections {
  readonly client: NodeRedisRolloutClient | IoRedisRolloutClient;
  readonly subscriber: NodeRedisSubscriber | IoRedisSubscriber;
  /** Resolves when the subscriber has heard all that was published, and the client all that was asked, until now. */
  heard(): Promise<unknown>;
  close(): void;
}

const packages: Readonly<Record<string, (path: string) => Promise<Connections>>> = {
  async 'node-redis'(path) {
    const client = createClient({ socket: { path, tls: false } });
    await client.connect();
    const subscriber = await client.duplicate().connect();
    return {
      client,
      subscriber,
      heard: () => Promise.all([subscriber.ping(), client.ping()]),
      close: () => {
        client.destroy();
        subscriber.destroy();
      },
    };
  },
  async ioredis(path) {
    const client = new Redis(path);
    const subscriber = client.duplicate();
    return {
      client,
      subscriber,
      heard: () => Promise.all([subscriber.ping(), client.ping()]),
      close: () => {
        client.disconnect();
        subscriber.disconnect();
      },
    };
  },
};

describe.skipIf(peer.missing !== undefined)('rollouts in Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    if (peer.missing === undefined) server = await startRedis(peer.command, peer.environment);
  });
  afterAll(() => server?.close());

  test('the guide’s example runs, on this Redis', { timeout: 90_000 }, async () => {
    const page = await readFile(join(root, 'docs/rollouts/stores.md'), 'utf8');
    const example = /^```ts redis\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '';
    const code = example.replace(
      "{ url: 'redis://127.0.0.1:6379' }",
      JSON.stringify({ socket: { path: server.socket } }),
    );
    expect(code).toContain(server.socket);
    await mkdir(join(root, 'test/.cache'), { recursive: true });
    const folder = await mkdtemp(join(root, 'test/.cache/rollouts-guide-'));
    try {
      await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../../tsconfig.dist.json' }));
      const last = `
        await store.add('guide', 1, 'replica', 1, { blocks: 3 });
        console.log(JSON.stringify(await store.sum('guide', 1)));
        client.destroy();
        subscriber.destroy();
      `;
      await writeFile(join(folder, 'guide.ts'), code + last);
      const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
      const { stdout } = await promisify(execFile)(process.execPath, [tsx, 'guide.ts'], {
        cwd: folder,
        timeout: 60_000,
      });
      expect(JSON.parse(stdout)).toEqual({ blocks: 3 });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  describe.each(Object.entries(packages))('by %s', (name, connect) => {
    let connections: Connections;
    let place = 0;
    beforeAll(async () => {
      connections = await connect(server.socket);
    });
    afterAll(() => connections?.close());

    describe.each(['subscription', 'polling'])('watching by %s', (way) => {
      const createPlace = () => {
        const prefix = `${name}-${++place}:`;
        const clock = createVirtualClock();
        return {
          open: () => {
            const { client, subscriber } = connections;
            const options = { client, prefix, clock, timeoutMs: 1e9 };
            return redisRolloutStore(way === 'polling' ? options : { ...options, subscriber, pollMs: 1e9 });
          },
          settle: async () => {
            // Looks are on the virtual clock, and their answers on the real connection.
            for (let turn = 0; turn < 10; turn++) {
              await clock.advance(250);
              await connections.heard();
            }
          },
        };
      };
      for (const trial of rolloutStoreConformance({ createPlace })) test(trial.name, trial.run);
    });
  });
});
