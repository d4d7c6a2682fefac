import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTracker, type Tracker } from '../../packages/tracking/src/index';
import {
  createRelayHandler,
  type RelayCors,
  type RelayHandler,
  toNodeHandler,
} from '../../packages/tracking/src/relay/index';
import { findBrowser, noBrowser } from './find-browser';
import { buildPage, removePage, type Site, servePage } from './site';
import type { PageApi } from './tracking-page/main';

declare global {
  interface Window {
    logs: PageApi;
  }
}

const executablePath = findBrowser();

if (executablePath === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else describe('tracking from a page in Chromium', { timeout: 60_000 }, () => tests(executablePath));

/** The server of a user: a relay on a port, which can be taken down and come back. */
function createBackend(dir: string) {
  let port = 0;
  let running: { tracker: Tracker; relay: RelayHandler; server: Server } | undefined;
  return {
    get url() {
      return `http://127.0.0.1:${port}/tracking`;
    },
    async start(cors?: RelayCors): Promise<void> {
      const tracker = await openTracker({ dir });
      const relay = createRelayHandler({ tracker, authorize: () => 'ada', ...(cors === undefined ? {} : { cors }) });
      const server = createServer(toNodeHandler(relay));
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      port = (server.address() as AddressInfo).port;
      running = { tracker, relay, server };
    },
    async stop(): Promise<void> {
      if (running === undefined) return;
      const { tracker, relay, server } = running;
      running = undefined;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await relay.close();
      await tracker.close();
    },
    get tracker(): Tracker {
      if (running === undefined) throw new Error('the server is down');
      return running.tracker;
    },
  };
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

function tests(path: string): void {
  let browser: Browser;
  let built: string;
  let site: Site;
  let context: BrowserContext;
  let dir: string;
  let backend: ReturnType<typeof createBackend>;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: path, args: ['--no-sandbox'] });
    built = await buildPage('es', fileURLToPath(new URL('./tracking-page', import.meta.url)));
    site = await servePage(built, false);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    if (built !== undefined) removePage(built);
  });

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'fairlead-relay-'));
    backend = createBackend(dir);
    await backend.start({ origins: [site.origin] });
    context = await browser.newContext();
  });

  afterEach(async () => {
    await context.close();
    await backend.stop();
    await rm(dir, { recursive: true, force: true });
  });

  /** A tab whose tracker is open. */
  async function openTab(): Promise<Page> {
    const tab = await context.newPage();
    await load(tab);
    return tab;
  }
  async function load(tab: Page): Promise<void> {
    await tab.goto(`${site.origin}/`);
    await tab.waitForFunction(() => window.logs !== undefined);
    await tab.evaluate((url) => window.logs.open(url), backend.url);
  }
  const stepsOf = async (id: string): Promise<number[]> => {
    const run = await backend.tracker.getRun(id);
    return 'loss' in run.metrics ? Array.from((await run.history('loss')).steps) : [];
  };
  /** Until the server has so many points of a run. */
  const arrived = (id: string, points: number): Promise<void> =>
    expect
      .poll(async () => (await backend.tracker.getRun(id).catch(() => undefined))?.metrics.loss?.count ?? 0, {
        timeout: 30_000,
      })
      .toBe(points);

  it('goes on when the server is killed, over a reload, and everything arrives once', async () => {
    const tab = await openTab();
    const id = await tab.evaluate(() => window.logs.start('first'));
    await tab.evaluate(() => window.logs.log(0, 500));
    expect(await tab.evaluate(() => window.logs.flush('remote'))).toBe('flushed');
    expect(await stepsOf(id)).toEqual(range(500));
    await backend.stop();
    await tab.evaluate(() => window.logs.log(500, 500));
    expect(await tab.evaluate(() => window.logs.flush('disk'))).toBe('flushed');
    expect(await tab.evaluate(() => window.logs.flush('remote'))).toContain('safe in the browser');
    const digest = await tab.evaluate(() => window.logs.artifact('model.bin', 3_000_000));
    await tab.evaluate(() => window.logs.complete());
    expect((await tab.evaluate(() => window.logs.health())).unsyncedPoints).toBe(500);
    await tab.reload();
    await load(tab);
    await backend.start({ origins: [site.origin] });
    await arrived(id, 1000);
    await expect.poll(async () => (await backend.tracker.getRun(id)).status, { timeout: 30_000 }).toBe('FINISHED');
    const run = await backend.tracker.getRun(id);
    expect(await stepsOf(id)).toEqual(range(1000));
    expect(run).toMatchObject({ name: 'first', params: { lr: 0.1 }, tags: { 'relay.principal': 'ada' }, damage: [] });
    expect(run.artifact('model.bin')).toMatchObject({ digest, size: 3_000_000 });
    expect((await run.artifact('model.bin').read()).every((byte) => byte === 7)).toBe(true);
  });

  it('two tabs log at once, and what one leaves the other sends', async () => {
    const [first, second] = [await openTab(), await openTab()];
    const ids = [
      await first.evaluate(() => window.logs.start('a')),
      await second.evaluate(() => window.logs.start('b')),
    ];
    await Promise.all([first, second].map((tab) => tab.evaluate(() => window.logs.log(0, 300))));
    const flushed = await Promise.all([first, second].map((tab) => tab.evaluate(() => window.logs.flush('remote'))));
    expect(flushed).toEqual(['flushed', 'flushed']);
    await backend.stop();
    await first.evaluate(() => window.logs.log(300, 300));
    expect(await first.evaluate(() => window.logs.flush('disk'))).toBe('flushed');
    await first.close();
    await backend.start({ origins: [site.origin] });
    await second.evaluate(() => window.logs.log(300, 300));
    await second.evaluate(() => window.logs.flush('disk'));
    for (const id of ids) {
      await arrived(id, 600);
      expect(await stepsOf(id)).toEqual(range(600));
    }
  });

  it('a tab that is closed right after it logged sends what it logged', async () => {
    const tab = await openTab();
    const id = await tab.evaluate(() => window.logs.start('short'));
    expect(await tab.evaluate(() => window.logs.flush('remote'))).toBe('flushed');
    await tab.evaluate(() => window.logs.log(0, 200));
    await tab.close({ runBeforeUnload: false });
    await openTab(); // what the browser would not send any more waits in its queue
    await arrived(id, 200);
    expect(await stepsOf(id)).toEqual(range(200));
  });

  it('a tab that is left right after it logged sends in its last moment, and nobody need come back', async () => {
    const tab = await openTab();
    const id = await tab.evaluate(() => window.logs.start('left'));
    expect(await tab.evaluate(() => window.logs.flush('remote'))).toBe('flushed');
    await tab.evaluate(() => {
      window.logs.log(0, 200);
      location.href = 'about:blank';
    });
    await arrived(id, 200);
    expect(await stepsOf(id)).toEqual(range(200));
    // Chromium says that it closes a page which is just being left, and may not: https://github.com/microsoft/playwright/issues/42366
    await tab.waitForURL('about:blank');
  });

  it('while it is offline it waits, and sends when the browser says that it is online', async () => {
    const tab = await openTab();
    const id = await tab.evaluate(() => window.logs.start('offline'));
    await tab.evaluate(() => window.logs.flush('remote'));
    await context.setOffline(true);
    await tab.evaluate(() => window.logs.log(0, 100));
    expect(await tab.evaluate(() => window.logs.flush('remote'))).toContain('safe in the browser');
    await context.setOffline(false);
    await arrived(id, 100);
  });

  it('a full browser is told by flush and health', async () => {
    const tab = await context.newPage();
    const session = await context.newCDPSession(tab);
    // Before the first byte: a browser that has found room once does not look again for a while.
    await session.send('Storage.overrideQuotaForOrigin', { origin: site.origin, quotaSize: 1 });
    await load(tab);
    const id = await tab.evaluate(() => window.logs.start('full'));
    await tab.evaluate(() => window.logs.log(0, 50_000));
    expect(await tab.evaluate(() => window.logs.flush('disk'))).toContain('storage for this site is full');
    const health = await tab.evaluate(() => window.logs.health());
    expect(health.bufferedPoints).toBe(50_000);
    expect(health.lastError).toContain('full');
    await session.send('Storage.overrideQuotaForOrigin', { origin: site.origin });
    expect(await tab.evaluate(() => window.logs.flush('remote'))).toBe('flushed');
    expect(await stepsOf(id)).toEqual(range(50_000));
  });

  it('a page of another origin is refused unless the server names it', async () => {
    await backend.stop();
    await backend.start();
    const tab = await openTab();
    const id = await tab.evaluate(() => window.logs.start('foreign'));
    await tab.evaluate(() => window.logs.log(0, 10));
    expect(await tab.evaluate(() => window.logs.flush('remote'))).toContain('safe in the browser');
    expect(await backend.tracker.runs()).toEqual([]);
    await backend.stop();
    await backend.start({ origins: [site.origin] });
    expect(await tab.evaluate(() => window.logs.flush('remote'))).toBe('flushed');
    expect(await stepsOf(id)).toEqual(range(10));
  });
}
