import type { ModelStorage } from './storage';

/** The Cache API keeps answers to requests. No such host can exist, so no page's own requests are ever meant. */
const base = 'https://fairlead.invalid/';

/** Opens a cache of the Cache API. Throws where the browser has none. */
export async function cacheApiStorage(name: string): Promise<ModelStorage> {
  const { caches } = globalThis as { caches?: CacheStorage };
  if (caches === undefined) throw new Error('there is no Cache API here');
  const cache = await caches.open(`fairlead-${name}`);
  return {
    kind: 'cache',
    name,
    shared: true,
    async read(key) {
      const response = await cache.match(base + key);
      return response === undefined ? undefined : new Uint8Array(await response.arrayBuffer());
    },
    write: (key, bytes) => cache.put(base + key, new Response(bytes as Uint8Array<ArrayBuffer>)),
    remove: async (key) => void (await cache.delete(base + key)),
    keys: async () => (await cache.keys()).map(({ url }) => url.slice(base.length)),
  };
}
