import type { TelemetryRest } from '@fairlead/core/telemetry';
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { firstOf, pastBounds, type QueueBounds, type QueuedReport, type ReportQueue } from './report-queue';

type Stored = Omit<QueuedReport, 'key'>;

interface StoredRest {
  readonly rest: TelemetryRest;
  readonly atEpochMs: number;
}

interface Schema extends DBSchema {
  reports: { key: number; value: Stored };
  rests: { key: number; value: StoredRest };
}

const version = 1;

/**
 * Opens a queue in IndexedDB, which outlasts the page and is one for all tabs of the origin.
 * @throws where the browser has no database for this page
 */
export async function openIndexedQueue(name: string, bounds: QueueBounds): Promise<ReportQueue> {
  let database: IDBPDatabase<Schema> | undefined;
  const forget = (): void => {
    database?.close();
    database = undefined;
  };
  const open = async (): Promise<IDBPDatabase<Schema>> => {
    database = await openDB<Schema>(`fairlead-telemetry-${name}`, version, {
      upgrade(fresh) {
        fresh.createObjectStore('reports', { autoIncrement: true });
        fresh.createObjectStore('rests', { autoIncrement: true });
      },
      // Another tab wants to remove or upgrade it; it is opened again when it is needed.
      blocking: forget,
      terminated: forget,
    });
    return database;
  };
  await open();

  return {
    storage: 'indexeddb',
    async put(added, nowEpochMs) {
      const adding = (database ?? (await open())).transaction('reports', 'readwrite');
      for (const bytes of added) void adding.store.add({ bytes, atEpochMs: nowEpochMs });
      // Now, and not after the next turn, which a page that goes away may not have.
      adding.commit();
      await adding.done;
      const { store, done } = (database ?? (await open())).transaction('reports', 'readwrite');
      const [keys, values] = await Promise.all([store.getAllKeys(), store.getAll()]);
      const dropped = pastBounds(withKeys(keys, values), bounds, nowEpochMs);
      for (const key of dropped) void store.delete(key);
      await done;
      return dropped.length;
    },
    async first(maxBytes, maxReports) {
      const { store } = (database ?? (await open())).transaction('reports');
      const [keys, values] = await Promise.all([store.getAllKeys(null, maxReports), store.getAll(null, maxReports)]);
      return firstOf(withKeys(keys, values), maxBytes, maxReports);
    },
    async remove(keys) {
      const transaction = (database ?? (await open())).transaction('reports', 'readwrite');
      for (const key of keys) void transaction.store.delete(key);
      await transaction.done;
    },
    size: async () => (database ?? (await open())).count('reports'),
    async keepRest(rest, nowEpochMs) {
      const adding = (database ?? (await open())).transaction('rests', 'readwrite');
      void adding.store.add({ rest, atEpochMs: nowEpochMs });
      adding.commit();
      await adding.done;
    },
    async takeRests(key, nowEpochMs) {
      const transaction = (database ?? (await open())).transaction('rests', 'readwrite');
      const taken: TelemetryRest[] = [];
      for await (const cursor of transaction.store) {
        const { rest, atEpochMs } = cursor.value;
        const isOld = nowEpochMs - atEpochMs > bounds.maxAgeMs;
        if (rest.key === key && !isOld) taken.push(rest);
        if (rest.key === key || isOld) void cursor.delete();
      }
      await transaction.done;
      return taken;
    },
    async clear() {
      const transaction = (database ?? (await open())).transaction(['reports', 'rests'], 'readwrite');
      void transaction.objectStore('reports').clear();
      void transaction.objectStore('rests').clear();
      await transaction.done;
    },
    close: forget,
  };
}

function withKeys(keys: readonly number[], values: readonly Stored[]): QueuedReport[] {
  return values.map((value, index) => ({ key: keys[index] as number, ...value }));
}
