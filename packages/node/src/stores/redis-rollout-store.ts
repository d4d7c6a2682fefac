import { type Clock, closeable, FairleadError, messageOf, parseOptions, systemClock } from '@fairlead/core';
import { keptRewards, type RolloutStore, type SharedReward, type Tally } from '@fairlead/core/rollouts';
import * as z from 'zod/mini';
import {
  checkSubscriber,
  type IoRedisRolloutClient,
  type IoRedisSubscriber,
  type NodeRedisRolloutClient,
  type NodeRedisSubscriber,
  rolloutCommandsOf,
  subscribeWith,
} from './redis-clients';
import { addScript, rewardsScript, writeScript } from './redis-scripts';
import {
  checkAddition,
  checkRewards,
  checkRolloutName,
  closedError,
  conflictError,
  corrupt,
  parseStoredRollout,
} from './store-checks';
import { watchByPolling } from './watch-by-polling';

/** Options of {@link redisRolloutStore}. */
export interface RedisRolloutStoreOptions {
  /** Your client, connected: of the package `redis` or `ioredis`. It stays yours, and you close it. */
  readonly client: NodeRedisRolloutClient | IoRedisRolloutClient;
  /**
   * A second connection of the same package, for `watch` to listen by: `await client.duplicate().connect()`, with ioredis
   * `client.duplicate()`. It stays yours too. Without it `watch` asks.
   */
  readonly subscriber?: NodeRedisSubscriber | IoRedisSubscriber;
  /** What every key and channel begins with. @default 'rollouts:' */
  readonly prefix?: string;
  /**
   * Milliseconds until a command counts as failed: clients keep commands while they are not connected, and a rollout must
   * hear that its store is away. More than 0. @default 2000
   */
  readonly timeoutMs?: number;
  /**
   * Milliseconds between two looks of `watch`. More than 0. @default 250; 5000 with a subscriber, for what was told while it was
   * not connected
   */
  readonly pollMs?: number;
  /** Where time comes from. @default systemClock */
  readonly clock?: Clock;
}

const anyObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const more = z.number().check(z.gt(0));

const schema = z.strictObject({
  client: z.custom<RedisRolloutStoreOptions['client']>(anyObject, 'a client of the package redis or ioredis'),
  subscriber: z.optional(
    z.custom<NonNullable<RedisRolloutStoreOptions['subscriber']>>(anyObject, 'a second connection'),
  ),
  prefix: z._default(z.string(), 'rollouts:'),
  timeoutMs: z._default(more, 2000),
  pollMs: z.optional(more),
  clock: z._default(
    z.custom<Clock>((value) => anyObject(value) && 'setTimer' in (value as object), 'a clock'),
    systemClock,
  ),
});

const store = 'redisRolloutStore';

/**
 * Keeps rollouts in Redis 6 or later, or what speaks its protocol and runs Lua, for the replicas of a service. State is
 * compared and set, and evidence added, by scripts that Redis runs in one go; three keys a rollout.
 *
 * @throws FairleadError `INVALID_OPTION`. Its functions reject with `INVALID_ARGUMENT`, `CONFLICT`, `STORE_FAILED` for what the
 * client throws and for no answer within `timeoutMs`, `STORE_CORRUPT` when a key holds something else, and `CLOSED`
 */
export function redisRolloutStore(options: RedisRolloutStoreOptions): RolloutStore {
  const { client, subscriber, prefix, timeoutMs, pollMs, clock } = parseOptions(schema, options, store);
  const redis = rolloutCommandsOf(client);
  if (subscriber !== undefined) checkSubscriber(subscriber);
  let closed = false;

  const asked = <T>(command: () => Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const timer = clock.setTimer(() => reject(failed(`no answer within ${timeoutMs} ms`)), timeoutMs);
      // A client that throws at once fails as one that rejects.
      void (async () => command())()
        .then(resolve, (cause: unknown) => reject(failed(messageOf(cause), cause)))
        .then(() => timer.clear());
    });
  const keyOf = (rollout: string, part: 'state' | 'evidence' | 'rewards' | 'changes'): string => {
    if (closed) throw closedError('Redis store of rollouts');
    checkRolloutName(store, rollout);
    return `${prefix}${rollout}:${part}`;
  };

  return {
    name: 'redis',
    async read(rollout) {
      const key = keyOf(rollout, 'state');
      const [text] = textsOf(await asked(() => redis.readHash(key, ['text'])), 1, key);
      return text === null || text === undefined ? undefined : parseStoredRollout(parseText(key, text), key);
    },
    async write(rollout, expectedEpoch, next) {
      const key = keyOf(rollout, 'state');
      const epoch = expectedEpoch + 1;
      const args = [
        String(expectedEpoch),
        String(epoch),
        JSON.stringify({ ...next, epoch }),
        keyOf(rollout, 'changes'),
      ];
      const answer = await asked(() => redis.evaluate(writeScript, key, args));
      const [written, present] = Array.isArray(answer) ? answer : [];
      if (Number(written) !== 1) throw conflictError(rollout, expectedEpoch, Number(textOf(present)));
      return epoch;
    },
    async add(rollout, evidenceEpoch, replica, sequence, tally) {
      const key = keyOf(rollout, 'evidence');
      checkAddition(store, rollout, evidenceEpoch, replica, sequence, tally);
      const args = [String(evidenceEpoch), `replica ${replica}`, String(sequence), ...fieldsOf(tally)];
      await asked(() => redis.evaluate(addScript, key, args));
    },
    async sum(rollout, evidenceEpoch) {
      const key = keyOf(rollout, 'evidence');
      const fields = entriesOf(await asked(() => redis.readWholeHash(key)));
      if (fields.get('epoch') !== String(evidenceEpoch)) return {};
      return tallyOf(fields, key);
    },
    async shareRewards(rollout, replica, rewards, after) {
      const key = keyOf(rollout, 'rewards');
      checkRewards(store, replica, rewards, after);
      const given = rewards.flatMap(({ id, owner, value }) => [id, owner, String(value)]);
      const args = [replica, String(after), String(keptRewards), ...given];
      const answer = await asked(() => redis.evaluate(rewardsScript, key, args));
      const texts = Array.isArray(answer) ? (answer as unknown[]).map(textOf) : [];
      const [first = '', position = '', ...heard] = texts;
      if (first.length !== rewards.length || texts.length < 2) {
        throw corrupt(`The Redis key "${key}"`, `an answer to ${rewards.length} rewards`, answer);
      }
      const others: SharedReward[] = [];
      for (let i = 0; i + 1 < heard.length; i += 2) {
        const value = checked(Number(heard[i + 1]), key, String(heard[i + 1]));
        others.push({ id: String(heard[i]), owner: replica, value });
      }
      const isFirst = [...first].map((digit) => digit === '1');
      return { isFirst, others, position: checked(Number(position), key, position) };
    },
    watch(rollout, onChange) {
      const key = keyOf(rollout, 'state');
      const epochOf = async (): Promise<number> => {
        const [epoch] = textsOf(await asked(() => redis.readHash(key, ['epoch'])), 1, key);
        return Number(epoch ?? 0);
      };
      const everyMs = pollMs ?? (subscriber === undefined ? 250 : 5000);
      const polling = watchByPolling(clock, everyMs, epochOf, onChange);
      if (subscriber === undefined) return polling;
      const leave = subscribeWith(subscriber, keyOf(rollout, 'changes'), (message) => onChange(Number(message)));
      return closeable(async () => {
        await polling.close();
        await leave().catch(() => undefined);
      });
    },
    ...closeable(() => {
      closed = true;
    }),
  };
}

function failed(why: string, cause?: unknown): FairleadError {
  const details = { details: { store: 'redis' } };
  return new FairleadError(
    'STORE_FAILED',
    `Redis failed: ${why}`,
    cause === undefined ? details : { cause, ...details },
  );
}

/** `n name` for a number, `a 3 name` for the element 3 of an array; each with its number. */
function fieldsOf(tally: Tally): string[] {
  return Object.entries(tally).flatMap(([name, value]) =>
    typeof value === 'number'
      ? [`n ${name}`, String(value)]
      : value.flatMap((element, index) => [`a ${index} ${name}`, String(element)]),
  );
}

function tallyOf(fields: ReadonlyMap<string, string>, key: string): Tally {
  const tally: Record<string, number | number[]> = {};
  for (const [field, text] of fields) {
    const [, single, index, listed] = /^(?:n (.*)|a (\d+) (.*))$/s.exec(field) ?? [];
    const number = Number(text);
    if (single !== undefined) {
      tally[single] = checked(number, key, text);
    } else if (listed !== undefined) {
      const before = tally[listed];
      const list = Array.isArray(before) ? before : [];
      list[Number(index)] = checked(number, key, text);
      tally[listed] = list;
    }
  }
  return tally;
}

function checked(number: number, key: string, text: string): number {
  if (Number.isFinite(number)) return number;
  throw corrupt(`The Redis key "${key}"`, 'a number', text);
}

/** The fields of a hash, whether the client answers an object, a map or a list by turns. */
function entriesOf(answer: unknown): ReadonlyMap<string, string> {
  if (Array.isArray(answer)) {
    const pairs = new Map<string, string>();
    for (let i = 0; i + 1 < answer.length; i += 2) pairs.set(textOf(answer[i]), textOf(answer[i + 1]));
    return pairs;
  }
  const entries = answer instanceof Map ? [...answer] : Object.entries((answer as object | null) ?? {});
  return new Map(entries.map(([field, value]) => [textOf(field), textOf(value)]));
}

/** A client may be set to answer buffers. */
function textOf(value: unknown): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
}

function textsOf(answer: unknown, count: number, key: string): (string | null)[] {
  const given = Array.isArray(answer) ? (answer as unknown[]) : [];
  if (given.length === count) return given.map((text) => (text === null ? null : textOf(text)));
  throw corrupt(`The Redis key "${key}"`, `${count} texts or nulls`, answer);
}

function parseText(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw corrupt(`The Redis key "${key}"`, 'JSON', text);
  }
}
