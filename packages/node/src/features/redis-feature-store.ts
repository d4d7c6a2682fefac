import { describeValue, FairleadError, messageOf, throwIfAborted } from '@fairlead/core';
import {
  checkEntity,
  type Entity,
  type FeatureRow,
  type FeatureStore,
  type FeatureValue,
  isFeatureValue,
} from '@fairlead/core/features';
import { optionError } from '../option-error';
import { commandsOf, type IoRedisClient, type NodeRedisClient, type RedisCommands } from './redis-clients';
import { decodeFeature, encodeDocument, encodeValue, featureOf, parseDocument, timeSuffix } from './redis-texts';

/** Options of {@link redisFeatureStore}. */
export interface RedisFeatureStoreOptions {
  /** Your client, connected: of the package `redis` or `ioredis`. It stays yours, and you close it. */
  readonly client: NodeRedisClient | IoRedisClient;
  /**
   * What an entity is under its key: a `hash` with a field for each feature, of which only those are read that are asked
   * for; or `json`, a text that is one document.
   * @default 'hash'
   */
  readonly layout?: 'hash' | 'json';
  /** What every key begins with. @default 'features:' */
  readonly prefix?: string;
  /**
   * The rest of an entity's key, where others have written it already. Different entities must have different ones.
   * @default the join keys in the order of their names, as in a URL: `customer_id=7&driver_id=1001`
   */
  readonly keyOf?: (entity: Entity) => string;
}

/** When written values were true, and how long they are kept. */
export interface RedisWriteOptions {
  /** When the values were true, in milliseconds since 1970-01-01 UTC. @default now */
  readonly atEpochMs?: number;
  /** Milliseconds until Redis deletes the entity. A whole number, 1 or more. @default never; a time to live set before stays in a hash */
  readonly ttlMs?: number;
}

/** Features in Redis. */
export interface RedisFeatureStore extends FeatureStore {
  /** The key of an entity. */
  keyOf(entity: Entity): string;
  /**
   * Writes features of an entity in the store's layout. Features that are not named stay in a `hash`; a `json` document is
   * replaced.
   * @throws FairleadError `INVALID_ARGUMENT`, `STORE_FAILED`
   */
  write(entity: Entity, values: Readonly<Record<string, FeatureValue>>, options?: RedisWriteOptions): Promise<void>;
}

/**
 * Looks features up in Redis, or what speaks its protocol, with a client of yours. One read of many entities is one round
 * trip: an `HMGET` for each entity, pipelined, or one `MGET` of the documents.
 *
 * In a hash, the field `age` holds the feature `age`, and the field `age@at` when it was true, in milliseconds since 1970;
 * where that is missing, its age is not known. A value is a number, `true`, `false` or a text as it is, or JSON for an array.
 * What it becomes is for the model's input to say, so `"41"` is a number where the input is one.
 *
 * @throws FairleadError `INVALID_OPTION`. Reads fail with `STORE_FAILED` for what the client throws, with `PROTOCOL_ERROR`
 * for an answer that is none
 */
export function redisFeatureStore(options: RedisFeatureStoreOptions): RedisFeatureStore {
  const { client, layout = 'hash', prefix = 'features:', keyOf = keyText } = options ?? {};
  for (const key of Object.keys(options ?? {})) {
    if (!['client', 'layout', 'prefix', 'keyOf'].includes(key))
      throw optionError(owner, key, 'no such option', (options as unknown as Record<string, unknown>)[key]);
  }
  if (layout !== 'hash' && layout !== 'json') throw optionError(owner, 'layout', '"hash" or "json"', layout);
  if (typeof prefix !== 'string') throw optionError(owner, 'prefix', 'a text', prefix);
  if (typeof keyOf !== 'function') throw optionError(owner, 'keyOf', 'a function', keyOf);
  const redis = commandsOf(client);

  const fullKey = (entity: Entity): string => {
    const key: unknown = keyOf(entity);
    if (typeof key !== 'string') throw wrong('keyOf', 'a text for every entity', key);
    return prefix + key;
  };

  return {
    name: 'redis',
    isLocal: false,
    keyOf: fullKey,
    async read(entities, features, { signal }) {
      throwIfAborted(signal, 'The read of features');
      const keys = entities.map(fullKey);
      return layout === 'hash' ? readHashes(redis, keys, features) : readDocuments(redis, keys, features);
    },
    async write(entity, values, { atEpochMs = Date.now(), ttlMs } = {}) {
      checkEntity(entity, 'write');
      checkWrite(values, atEpochMs, ttlMs);
      const key = fullKey(entity);
      if (layout === 'json') {
        await asked(redis.writeText(key, encodeDocument(values, atEpochMs), ttlMs));
        return;
      }
      const fields: Record<string, string> = {};
      for (const [name, value] of Object.entries(values)) {
        fields[name] = encodeValue(value);
        fields[name + timeSuffix] = String(atEpochMs);
      }
      await asked(redis.writeHash(key, fields, ttlMs));
    },
  };
}

const owner = 'redisFeatureStore';

/** Every entity has one, and no other has the same. */
function keyText(entity: Entity): string {
  const names = Object.keys(entity).sort();
  return names.map((name) => `${encodeURIComponent(name)}=${encodeURIComponent(String(entity[name]))}`).join('&');
}

async function readHashes(
  redis: RedisCommands,
  keys: readonly string[],
  features: readonly string[],
): Promise<FeatureRow[]> {
  const fields = features.flatMap((name) => [name, name + timeSuffix]);
  // All are given to the client before the first answer is waited for.
  const answers = await asked(Promise.all(keys.map((key) => redis.readHash(key, fields))));
  return answers.map((answer): FeatureRow => {
    const texts = textsOf(answer, fields.length, 'HMGET');
    return features.map((_, index) => decodeFeature(texts[2 * index] ?? null, texts[2 * index + 1] ?? null));
  });
}

async function readDocuments(redis: RedisCommands, keys: string[], features: readonly string[]): Promise<FeatureRow[]> {
  const texts = textsOf(await asked(redis.readTexts(keys)), keys.length, 'MGET');
  return texts.map((text, index): FeatureRow => {
    if (text === null) return features.map(() => undefined);
    const document = parseDocument(text);
    if (document === undefined) {
      const expected = 'a JSON object of features';
      const given = describeValue(text);
      throw new FairleadError('PROTOCOL_ERROR', `Redis, key "${keys[index]}": expected ${expected}, given ${given}.`, {
        details: { field: keys[index] ?? '', expected, given },
      });
    }
    return features.map((name) => featureOf(document, name));
  });
}

/** Waits for an answer; what the client throws is an error of the store. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw new FairleadError('STORE_FAILED', `Redis failed: ${messageOf(cause)}`, {
      cause,
      details: { store: 'redis' },
    });
  }
}

/** Texts or nothing, as many as asked for. A client may be set to answer buffers. */
function textsOf(answer: unknown, count: number, command: string): (string | null)[] {
  const given = Array.isArray(answer) ? answer : [];
  const texts = given.map((text: unknown) => (text instanceof Uint8Array ? new TextDecoder().decode(text) : text));
  const fits = texts.length === count && texts.every((text) => text === null || typeof text === 'string');
  if (fits) return texts as (string | null)[];
  const expected = `${count} texts or nulls`;
  const said = describeValue(answer);
  throw new FairleadError('PROTOCOL_ERROR', `Redis, ${command}: expected ${expected}, given ${said}.`, {
    details: { field: command, expected, given: said },
  });
}

function checkWrite(
  values: Readonly<Record<string, FeatureValue>>,
  atEpochMs: number,
  ttlMs: number | undefined,
): void {
  if (!Number.isFinite(atEpochMs)) throw wrong('atEpochMs', 'milliseconds since 1970', atEpochMs);
  if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && ttlMs >= 1)) {
    throw wrong('ttlMs', 'a whole number, 1 or more', ttlMs);
  }
  const names = Object.keys(values ?? {});
  if (names.length === 0) throw wrong('values', 'at least one feature', values);
  for (const name of names) {
    if (name === '' || name.endsWith(timeSuffix))
      throw wrong(`values.${name}`, `a name that does not end with ${timeSuffix}`, name);
    if (!isFeatureValue(values[name])) {
      throw wrong(
        `values.${name}`,
        'a number, a big integer, a text, true or false, or an array of them',
        values[name],
      );
    }
  }
}

function wrong(field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError('INVALID_ARGUMENT', `${owner}: ${field} is wrong: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
