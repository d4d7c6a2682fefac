// Keeps the page's own files, so that it opens without a network. The model is kept by the page itself, which checks it.

interface ExtendableEvent extends Event {
  waitUntil(done: Promise<unknown>): void;
}

interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

interface Scope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  addEventListener(name: 'install' | 'activate', listener: (event: ExtendableEvent) => void): void;
  addEventListener(name: 'fetch', listener: (event: FetchEvent) => void): void;
}

const scope = globalThis as unknown as Scope;
const root = scope.registration.scope;
/** Caches belong to the origin, which may hold other pages too. */
const cacheName = `digits ${root}`;
/** Put in when the page is built: paths relative to the page. */
const files = JSON.parse('__SITE_FILES__') as { readonly shell: string[]; readonly whenUsed: string[] };
const urlOf = (path: string): string => new URL(path, root).href;
const shell = files.shell.map(urlOf);
const known = new Set([...shell, ...files.whenUsed.map(urlOf)]);

scope.addEventListener('install', (event) => {
  // Past the HTTP cache, so that a page is never joined from files of two releases.
  const requests = shell.map((url) => new Request(url, { cache: 'reload' }));
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(requests)));
});

scope.addEventListener('activate', (event) => {
  event.waitUntil(removeOthers().then(() => scope.clients.claim()));
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = request.url.replace(/[?#].*/, '');
  if (request.method !== 'GET') return;
  if (request.mode === 'navigate' && url === root) event.respondWith(networkFirst(request));
  else if (known.has(url)) event.respondWith(cacheFirst(request, url));
});

/** The page itself is fetched anew where that can be done, so that a new release is seen at once. */
async function networkFirst(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(root, { cacheName });
    if (kept === undefined) throw error;
    return kept;
  }
}

/** What is named by its content never changes. */
async function cacheFirst(request: Request, url: string): Promise<Response> {
  const cache = await caches.open(cacheName);
  const kept = await cache.match(url);
  if (kept !== undefined) return kept;
  const response = await fetch(request);
  // A full disk is no reason to fail: the page then needs the network next time as well.
  if (response.ok) await cache.put(url, response.clone()).catch(() => undefined);
  return response;
}

async function removeOthers(): Promise<void> {
  const cache = await caches.open(cacheName);
  for (const { url } of await cache.keys()) if (!known.has(url)) await cache.delete(url);
}
