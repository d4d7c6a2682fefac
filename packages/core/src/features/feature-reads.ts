import { LRUCache } from 'lru-cache';
import type { ClockTimer } from '../clock';
import { describeValue } from '../config';
import { FairleadError, messageOf } from '../errors';
import type { StoreReadEvent } from './events';
import { type Entity, entityId, type FeatureRow } from './feature-store';
import type { ParsedFeatureOptions } from './options';

/** What reads of the store did so far. */
export interface ReadStats {
  /** Reads of the store, and those that failed. */
  readonly reads: number;
  readonly failures: number;
  /** Entities that were asked of the store. */
  readonly entities: number;
  /** Entities that a request needed and that the cache had, or that a read which was under way already brought. */
  readonly cacheHits: number;
  readonly joined: number;
}

/** One read of the store, from its first entity on. */
interface Read {
  readonly entities: Entity[];
  readonly ids: string[];
  readonly controller: AbortController;
  readonly rows: Promise<readonly FeatureRow[]>;
  readonly settle: { resolve(rows: readonly FeatureRow[]): void; reject(error: unknown): void };
  /** Requests that need it still. */
  waiters: number;
  started: boolean;
}

/** What one request waits for. */
export interface Lookup {
  /** A row for each entity; it rejects with what the store failed with. */
  readonly rows: Promise<readonly FeatureRow[]>;
  /** Nobody waits any more: reads that no other request needs are given up. Call it once. */
  leave(): void;
}

/** Looks entities up. */
export interface FeatureReads {
  /** @throws FairleadError `OVERLOADED` */
  lookUp(entities: readonly Entity[]): Lookup;
  stats(): ReadStats;
  /** Entities that wait for the store. */
  readonly pending: number;
  clear(): void;
}

/**
 * Brings together what requests look up: those of one turn of the event loop share a read, an entity that is being read is
 * not read again beside it, and what was read is kept for as long as the options say.
 */
export function createFeatureReads(
  options: ParsedFeatureOptions,
  columns: readonly string[],
  tell: (event: StoreReadEvent) => void,
): FeatureReads {
  const { store, clock, cache: caching, timeoutMs, maxReadEntities, maxPendingEntities } = options;
  const cache =
    caching === undefined
      ? undefined
      : new LRUCache<string, FeatureRow>({
          max: caching.maxEntities,
          ttl: caching.ttlMs,
          ttlResolution: 0,
          perf: { now: () => clock.now() },
        });
  /** Reads that are open or under way, by the entities in them. */
  const underWay = new Map<string, { readonly read: Read; readonly index: number }>();
  let open: Read | undefined;
  let reads = 0;
  let failures = 0;
  let entityCount = 0;
  let cacheHits = 0;
  let joined = 0;

  const forget = (read: Read): void => {
    for (const id of read.ids) if (underWay.get(id)?.read === read) underWay.delete(id);
  };

  const start = (read: Read): void => {
    if (open === read) open = undefined;
    read.started = true;
    if (read.waiters === 0) {
      forget(read);
      return;
    }
    const startedAt = clock.now();
    let timer: ClockTimer | undefined;
    reads++;
    entityCount += read.entities.length;
    const end = (error?: FairleadError): void => {
      timer?.clear();
      forget(read);
      if (error !== undefined) failures++;
      const event = { store: store.name, entities: read.entities.length, durationMs: clock.now() - startedAt };
      tell(error === undefined ? event : { ...event, error });
    };
    let ended = false;
    const fail = (error: FairleadError): void => {
      if (ended) return;
      ended = true;
      end(error);
      read.settle.reject(error);
      read.controller.abort(error);
    };
    if (timeoutMs !== undefined) timer = clock.setTimer(() => fail(tooSlow(store.name, timeoutMs)), timeoutMs);
    ask(read).then(
      (rows) => {
        if (ended) return;
        ended = true;
        end();
        for (const [index, row] of rows.entries()) cache?.set(read.ids[index] as string, row);
        read.settle.resolve(rows);
      },
      (error: unknown) => {
        // Given up because nobody waited: that is no failure of the store.
        if (read.waiters === 0 && !ended) {
          ended = true;
          timer?.clear();
          return;
        }
        fail(storeError(store.name, error));
      },
    );
  };

  const ask = async (read: Read): Promise<readonly FeatureRow[]> => {
    const rows: unknown = await store.read(read.entities, columns, { signal: read.controller.signal });
    return checkRows(store.name, rows, read.entities.length, columns.length);
  };

  const openRead = (): Read => {
    let settle: Read['settle'] | undefined;
    const rows = new Promise<readonly FeatureRow[]>((resolve, reject) => {
      settle = { resolve, reject };
    });
    // Who waits hears of it; where nobody does any more, nobody has to.
    rows.catch(() => {});
    const read: Read = {
      entities: [],
      ids: [],
      controller: new AbortController(),
      rows,
      settle: settle as Read['settle'],
      waiters: 0,
      started: false,
    };
    clock.defer(() => start(read));
    return read;
  };

  /** Where an entity is read; it may be read already. */
  const placeOf = (id: string, entity: Entity): { readonly read: Read; readonly index: number } => {
    const found = underWay.get(id);
    if (found !== undefined) {
      joined++;
      return found;
    }
    if (open === undefined || open.entities.length >= maxReadEntities) open = openRead();
    const place = { read: open, index: open.entities.length };
    open.entities.push(entity);
    open.ids.push(id);
    underWay.set(id, place);
    return place;
  };

  return {
    lookUp(entities) {
      const ids = entities.map(entityId);
      const kept = ids.map((id) => cache?.get(id));
      const wanted = new Set(ids.filter((id, index) => kept[index] === undefined && !underWay.has(id)));
      if (underWay.size + wanted.size > maxPendingEntities) throw overloaded(underWay.size, maxPendingEntities);
      const places = new Map<string, { readonly read: Read; readonly index: number }>();
      for (const [index, id] of ids.entries()) {
        if (kept[index] !== undefined) cacheHits++;
        else if (!places.has(id)) places.set(id, placeOf(id, entities[index] as Entity));
      }
      const needed = new Set([...places.values()].map(({ read }) => read));
      for (const read of needed) read.waiters++;
      const gather = async (): Promise<readonly FeatureRow[]> => {
        const answers = new Map<Read, readonly FeatureRow[]>();
        for (const read of needed) answers.set(read, await read.rows);
        return ids.map((id, index) => {
          const { read, index: row } = places.get(id) ?? {};
          return kept[index] ?? ((answers.get(read as Read) as readonly FeatureRow[])[row as number] as FeatureRow);
        });
      };
      return {
        rows: gather(),
        leave() {
          for (const read of needed) {
            read.waiters--;
            if (read.waiters > 0) continue;
            forget(read);
            if (read.started) read.controller.abort();
          }
        },
      };
    },
    stats: () => ({ reads, failures, entities: entityCount, cacheHits, joined }),
    get pending() {
      return underWay.size;
    },
    clear: () => cache?.clear(),
  };
}

/** A store may be anybody's: its answer is checked before a request is made of it. */
function checkRows(store: string, rows: unknown, entities: number, features: number): readonly FeatureRow[] {
  const fits =
    Array.isArray(rows) &&
    rows.length === entities &&
    rows.every((row: unknown) => Array.isArray(row) && row.length === features);
  if (fits) return rows as readonly FeatureRow[];
  const expected = `${entities} rows of ${features} features`;
  const given = Array.isArray(rows) ? `${rows.length} rows` : describeValue(rows);
  throw new FairleadError('PROTOCOL_ERROR', `The feature store "${store}": expected ${expected}, given ${given}.`, {
    details: { field: 'read', expected, given },
  });
}

function storeError(store: string, error: unknown): FairleadError {
  if (FairleadError.isInstance(error)) return error;
  const message = `The feature store "${store}" failed: ${messageOf(error)}`;
  return new FairleadError('STORE_FAILED', message, { cause: error, details: { store } });
}

function tooSlow(store: string, timeoutMs: number): FairleadError {
  const message = `The feature store "${store}" did not answer within ${timeoutMs} ms. Look after it, or give it a longer timeoutMs.`;
  return new FairleadError('STORE_FAILED', message, { details: { store, timeoutMs } });
}

function overloaded(pending: number, most: number): FairleadError {
  const message = `${pending} entities wait for the feature store already, and at most ${most} may. Try again later, or raise maxPendingEntities.`;
  return new FairleadError('OVERLOADED', message, {
    details: { field: 'maxPendingEntities', expected: `at most ${most}`, given: String(pending), retryAfterMs: 1000 },
  });
}
