import type { ModelStorage } from './storage';

/** Opens a folder of the origin's private file system. Throws where the browser has none, or none that can be written to. */
export async function opfsStorage(name: string): Promise<ModelStorage> {
  const { navigator } = globalThis as { navigator?: { storage?: Partial<StorageManager> } };
  if (navigator?.storage?.getDirectory === undefined) throw new Error('there is no private file system here');
  // Older Safaris write in workers only, by another interface.
  if (globalThis.FileSystemFileHandle?.prototype.createWritable === undefined) {
    throw new Error('the private file system cannot be written to from here');
  }
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(`fairlead-${name}`, { create: true });
  return {
    kind: 'opfs',
    name,
    shared: true,
    async read(key) {
      const handle = await ifFound(folder.getFileHandle(key));
      if (handle === undefined) return undefined;
      const file = await handle.getFile();
      // Nothing is stored that has no bytes: such a file was made by a write that did not end.
      return file.size === 0 ? undefined : new Uint8Array(await file.arrayBuffer());
    },
    async write(key, bytes) {
      const handle = await folder.getFileHandle(key, { create: true });
      // Bytes go to a copy of the file, which takes its place when it is closed.
      const writable = await handle.createWritable();
      try {
        await writable.write(bytes as Uint8Array<ArrayBuffer>);
        await writable.close();
      } catch (error) {
        await writable.abort().catch(() => undefined); // A stream that failed is already closed; the error says why.
        throw error;
      }
    },
    remove: async (key) => void (await ifFound(folder.removeEntry(key))),
    async keys() {
      const keys: string[] = [];
      for await (const key of (folder as unknown as { keys(): AsyncIterable<string> }).keys()) keys.push(key);
      return keys;
    },
  };
}

async function ifFound<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if ((error as { name?: unknown } | null)?.name === 'NotFoundError') return undefined;
    throw error;
  }
}
