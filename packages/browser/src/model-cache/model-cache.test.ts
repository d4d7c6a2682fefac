import { FairleadError } from '@fairlead/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cachedModel } from './cached-model';
import { createModelCache, type ModelCache } from './model-cache';
import { memoryStorage } from './storage/memory-storage';
import type { ModelStorage } from './storage/storage';
import { modelBytes, setUp, sha256Of } from './test-kit.fixture';

const url = 'https://models.test/digits.onnx';
const bytes = modelBytes(20_000);
const digest = sha256Of(bytes);

afterEach(() => vi.unstubAllGlobals());

function withModel(options: Parameters<typeof setUp>[0] = {}) {
  const kit = setUp(options);
  kit.server.files.set(url, { bytes, etag: '"1"' });
  return kit;
}

describe('a cached model', () => {
  it('is downloaded once, with progress, and then comes from the cache without any request', async () => {
    const { model, server, told, tell, open } = withModel();
    const first = await model(url, { digest }).resolve({});
    expect(first).toMatchObject({ digest, name: 'digits', version: digest.slice(0, 12) });
    expect(Buffer.compare(first.bytes, bytes)).toBe(0);
    expect(tell('progress').at(0)).toMatchObject({ bytes: 0, total: 20_000, by: 'this-tab' });
    expect(tell('progress').at(-1)).toMatchObject({ bytes: 20_000, total: 20_000 });
    expect(tell('download-end')).toEqual([{ name: 'download-end', url, digest, bytes: 20_000, networkBytes: 20_000 }]);

    server.requests.length = 0;
    told.length = 0;
    const again = await cachedModel(url, { digest, cache: open() }).resolve({});
    expect(Buffer.compare(again.bytes, bytes)).toBe(0);
    expect(await again.sidecar('golden')).toBeUndefined();
    expect(server.requests).toEqual([]);
    expect(told.map(({ name }) => name)).toEqual(['cache-hit']);
  });

  it('tells bytes a second as they come', async () => {
    const { model, server, clock, tell } = withModel();
    server.cuts = [10_000];
    const running = model(url, { digest }).resolve({});
    await clock.advance(500);
    await running;
    expect(tell('progress').at(-1)).toMatchObject({ bytes: 20_000, bytesPerSecond: expect.any(Number) });
    expect(tell('progress').at(-1)?.bytesPerSecond).toBeGreaterThan(0);
  });

  it('is kept with what lies beside it, and with what does not', async () => {
    const { model, server, open, cache } = withModel();
    const golden = new TextEncoder().encode('{"rows":[]}');
    const card = new TextEncoder().encode('# Digits');
    server.files.set('https://models.test/digits.golden.json', { bytes: golden });
    server.files.set('https://models.test/digits.card.md', { bytes: card });
    const first = await model(url, { digest }).resolve({});
    expect(await first.sidecar('card')).toEqual(card);
    expect(await first.sidecar('reference')).toBeUndefined();

    server.offline = true;
    const again = await cachedModel(url, { digest, cache: open() }).resolve({});
    expect(await again.sidecar('golden')).toEqual(golden);
    expect(await again.sidecar('card')).toEqual(card);
    expect(await again.sidecar('reference')).toBeUndefined();
    expect(await cache.list()).toMatchObject([{ sidecars: ['golden', 'card'] }]);
  });

  it('is downloaded once for all who ask meanwhile, and given up when the last of them leaves', async () => {
    const { model, server, clock } = withModel();
    const results = await Promise.all([model(url, { digest }).resolve({}), model(url, { digest }).resolve({})]);
    expect(results[0]?.bytes).toBe(results[1]?.bytes);
    expect(server.requests.filter((request) => request.url === url)).toHaveLength(1);

    const other = 'https://models.test/other.onnx';
    server.files.set(other, { bytes: modelBytes(5000, 2), etag: '"2"' });
    server.cuts = [3000];
    server.hangs = true;
    const [one, two] = [new AbortController(), new AbortController()];
    const first = model(other).resolve({ signal: one.signal });
    const second = model(other).resolve({ signal: two.signal });
    await clock.settle();
    one.abort('gone');
    await expect(first).rejects.toMatchObject({ code: 'ABORTED', cause: 'gone' });
    two.abort('gone too');
    await expect(second).rejects.toMatchObject({ code: 'ABORTED' });
    await clock.settle();
    expect(clock.pendingTimers).toBe(0);

    // What had come is still there.
    server.hangs = false;
    expect((await model(other).resolve({})).bytes).toEqual(modelBytes(5000, 2));
    expect(server.requests.at(-2)).toMatchObject({ url: other, range: 'bytes=3000-', status: 206 });
  });

  it('is kept once for several URLs of one digest', async () => {
    const { model, server, cache } = withModel();
    const mirror = 'https://mirror.test/d.onnx?token=secret';
    server.files.set(mirror, { bytes });
    await model(url).resolve({});
    await model(mirror).resolve({});
    expect(await cache.list()).toMatchObject([{ digest, urls: [url, 'https://mirror.test/d.onnx'], bytes: 20_000 }]);
    expect(await cache.estimate()).toMatchObject({ usedBytes: 20_000, models: 1, partialBytes: 0, storage: 'memory' });
  });

  it('keeps no secrets of URLs', async () => {
    const storage = memoryStorage();
    const { model, server } = setUp({ storage });
    server.files.set('https://user:pass@models.test/a.onnx?sig=secret', { bytes });
    await model('https://user:pass@models.test/a.onnx?sig=secret').resolve({});
    const index = new TextDecoder().decode(await storage.read('index'));
    expect(index).toContain('models.test/a.onnx');
    expect(index).not.toMatch(/secret|pass/);
  });

  it('goes on where another visit was cut off, and by no more bytes than are missing', async () => {
    const { model, server, open, tell } = withModel();
    server.cuts = [12_345];
    await expect(model(url, { digest, retries: 0 }).resolve({})).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringContaining('broke off after 12345 of 20000 bytes'),
    });
    expect((await open().estimate()).partialBytes).toBe(12_345);
    const again = await cachedModel(url, { digest, cache: open() }).resolve({});
    expect(Buffer.compare(again.bytes, bytes)).toBe(0);
    expect(tell('download-start').at(-1)).toMatchObject({ resumedFrom: 12_345, total: 20_000 });
    expect(tell('download-end')).toMatchObject([{ networkBytes: 20_000 - 12_345 }]);
    expect((await open().estimate()).partialBytes).toBe(0);
  });

  it('tries again by itself where a connection breaks, aloud', async () => {
    const { model, server, clock, tell } = withModel();
    server.cuts = [5000, 5000, 5000];
    const running = model(url, { digest }).resolve({});
    await clock.advance(10_000);
    expect(Buffer.compare((await running).bytes, bytes)).toBe(0);
    expect(tell('download-retry').map(({ delayMs }) => delayMs)).toEqual([500, 500, 500]);
    expect(server.requests.slice(0, 4).map(({ range }) => range)).toEqual([
      null,
      'bytes=5000-',
      'bytes=10000-',
      'bytes=15000-',
    ]);
  });

  it('takes silence for a broken connection', async () => {
    const { model, server, clock, tell } = withModel();
    server.cuts = [5000];
    server.hangs = true;
    const running = model(url, { digest, stallTimeoutMs: 1000 }).resolve({});
    await clock.advance(1000);
    server.hangs = false;
    await clock.advance(600);
    expect(Buffer.compare((await running).bytes, bytes)).toBe(0);
    expect(tell('download-retry')).toMatchObject([{ error: { message: expect.stringContaining('for 1000 ms') } }]);
  });

  it.each(['honest', 'careless'] as const)(
    'notices that a file changed in between, on a server that is %s',
    async (ranges) => {
      const { model, server, tell } = withModel();
      server.ranges = ranges;
      server.cuts = [12_000];
      await expect(model(url, { retries: 0 }).resolve({})).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
      const next = modelBytes(20_000, 7);
      server.files.set(url, { bytes: next, etag: '"2"' });
      expect(Buffer.compare((await model(url).resolve({})).bytes, next)).toBe(0);
      expect(tell('download-restart')).toMatchObject([{ reason: 'the file changed on its server' }]);
    },
  );

  it('begins anew where a server sends no parts', async () => {
    const { model, server, tell } = withModel();
    server.ranges = 'none';
    server.cuts = [12_000];
    await expect(model(url, { retries: 0 }).resolve({})).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
    expect(Buffer.compare((await model(url).resolve({})).bytes, bytes)).toBe(0);
    expect(tell('download-restart')).toMatchObject([{ reason: 'its server sends no parts of files' }]);
  });

  it('does not go on without anything that tells versions apart', async () => {
    const { model, server, tell } = withModel();
    server.files.set(url, { bytes });
    server.cuts = [12_000];
    await expect(model(url, { retries: 0 }).resolve({})).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
    expect(Buffer.compare((await model(url).resolve({})).bytes, bytes)).toBe(0);
    expect(tell('download-restart')).toMatchObject([{ reason: 'versions of the file cannot be told apart' }]);
    expect(server.requests.map(({ range }) => range)).not.toContain('bytes=12000-');
  });
});

describe('a server that is asked again', () => {
  const next = modelBytes(9000, 3);

  it('is asked behind the scenes, and a new version goes to who watches', async () => {
    const { model, server, open, tell, clock } = withModel();
    await model(url).resolve({});
    server.files.set(url, { bytes: next, etag: '"2"' });
    const source = cachedModel(url, { cache: open() });
    expect((await source.resolve({})).digest).toBe(digest);
    const heard: string[] = [];
    const watch = source.watch?.((model) => void heard.push(model.digest));
    await vi.waitFor(() => expect(heard).toEqual([sha256Of(next)]));
    expect(tell('model-update')).toMatchObject([{ from: digest, to: sha256Of(next) }]);
    await watch?.close();

    server.offline = true;
    expect((await cachedModel(url, { cache: open() }).resolve({})).digest).toBe(sha256Of(next));
    await vi.waitFor(() => expect(tell('revalidate-fail')).toHaveLength(1));
    expect(clock.pendingTimers).toBe(0);
  });

  it('tells who watches too late of what it found meanwhile', async () => {
    const { model, server, tell } = withModel();
    await model(url).resolve({});
    server.files.set(url, { bytes: next, etag: '"2"' });
    const source = model(url);
    await source.resolve({});
    await vi.waitFor(() => expect(tell('model-update')).toHaveLength(1));
    await new Promise((resolve) => setImmediate(resolve));
    const heard: string[] = [];
    source.watch?.((model) => void heard.push(model.digest));
    expect(heard).toEqual([sha256Of(next)]);
  });

  it('is asked first where that is wanted, and answers 304 to what is the same', async () => {
    const { model, server, tell } = withModel();
    const always = { revalidate: 'always' } as const;
    await model(url, always).resolve({});
    server.requests.length = 0;
    await model(url, always).resolve({});
    expect(server.requests).toEqual([{ url, range: null, status: 304 }]);
    server.files.set(url, { bytes: next, etag: '"2"' });
    expect((await model(url, always).resolve({})).digest).toBe(sha256Of(next));
    server.offline = true;
    expect((await model(url, always).resolve({})).digest).toBe(sha256Of(next));
    expect(tell('revalidate-fail')).toHaveLength(1);
    expect(model(url, always).watch).toBeUndefined();
  });

  it('is never asked where that is wanted', async () => {
    const { model, server } = withModel();
    await model(url).resolve({});
    server.requests.length = 0;
    await model(url, { revalidate: 'never' }).resolve({});
    await new Promise((resolve) => setImmediate(resolve));
    expect(server.requests).toEqual([]);
  });

  it('brings what lies beside the new version as well', async () => {
    const { model, server } = withModel();
    server.files.set('https://models.test/digits.card.md', { bytes: new TextEncoder().encode('# One') });
    await (await model(url).resolve({})).sidecar('card');
    server.files.set(url, { bytes: next, etag: '"2"' });
    server.files.set('https://models.test/digits.card.md', { bytes: new TextEncoder().encode('# Two') });
    const updated = await model(url, { revalidate: 'always' }).resolve({});
    server.offline = true;
    expect(new TextDecoder().decode(await updated.sidecar('card'))).toBe('# Two');
  });
});

describe('a storage with limits', () => {
  const full = (): DOMException => new DOMException('full', 'QuotaExceededError');

  /** Memory that holds so many bytes. */
  function boundedStorage(capacity: number): ModelStorage {
    const storage = memoryStorage();
    return {
      ...storage,
      async write(key, data) {
        let used = 0;
        for (const other of await storage.keys()) {
          if (other !== key && other !== 'index') used += (await storage.read(other))?.length ?? 0;
        }
        if (key !== 'index' && used + data.length > capacity) throw full();
        await storage.write(key, data);
      },
    };
  }

  async function fill(kit: ReturnType<typeof setUp>, count: number): Promise<string[]> {
    const urls = Array.from({ length: count }, (_, index) => `https://models.test/${index}.onnx`);
    for (const [index, each] of urls.entries()) {
      kit.server.files.set(each, { bytes: modelBytes(10_000, index + 10) });
      await kit.clock.advance(1000);
      await kit.model(each).resolve({});
    }
    return urls;
  }

  const digestsIn = async (cache: ModelCache): Promise<string[]> => (await cache.list()).map(({ name }) => name);

  it('evicts what was not used for the longest time, within maxBytes', async () => {
    const kit = setUp({ maxBytes: 30_000 });
    const urls = await fill(kit, 3);
    await kit.clock.advance(1000);
    await kit.model(urls[0] as string, { revalidate: 'never' }).resolve({});
    kit.server.files.set(url, { bytes: modelBytes(15_000, 99) });
    await kit.clock.advance(1000);
    await kit.model(url).resolve({});
    expect(await digestsIn(kit.cache)).toEqual(['digits', '0']);
    expect(kit.tell('cache-evict')).toMatchObject([
      { bytes: 10_000, reason: 'limit' },
      { bytes: 10_000, reason: 'limit' },
    ]);
    expect((await kit.cache.estimate()).usedBytes).toBe(25_000);
  });

  it('evicts when the browser says that it is full', async () => {
    const kit = setUp({ storage: boundedStorage(25_000) });
    await fill(kit, 3);
    expect(await digestsIn(kit.cache)).toEqual(['2', '1']);
    expect(kit.tell('cache-evict')).toMatchObject([{ reason: 'quota', bytes: 10_000 }]);
  });

  it.each([
    ['by its own limit', { maxBytes: 15_000 }],
    ['by the browser', { storage: boundedStorage(15_000) }],
  ])('uses from memory what does not fit %s, and says so', async (_by, options) => {
    const kit = withModel(options);
    const model = await kit.model(url, { digest }).resolve({});
    expect(Buffer.compare(model.bytes, bytes)).toBe(0);
    expect(kit.tell('cache-skip')).toMatchObject([{ url, reason: expect.stringContaining('no room') }]);
    expect(await kit.cache.list()).toEqual([]);
    expect((await kit.cache.estimate()).usedBytes).toBe(0);
  });

  it('never fails a load because of the storage', async () => {
    const broken: ModelStorage = {
      kind: 'broken',
      name: 'broken',
      shared: false,
      read: () => Promise.reject(new Error('disk on fire')),
      write: () => Promise.reject(new Error('disk on fire')),
      remove: () => Promise.reject(new Error('disk on fire')),
      keys: () => Promise.reject(new Error('disk on fire')),
    };
    const kit = withModel({ storage: broken });
    const model = await kit.model(url).resolve({});
    expect(Buffer.compare(model.bytes, bytes)).toBe(0);
    expect(await model.sidecar('golden')).toBeUndefined();
    expect(kit.tell('cache-skip')[0]).toMatchObject({ reason: expect.stringContaining('disk on fire') });
    for (const call of [kit.cache.list(), kit.cache.clear(), kit.cache.remove(digest), kit.cache.estimate()]) {
      await expect(call).rejects.toMatchObject({ code: 'STORE_FAILED' });
    }
  });
});

describe('what can be wrong', () => {
  it.each([
    ['the model', 'file-1-0'],
    ['what lies beside it', 'file-2-0'],
  ])('finds a corrupted byte of %s, drops it and fetches it again', async (_what, key) => {
    const storage = memoryStorage();
    const kit = withModel({ storage });
    const golden = new TextEncoder().encode('{"rows":[]}');
    kit.server.files.set('https://models.test/digits.golden.json', { bytes: golden });
    await kit.model(url, { digest }).resolve({});
    const stored = (await storage.read(key)) as Uint8Array;
    stored[5] = (stored[5] as number) ^ 1;
    await storage.write(key, stored);
    const model = await kit.model(url, { digest }).resolve({});
    expect(Buffer.compare(model.bytes, bytes)).toBe(0);
    expect(await model.sidecar('golden')).toEqual(golden);
    expect(kit.tell('cache-corrupt')).toMatchObject([{ url, reason: expect.stringContaining('SHA-256') }]);
    kit.server.offline = true;
    expect(await (await kit.model(url, { digest }).resolve({})).sidecar('golden')).toEqual(golden);
  });

  it('finds a part that is missing, and an index that cannot be read', async () => {
    const storage = memoryStorage();
    const kit = withModel({ storage });
    await kit.model(url, { digest }).resolve({});
    await storage.remove('file-1-0');
    await kit.model(url, { digest }).resolve({});
    expect(kit.tell('cache-corrupt')).toMatchObject([{ reason: 'a part of the file is missing' }]);

    await storage.write('index', new TextEncoder().encode('{"format":1'));
    expect((await kit.model(url, { digest }).resolve({})).digest).toBe(digest);
    expect(kit.tell('index-reset')).toHaveLength(1);
    expect([...(await storage.keys())].sort()).toEqual(['file-1-0', 'index']);
  });

  it('says what to do offline with nothing cached', async () => {
    const kit = withModel();
    kit.server.offline = true;
    vi.stubGlobal('navigator', { onLine: false });
    await expect(kit.model(url).resolve({})).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringMatching(/offline.*not in the cache/),
    });
  });

  it.each<[string, Parameters<typeof withModel>[0], (kit: ReturnType<typeof setUp>) => void, string, RegExp]>([
    ['nothing', {}, (kit) => kit.server.files.clear(), 'MODEL_NOT_FOUND', /status 404.*Check the path/],
    [
      'HTML',
      {},
      (kit) => kit.server.files.set(url, { bytes: Buffer.from('<!doctype html>') }),
      'MODEL_INVALID',
      /HTML/,
    ],
    [
      'another file',
      {},
      (kit) => kit.server.files.set(url, { bytes: modelBytes(9, 5) }),
      'DIGEST_MISMATCH',
      /deployed/,
    ],
  ])('refuses %s in place of a model, and keeps nothing of it', async (_what, options, spoil, code, advice) => {
    const kit = withModel(options);
    spoil(kit);
    await expect(kit.model(url, { digest }).resolve({})).rejects.toMatchObject({
      code,
      message: expect.stringMatching(advice),
    });
    expect(await kit.cache.estimate()).toMatchObject({ usedBytes: 0, partialBytes: 0 });
  });

  it('knows a truncated file by the bytes that were promised', async () => {
    const kit = withModel();
    kit.server.files.set(url, { bytes: bytes.slice(0, 15_000) });
    kit.server.tellsLength = false;
    await expect(kit.model(url, { bytes: 20_000, retries: 0 }).resolve({})).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringContaining('15000 of 20000'),
    });
  });

  it('asks for no more than it may', async () => {
    for (const tellsLength of [true, false]) {
      const kit = withModel();
      kit.server.tellsLength = tellsLength;
      await expect(kit.model(url, { maxModelBytes: 19_999 }).resolve({})).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
      });
    }
  });

  it('says what the server needs across origins', async () => {
    const kit = withModel();
    kit.server.offline = true;
    vi.stubGlobal('location', { origin: 'https://app.test', href: 'https://app.test/' });
    await expect(kit.model(url).resolve({})).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringContaining('"Access-Control-Allow-Origin: https://app.test"'),
    });
  });

  it.each<[string, () => unknown, string, string]>([
    ['a digest', () => cachedModel(url, { digest: 'abc' }), 'INVALID_OPTION', 'digest'],
    ['an unknown option', () => cachedModel(url, { sha: 'abc' } as object), 'INVALID_OPTION', 'sha'],
    ['a variant', () => cachedModel(url, { variants: { int8: { url: '' } } }), 'INVALID_OPTION', 'variants.int8.url'],
    ['no URL', () => cachedModel(''), 'INVALID_ARGUMENT', 'url'],
    ['a foreign cache', () => cachedModel(url, { cache: { ...createModelCache() } }), 'INVALID_OPTION', 'cache'],
    ['a name', () => createModelCache({ name: 'My models' }), 'INVALID_OPTION', 'name'],
    ['a storage', () => createModelCache({ storage: 'disk' as 'opfs' }), 'INVALID_OPTION', 'storage'],
    ['a limit', () => createModelCache({ maxBytes: 0 }), 'INVALID_OPTION', 'maxBytes'],
  ])('refuses %s before any work', (_what, work, code, field) => {
    expect(work).toThrow(expect.objectContaining({ code, details: expect.objectContaining({ field }) }));
  });

  it('refuses what is no URL when it is resolved', async () => {
    await expect(setUp().model('./digits.onnx').resolve({})).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    await expect(setUp().cache.remove('digits')).rejects.toSatisfy((error) => FairleadError.isInstance(error));
  });
});

describe('a model cache', () => {
  it('removes a version by digest or URL, unfinished downloads, and everything', async () => {
    const storage = memoryStorage();
    const kit = withModel({ storage });
    await kit.model(url).resolve({});
    expect(await kit.cache.remove(digest.toUpperCase())).toBe(true);
    expect(await kit.cache.remove(digest)).toBe(false);
    expect(await storage.keys()).toEqual(['index']);

    await kit.model(url).resolve({});
    expect(await kit.cache.remove(url)).toBe(true);
    kit.server.cuts = [5000];
    await expect(kit.model(url, { retries: 0 }).resolve({})).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
    expect((await kit.cache.estimate()).partialBytes).toBe(5000);
    expect(await kit.cache.remove(url)).toBe(true);
    expect(await storage.keys()).toEqual(['index']);

    await kit.model(url).resolve({});
    await kit.cache.clear();
    expect(await storage.keys()).toEqual([]);
    expect(await kit.cache.list()).toEqual([]);
  });

  it('says where it keeps its files when that is not where it was told to', async () => {
    const kit = withModel({ storage: 'opfs' });
    await kit.model(url).resolve({});
    expect(kit.tell('storage-fallback')).toMatchObject([{ from: 'opfs', to: 'memory' }]);
    expect((await kit.cache.estimate()).storage).toBe('memory');
  });

  it('warns of what nobody listens to', async () => {
    const said: string[] = [];
    const logger = { debug() {}, info() {}, warn: (_: object, message: string) => void said.push(message), error() {} };
    const kit = withModel({ maxBytes: 10, on: {}, logger });
    await kit.model(url).resolve({});
    expect(said).toEqual([expect.stringContaining('is used from memory and not kept in the cache')]);
  });

  it('asks the browser to keep it where that is wanted', async () => {
    vi.stubGlobal('navigator', { storage: { persist: async () => true } });
    const kit = withModel({ persist: true });
    await kit.model(url).resolve({});
    expect(kit.tell('persist-answer')).toMatchObject([{ granted: true }]);
  });

  it('keeps nothing of data URLs', async () => {
    const kit = withModel();
    const data = `data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`;
    const cache = createModelCache({ storage: kit.storage });
    expect((await cachedModel(data, { cache }).resolve({})).digest).toBe(digest);
    expect(await cache.list()).toEqual([]);
  });
});
