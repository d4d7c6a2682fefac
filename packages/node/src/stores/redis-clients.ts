import { optionError } from '../option-error';

/** What `redisRolloutStore` asks of a client of node-redis (the package `redis`, 5 or later; single, cluster or pool). */
export interface NodeRedisRolloutClient {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  hmGet(key: string, fields: string[]): Promise<unknown>;
  hGetAll(key: string): Promise<unknown>;
}

/** What `redisRolloutStore` asks of a client of ioredis (5 or later; single or cluster). */
export interface IoRedisRolloutClient {
  eval(script: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>;
  hmget(key: string, ...fields: string[]): Promise<unknown>;
  hgetall(key: string): Promise<unknown>;
}

/** A connection of node-redis that is used for nothing but subscriptions: `await client.duplicate().connect()`. */
export interface NodeRedisSubscriber {
  subscribe(channel: string, listener: (message: string, channel: string) => void): Promise<unknown>;
  unsubscribe(channel: string, listener: (message: string, channel: string) => void): Promise<unknown>;
  readonly hGetAll: unknown;
}

/** A connection of ioredis that is used for nothing but subscriptions: `client.duplicate()`. */
export interface IoRedisSubscriber {
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  off(event: 'message', listener: (channel: string, message: string) => void): unknown;
  readonly hgetall: unknown;
}

/** The commands of either client. */
export interface RedisRolloutCommands {
  evaluate(script: string, key: string, args: string[]): Promise<unknown>;
  readHash(key: string, fields: string[]): Promise<unknown>;
  readWholeHash(key: string): Promise<unknown>;
}

const owner = 'redisRolloutStore';

/**
 * Finds out which client it is by its methods.
 * @throws FairleadError `INVALID_OPTION`
 */
export function rolloutCommandsOf(client: NodeRedisRolloutClient | IoRedisRolloutClient): RedisRolloutCommands {
  if (isNodeRedis(client)) {
    return {
      evaluate: (script, key, args) => client.eval(script, { keys: [key], arguments: args }),
      readHash: (key, fields) => client.hmGet(key, fields),
      readWholeHash: (key) => client.hGetAll(key),
    };
  }
  if (isIoRedis(client)) {
    return {
      evaluate: (script, key, args) => client.eval(script, 1, key, ...args),
      readHash: (key, fields) => client.hmget(key, ...fields),
      readWholeHash: (key) => client.hgetall(key),
    };
  }
  throw optionError(owner, 'client', 'a client of the package redis or ioredis', client);
}

/** Listens to a channel until the function that comes back is called; a listener is asked as long as the connection lives. */
export function subscribeWith(
  subscriber: NodeRedisSubscriber | IoRedisSubscriber,
  channel: string,
  onMessage: (message: string) => void,
): () => Promise<unknown> {
  if (isNodeRedisSubscriber(subscriber)) {
    const listener = (message: string): void => onMessage(message);
    const subscribed = subscriber.subscribe(channel, listener).catch(() => undefined);
    return () => subscribed.then(() => subscriber.unsubscribe(channel, listener));
  }
  const listener = (from: string, message: string): void => {
    if (from === channel) onMessage(message);
  };
  subscriber.on('message', listener);
  // What it fails with, the client says itself, and subscribes again when it is connected again. Others may listen to the same
  // channel by this connection, so it stays subscribed.
  subscriber.subscribe(channel).catch(() => undefined);
  return async () => subscriber.off('message', listener);
}

/** @throws FairleadError `INVALID_OPTION` */
export function checkSubscriber(subscriber: unknown): void {
  const ways = hasMethods(subscriber, ['subscribe', 'unsubscribe', 'on', 'off']);
  if (!ways) throw optionError(owner, 'subscriber', 'a second connection of the package redis or ioredis', subscriber);
}

function isNodeRedis(client: unknown): client is NodeRedisRolloutClient {
  return hasMethods(client, ['eval', 'hmGet', 'hGetAll']);
}

function isIoRedis(client: unknown): client is IoRedisRolloutClient {
  return hasMethods(client, ['eval', 'hmget', 'hgetall']);
}

function isNodeRedisSubscriber(client: unknown): client is NodeRedisSubscriber {
  return hasMethods(client, ['hGetAll']);
}

function hasMethods(client: unknown, names: readonly string[]): boolean {
  if (typeof client !== 'object' || client === null) return false;
  return names.every((name) => typeof (client as Record<string, unknown>)[name] === 'function');
}
