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
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type RedisServer, startRedis } from './redis-server';
import { prepareRedis } from './setup';

/* The store of rollouts in a real Redis, by both of the clients that people use. */

const peer = prepareRedis();

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
