import { optionError } from '../option-error';

/** What `redisFeatureStore` asks of a client of node-redis (the package `redis`, 5 or later; single, cluster or pool). */
export interface NodeRedisClient {
  hmGet(key: string, fields: string[]): Promise<unknown>;
  mGet(keys: string[]): Promise<unknown>;
  hSet(key: string, values: Record<string, string>): Promise<unknown>;
  pExpire(key: string, milliseconds: number): Promise<unknown>;
  set(key: string, value: string, options?: { PX: number }): Promise<unknown>;
}

/** What `redisFeatureStore` asks of a client of ioredis (5 or later; single or cluster). */
export interface IoRedisClient {
  hmget(key: string, ...fields: string[]): Promise<unknown>;
  mget(...keys: string[]): Promise<unknown>;
  hset(key: string, values: Record<string, string>): Promise<unknown>;
  pexpire(key: string, milliseconds: number): Promise<unknown>;
  set(key: string, value: string): Promise<unknown>;
  set(key: string, value: string, unit: 'PX', milliseconds: number): Promise<unknown>;
}

/** The commands of either client. */
export interface RedisCommands {
  readHash(key: string, fields: string[]): Promise<unknown>;
  readTexts(keys: string[]): Promise<unknown>;
  writeHash(key: string, values: Record<string, string>, ttlMs: number | undefined): Promise<unknown>;
  writeText(key: string, text: string, ttlMs: number | undefined): Promise<unknown>;
}

/**
 * Finds out which client it is by its methods.
 * @throws FairleadError `INVALID_OPTION`
 */
export function commandsOf(client: NodeRedisClient | IoRedisClient): RedisCommands {
  if (isNodeRedis(client)) return ofNodeRedis(client);
  if (isIoRedis(client)) return ofIoRedis(client);
  throw optionError('redisFeatureStore', 'client', 'a client of the package redis or ioredis', client);
}

function hasMethods(client: unknown, names: readonly string[]): boolean {
  if (typeof client !== 'object' || client === null) return false;
  return names.every((name) => typeof (client as Record<string, unknown>)[name] === 'function');
}

function isNodeRedis(client: unknown): client is NodeRedisClient {
  return hasMethods(client, ['hmGet', 'mGet', 'hSet', 'pExpire', 'set']);
}

function isIoRedis(client: unknown): client is IoRedisClient {
  return hasMethods(client, ['hmget', 'mget', 'hset', 'pexpire', 'set']);
}

// Commands that are given in one turn leave in one packet: both clients pipeline them, so none waits for the one before.

function ofNodeRedis(client: NodeRedisClient): RedisCommands {
  return {
    readHash: (key, fields) => client.hmGet(key, fields),
    readTexts: (keys) => client.mGet(keys),
    writeHash: (key, values, ttlMs) => {
      const written = client.hSet(key, values);
      return ttlMs === undefined ? written : Promise.all([written, client.pExpire(key, ttlMs)]);
    },
    writeText: (key, text, ttlMs) =>
      ttlMs === undefined ? client.set(key, text) : client.set(key, text, { PX: ttlMs }),
  };
}

function ofIoRedis(client: IoRedisClient): RedisCommands {
  return {
    readHash: (key, fields) => client.hmget(key, ...fields),
    readTexts: (keys) => client.mget(...keys),
    writeHash: (key, values, ttlMs) => {
      const written = client.hset(key, values);
      return ttlMs === undefined ? written : Promise.all([written, client.pexpire(key, ttlMs)]);
    },
    writeText: (key, text, ttlMs) => (ttlMs === undefined ? client.set(key, text) : client.set(key, text, 'PX', ttlMs)),
  };
}
