import { LRUCache } from 'lru-cache';
import * as z from 'zod/mini';
import { type Clock, systemClock } from '../clock';
import { describeValue, parseOptions } from '../config';
import { FairleadError, throwIfAborted } from '../errors';
import { type Entity, entityId, type FeatureStore, type FeatureValue, type StoredFeature } from './feature-store';
import { checkEntity, isFeatureValue } from './values';

/** Options of {@link createMemoryFeatureStore}. */
export interface MemoryFeatureStoreOptions {
  /** Entities to keep; the least recently used go first. 1 or more. @default 100000 */
  readonly maxEntities?: number;
  /** Milliseconds after which a value that was written is gone. More than 0. @default never */
  readonly ttlMs?: number;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** When a value was true, and how long it is kept. */
export interface FeatureWriteOptions {
  /** When the values were true, in milliseconds since 1970-01-01 UTC. @default now */
  readonly atEpochMs?: number;
}

/** Features that are kept in this process. */
export interface MemoryFeatureStore extends FeatureStore {
  /**
   * Writes features of an entity; those that are not named stay.
   * @throws FairleadError `INVALID_ARGUMENT`
   */
  write(entity: Entity, values: Readonly<Record<string, FeatureValue>>, options?: FeatureWriteOptions): void;
  /** Forgets an entity; whether there was one. */
  delete(entity: Entity): boolean;
  /** Entities that are kept. */
  readonly size: number;
}

interface Kept extends StoredFeature {
  /** Of the clock. */
  readonly writtenAt: number;
}

const optionsSchema = z.strictObject({
  maxEntities: z._default(z.int().check(z.minimum(1)), 100_000),
  ttlMs: z.optional(z.number().check(z.gt(0))),
  clock: z._default(
    z.custom<Clock>((value) => typeof value === 'object' && value !== null, 'a clock'),
    systemClock,
  ),
});

/**
 * Keeps features in memory, bounded by entities: for tests, for small tables that a service loads when it starts, and for
 * features that it computes itself.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createMemoryFeatureStore(options: MemoryFeatureStoreOptions = {}): MemoryFeatureStore {
  const { maxEntities, ttlMs, clock } = parseOptions(optionsSchema, options, 'createMemoryFeatureStore');
  const entities = new LRUCache<string, Map<string, Kept>>({ max: maxEntities });

  const find = (features: Map<string, Kept> | undefined, name: string): StoredFeature | undefined => {
    const kept = features?.get(name);
    if (kept === undefined) return undefined;
    if (ttlMs !== undefined && clock.now() - kept.writtenAt >= ttlMs) {
      features?.delete(name);
      return undefined;
    }
    return kept;
  };

  return {
    name: 'memory',
    isLocal: true,
    async read(wanted, names, { signal }) {
      throwIfAborted(signal, 'The read of features');
      return wanted.map((entity) => {
        const features = entities.get(entityId(entity));
        return names.map((name) => find(features, name));
      });
    },
    write(entity, values, { atEpochMs = clock.epochMs() } = {}) {
      checkEntity(entity, 'write');
      if (!Number.isFinite(atEpochMs)) throw wrong('atEpochMs', 'milliseconds since 1970', atEpochMs);
      for (const [name, value] of Object.entries(values)) {
        if (!isFeatureValue(value)) {
          throw wrong(`values.${name}`, 'a number, a big integer, a text, true or false, or an array of them', value);
        }
      }
      const id = entityId(entity);
      const features = entities.get(id) ?? new Map<string, Kept>();
      const writtenAt = clock.now();
      for (const [name, value] of Object.entries(values)) {
        // An array is the caller's, who may change it.
        features.set(name, { value: Array.isArray(value) ? [...value] : value, atEpochMs, writtenAt });
      }
      entities.set(id, features);
    },
    delete: (entity) => entities.delete(entityId(entity)),
    get size() {
      return entities.size;
    },
  };
}

function wrong(field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError('INVALID_ARGUMENT', `write: ${field} is wrong: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
