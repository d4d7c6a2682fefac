import type { ModelStorage } from './storage';

/** A storage that ends with the page: where the browser offers none, as on insecure pages, and in tests. */
export function memoryStorage(name = 'models'): ModelStorage {
  const kept = new Map<string, Uint8Array>();
  return {
    kind: 'memory',
    name,
    shared: false,
    read: async (key) => kept.get(key)?.slice(),
    write: async (key, bytes) => void kept.set(key, bytes.slice()),
    remove: async (key) => void kept.delete(key),
    keys: async () => [...kept.keys()],
  };
}
