import { FairleadError, messageOf } from '@fairlead/core';
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { isOlder, type PageQueue, type QueuedBatch, type QueuedUpload } from './page-queue';

interface Schema extends DBSchema {
  batches: { key: [string, number]; value: QueuedBatch };
  uploads: { key: string; value: QueuedUpload };
  pieces: { key: [string, number]; value: Uint8Array };
  state: { key: string; value: number };
}

type Database = IDBPDatabase<Schema>;

const version = 1;

/** The error of a database that refuses. */
function refused(error: unknown): FairleadError {
  const name = (error as { name?: unknown } | null)?.name;
  const isFull = name === 'QuotaExceededError';
  const hint = isFull
    ? "The browser's storage for this site is full: free some, or go online so that what waits is sent. It stays in memory and is tried again."
    : `The browser's database refused: ${messageOf(error)}`;
  return new FairleadError('STORE_FAILED', hint, {
    cause: error,
    details: { errno: typeof name === 'string' ? name : 'UnknownError' },
  });
}

/** Everything whose key begins with the id of an upload. */
const piecesOf = (id: string): IDBKeyRange => IDBKeyRange.bound([id, 0], [id, Number.MAX_SAFE_INTEGER]);

/**
 * Opens the queue in IndexedDB. It survives a reload, a crash of the tab and, for what was put strictly, a power cut.
 * @throws FairleadError `STORE_FAILED` where the browser has no database for this page
 */
export async function openIndexedQueue(name: string): Promise<PageQueue> {
  let database: Database | undefined;
  let closed = false;

  const open = async (): Promise<Database> => {
    try {
      const opened: Database = await openDB<Schema>(name, version, {
        upgrade(fresh) {
          fresh.createObjectStore('batches', { keyPath: ['writer', 'seq'] });
          fresh.createObjectStore('uploads', { keyPath: 'id' });
          fresh.createObjectStore('pieces');
          fresh.createObjectStore('state');
        },
        // Another tab wants to remove or upgrade it; it is opened again when it is needed.
        blocking: () => forget(),
        terminated: () => forget(),
      });
      database = opened;
      return opened;
    } catch (error) {
      throw refused(error);
    }
  };

  function forget(): void {
    database?.close();
    database = undefined;
  }

  /** Works on the database at once where it is open. */
  const use = async <T>(work: (db: Database) => Promise<T>): Promise<T> => {
    if (closed) throw new FairleadError('CLOSED', 'The queue was closed.');
    const db = database ?? (await open());
    try {
      return await work(db);
    } catch (error) {
      // One that the browser closed by itself.
      if ((error as { name?: unknown } | null)?.name === 'InvalidStateError') forget();
      throw FairleadError.isInstance(error) ? error : refused(error);
    }
  };

  const removeUpload = (id: string): Promise<void> =>
    use(async (db) => {
      const transaction = db.transaction(['uploads', 'pieces'], 'readwrite');
      await Promise.all([
        transaction.objectStore('uploads').delete(id),
        transaction.objectStore('pieces').delete(piecesOf(id)),
        transaction.done,
      ]);
    });

  database = await open();

  return {
    durabilities: ['os', 'disk', 'remote'],
    put: (batches, strict) =>
      use(async (db) => {
        const options = { durability: strict ? 'strict' : 'relaxed' } as const;
        const transaction = db.transaction(['batches', 'state'], 'readwrite', options);
        const store = transaction.objectStore('batches');
        const work: Promise<unknown>[] = batches.map((batch) => store.put(batch));
        // A transaction that changes nothing syncs nothing.
        if (strict) work.push(transaction.objectStore('state').put(batches.length, 'synced'));
        // Committed now and not after the next turn, which a page that is being closed may not have.
        transaction.commit();
        await Promise.all([...work, transaction.done]);
      }),
    keys: () => use((db) => db.getAllKeys('batches')),
    get: ([writer, seq]) => use(async (db) => (await db.get('batches', [writer, seq])) as QueuedBatch | undefined),
    remove: ({ writer, seq, uploads }) =>
      use(async (db) => {
        const transaction = db.transaction(['batches', 'uploads', 'pieces'], 'readwrite');
        await Promise.all([
          transaction.objectStore('batches').delete([writer, seq]),
          ...uploads.flatMap((id) => [
            transaction.objectStore('uploads').delete(id),
            transaction.objectStore('pieces').delete(piecesOf(id)),
          ]),
          transaction.done,
        ]);
      }),
    putPiece: (upload, index, bytes) =>
      use(async (db) => {
        await db.put('pieces', bytes.slice(), [upload, index]);
      }),
    putUpload: (upload) =>
      use(async (db) => {
        await db.put('uploads', upload);
      }),
    upload: (id) => use((db) => db.get('uploads', id)),
    pieces: (id) =>
      use(async (db) => {
        const parts: Blob[] = [];
        const transaction = db.transaction('pieces');
        for await (const { value } of transaction.store.iterate(piecesOf(id))) {
          // The browser may keep these on disk, so that not all of them lie in memory.
          parts.push(new Blob([value as Uint8Array<ArrayBuffer>]));
        }
        return new Blob(parts);
      }),
    removeUpload,
    sweep: async (before) => {
      const ids = await use(async (db) => {
        const named = new Set<string>();
        for await (const { value } of db.transaction('batches').store.iterate()) {
          for (const id of value.uploads) named.add(id);
        }
        const all = new Set((await db.getAllKeys('pieces')).map(([id]) => id));
        for (const id of await db.getAllKeys('uploads')) all.add(id);
        return [...all].filter((id) => isOlder(id, before) && !named.has(id));
      });
      for (const id of ids) await removeUpload(id);
    },
    close() {
      closed = true;
      forget();
    },
  };
}
