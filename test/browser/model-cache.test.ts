import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, type Page as BrowserTab, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { computeDigits } from './digits';
import { findBrowser, noBrowser } from './find-browser';
import type { CachePage } from './model-cache-page/main';
import { type CacheSite, largeFile, serveCacheSite } from './model-cache-site';
import { buildPage, removePage } from './site';

const executablePath = findBrowser();

if (executablePath === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else describe('the model cache in Chromium', { timeout: 30_000 }, () => tests(executablePath));

const mebibyte = 2 ** 20;

function tests(path: string): void {
  const small = largeFile(300_000, 7);
  const other = largeFile(5 * mebibyte, 11);
  const large = largeFile(10 * mebibyte, 13);
  const files = new Map([
    ['/files/small.onnx', small],
    ['/files/other.onnx', other],
    ['/files/large.onnx', large],
  ]);
  let folder: string;
  let browser: Browser;
  let site: CacheSite;
  let context: BrowserContext;

  beforeAll(async () => {
    folder = await buildPage('es', fileURLToPath(new URL('./model-cache-page', import.meta.url)));
    const args = ['--no-sandbox', '--disable-background-networking', '--host-resolver-rules=MAP app.test 127.0.0.1'];
    browser = await chromium.launch({ executablePath: path, args });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    if (folder !== undefined) removePage(folder);
  });

  // A site and a profile of its own for each test: no other test's files are in the browser.
  beforeEach(async () => {
    site = await serveCacheSite(folder, files);
    context = await browser.newContext();
  });

  afterEach(async () => {
    await context.close();
    await site.close();
  });

  async function visit(origin = site.origin): Promise<BrowserTab> {
    const tab = await context.newPage();
    await tab.goto(origin);
    await tab.waitForFunction(() => 'cachePage' in globalThis);
    return tab;
  }

  function call<K extends keyof CachePage>(
    tab: BrowserTab,
    name: K,
    ...args: Parameters<CachePage[K]>
  ): Promise<Awaited<ReturnType<CachePage[K]>>> {
    return tab.evaluate(
      ([method, values]) => (globalThis.cachePage[method] as (...all: never) => never)(...(values as never)),
      [name, args] as const,
    ) as never;
  }

  /** Everything that the browser fetches for a tab from now on, by its own log. */
  async function networkOf(tab: BrowserTab): Promise<{ readonly urls: string[]; readonly bytes: () => number }> {
    const session = await context.newCDPSession(tab);
    const urls: string[] = [];
    // An event may count a body's bytes before or after they were decoded, and not both at once.
    let encoded = 0;
    let decoded = 0;
    session.on('Network.requestWillBeSent', ({ request }) => void urls.push(request.url));
    session.on('Network.dataReceived', ({ encodedDataLength, dataLength }) => {
      encoded += encodedDataLength;
      decoded += dataLength;
    });
    await session.send('Network.enable');
    return { urls, bytes: () => Math.max(encoded, decoded) };
  }

  it.each([
    ['auto', 'opfs'],
    ['cache', 'cache'],
  ] as const)('loads a second time without a byte from the network (storage: %s)', async (storage, kind) => {
    const first = await visit();
    const options = { digest: large.digest };
    const log = await networkOf(first);
    const loaded = await call(first, 'load', '/files/large.onnx', options, storage);
    expect(loaded).toMatchObject({ digest: large.digest, events: ['download-start', 'download-end'] });
    expect(log.bytes()).toBeGreaterThanOrEqual(10 * mebibyte);
    if (kind === 'opfs') {
      expect(await call(first, 'estimate')).toMatchObject({ storage: kind, models: 1, usedBytes: 10 * mebibyte });
    }
    await first.close();

    const second = await visit();
    const network = await networkOf(second);
    const again = await call(second, 'load', '/files/large.onnx', options, storage);
    expect(again).toMatchObject({ digest: large.digest, bytes: 10 * mebibyte, events: ['cache-hit'] });
    expect(network.urls).toEqual([]);
    expect(network.bytes()).toBe(0);
  });

  it('gives a runner its model and golden rows offline', async () => {
    const digits = await computeDigits('digits-v2.onnx', 50);
    const url = '/models/digits-v2.onnx';
    expect(await call(await visit(), 'labels', url, digits.pixels)).toEqual(digits.labels);
    const asked = site.asked.length;
    expect(asked).toBe(2);
    expect(await call(await visit(), 'labels', url, digits.pixels)).toEqual(digits.labels);
    expect(site.asked).toHaveLength(asked);
  });

  it('refuses a corrupted byte, and fetches the file again', async () => {
    const tab = await visit();
    const options = { digest: small.digest };
    await call(tab, 'load', '/files/small.onnx', options);
    await call(tab, 'corrupt');
    const again = await call(tab, 'load', '/files/small.onnx', options);
    expect(again.digest).toBe(small.digest);
    expect(again.events).toEqual([
      expect.stringMatching(/^cache-corrupt: its SHA-256 is/),
      'download-start',
      'download-end',
    ]);
    expect((await call(tab, 'load', '/files/small.onnx', options)).events).toEqual(['cache-hit']);
  });

  it('makes room when the quota is exceeded, else runs from memory', async () => {
    const tab = await visit();
    const session = await context.newCDPSession(tab);
    const allow = (quotaSize: number) =>
      session.send('Storage.overrideQuotaForOrigin', { origin: site.origin, quotaSize });
    await allow(8 * mebibyte);
    await call(tab, 'load', '/files/other.onnx', { digest: other.digest });
    const skipped = await call(tab, 'load', '/files/large.onnx', { digest: large.digest });
    expect(skipped).toMatchObject({ digest: large.digest, bytes: 10 * mebibyte });
    expect(skipped.events.slice(0, 3)).toEqual([
      'download-start',
      'cache-evict: quota',
      expect.stringMatching(/^cache-skip: there is no room/),
    ]);
    await allow(200 * mebibyte);
    const kept = await call(tab, 'load', '/files/large.onnx', { digest: large.digest });
    expect(kept.events).toEqual(['download-start', 'download-end']);
    expect(await call(tab, 'estimate')).toMatchObject({ models: 1, partialBytes: 0 });
  });

  it('works offline with what is cached, and says what to do about what is not', async () => {
    const tab = await visit();
    await call(tab, 'load', '/files/small.onnx');
    await context.setOffline(true);
    expect((await call(tab, 'load', '/files/small.onnx', { digest: small.digest })).events).toEqual(['cache-hit']);
    const fallback = await call(tab, 'load', '/files/small.onnx', { revalidate: 'always' });
    expect(fallback).toMatchObject({ digest: small.digest, events: ['revalidate-fail', 'cache-hit'] });
    expect(await call(tab, 'load', '/files/other.onnx')).toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringMatching(/offline.*not in the cache/),
    });
  });

  it('goes on where a tab was closed in the middle of a download', async () => {
    site.stopAfter = 9 * mebibyte;
    const closed = await visit();
    void call(closed, 'load', '/files/large.onnx', { digest: large.digest }).catch(() => undefined);
    await expect
      .poll(async () => (await call(closed, 'estimate')).partialBytes, { timeout: 15_000 })
      .toBeGreaterThanOrEqual(8 * mebibyte);
    await closed.close();

    const tab = await visit();
    const network = await networkOf(tab);
    const loaded = await call(tab, 'load', '/files/large.onnx', { digest: large.digest });
    expect(loaded).toMatchObject({ digest: large.digest, events: ['download-start', 'download-end'] });
    expect(site.asked.map(({ range }) => range)).toEqual([undefined, expect.stringMatching(/^bytes=\d{7,}-$/)]);
    expect(network.bytes()).toBeLessThanOrEqual(2 * mebibyte);
    expect(await call(tab, 'estimate')).toMatchObject({ models: 1, partialBytes: 0, usedBytes: 10 * mebibyte });
  });

  it('downloads once for two tabs, and the one that waits hears how far it is', async () => {
    let release = (): void => undefined;
    site.hold = new Promise((resolve) => {
      release = resolve;
    });
    const [one, two] = [await visit(), await visit()];
    const loads = [one, two].map((tab) => call(tab, 'load', '/files/large.onnx', { digest: large.digest }));
    await expect.poll(() => site.asked.length, { timeout: 10_000 }).toBe(1);
    // The other tab asks for the lock too before anything is answered.
    await expect
      .poll(() => two.evaluate(async () => (await navigator.locks.query()).pending?.length), { timeout: 10_000 })
      .toBe(1);
    release();
    const answers = await Promise.all(loads);
    expect(answers.map(({ digest }) => digest)).toEqual([large.digest, large.digest]);
    expect(answers.map(({ events }) => events.at(-1)).sort()).toEqual(['cache-hit', 'download-end']);
    expect(answers.flatMap(({ by }) => by)).toContain('other-tab');
    expect(site.asked).toHaveLength(1);
  });

  it('keeps a model in memory where a page is not secure', async () => {
    const tab = await visit(`http://app.test:${site.port}`);
    const loaded = await call(tab, 'load', '/files/small.onnx', { digest: small.digest });
    expect(loaded).toMatchObject({ digest: small.digest });
    expect(loaded.events.map((event) => event.split(':')[0])).toEqual([
      'storage-fallback',
      'storage-fallback',
      'download-start',
      'download-end',
    ]);
  });

  it('says what to do about everything that can be wrong with a URL', async () => {
    const elsewhere = await serveCacheSite(folder, files);
    try {
      const tab = await visit();
      const digest = small.digest;
      const troubles: [string, object, string, string][] = [
        ['/files/nothing.onnx', {}, 'MODEL_NOT_FOUND', 'status 404'],
        ['/app/digits.onnx', { digest }, 'MODEL_INVALID', 'an HTML page'],
        ['/files/other.onnx', { digest }, 'DIGEST_MISMATCH', 'not the promised file'],
        [`${elsewhere.origin}/files/small.onnx`, { digest }, 'MODEL_NOT_FOUND', 'Access-Control-Allow-Origin'],
        ['ftp://models.test/a.onnx', {}, 'MODEL_NOT_FOUND', 'Serve the file over HTTP'],
      ];
      for (const [url, options, code, advice] of troubles) {
        const answer = await call(tab, 'load', url, options);
        expect(answer).toMatchObject({ code, message: expect.stringContaining(advice) });
      }
      expect(await call(tab, 'estimate')).toMatchObject({ usedBytes: 0, partialBytes: 0 });
    } finally {
      await elsewhere.close();
    }
  });
}
