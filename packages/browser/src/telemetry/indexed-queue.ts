import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { firstOf, pastBounds, type QueueBounds, type QueuedReport, type ReportQueue } from './report-queue';

type Stored = Omit<QueuedReport, 'key'>;

interface Schema extends DBSchema {
  reports: { key: number; value: Stored };
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
      upgrade: (fresh) => void fresh.createObjectStore('reports', { autoIncrement: true }),
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
      const transaction = (database ?? (await open())).transaction('reports', 'readwrite');
      const { store } = transaction;
      for (const bytes of added) void store.add({ bytes, atEpochMs: nowEpochMs });
      const [keys, values] = await Promise.all([store.getAllKeys(), store.getAll()]);
      const dropped = pastBounds(withKeys(keys, values), bounds, nowEpochMs);
      for (const key of dropped) void store.delete(key);
      await transaction.done;
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
    clear: async () => (database ?? (await open())).clear('reports'),
    close: forget,
  };
}

function withKeys(keys: readonly number[], values: readonly Stored[]): QueuedReport[] {
  return values.map((value, index) => ({ key: keys[index] as number, ...value }));
}
