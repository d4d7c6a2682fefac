import { fileURLToPath } from 'node:url';
import { fitReference, type Reference } from '@fairlead/core/monitoring';
import { type Browser, type BrowserContext, type Page as BrowserTab, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readOpenMetrics } from '../../packages/core/src/metrics/read-exposition.fixture';
import { findBrowser, noBrowser } from './find-browser';
import { buildPage, removePage } from './site';
import type { TelemetryPage } from './telemetry-page/main';
import { serveTelemetrySite, type TelemetrySite } from './telemetry-site';

const executablePath = findBrowser();

if (executablePath === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else describe('telemetry in Chromium', { timeout: 60_000 }, () => tests(executablePath));

/** Pixels of made-up images, as many a row as those of MNIST. */
function images(): Promise<Reference> {
  const data = Float32Array.from({ length: 500 * 784 }, (_, index) => (index * 7919) % 256);
  return fitReference({ x: { dtype: 'float32', shape: [500, 784], data } }, { maxRows: 500 });
}

function tests(path: string): void {
  let folder: string;
  let browser: Browser;
  let site: TelemetrySite;
  let context: BrowserContext;
  let reference: Reference;

  beforeAll(async () => {
    folder = await buildPage('es', fileURLToPath(new URL('./telemetry-page', import.meta.url)));
    browser = await chromium.launch({
      executablePath: path,
      args: ['--no-sandbox', '--disable-background-networking'],
    });
    reference = await images();
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    if (folder !== undefined) removePage(folder);
  });

  beforeEach(async () => {
    site = await serveTelemetrySite(folder, reference);
    context = await browser.newContext();
  });

  afterEach(async () => {
    await context.close();
    await site.close();
  });

  async function visit(options: Parameters<TelemetryPage['start']>[0] = {}): Promise<BrowserTab> {
    const tab = await context.newPage();
    await tab.goto(site.origin);
    await tab.waitForFunction(() => 'telemetryPage' in globalThis);
    await call(tab, 'start', options);
    return tab;
  }

  function call<K extends keyof TelemetryPage>(
    tab: BrowserTab,
    name: K,
    ...args: Parameters<TelemetryPage[K]>
  ): Promise<Awaited<ReturnType<TelemetryPage[K]>>> {
    return tab.evaluate(
      ([method, values]) => (globalThis.telemetryPage[method] as (...all: never) => never)(...(values as never)),
      [name, args] as const,
    ) as never;
  }

  const rowsTold = (): number | undefined => site.handler.snapshot().models[0]?.rows;

  it('leaves by a beacon when the page goes away, all 784 features in one', async () => {
    const tab = await visit({ variant: 'fp16' });
    await call(tab, 'run', 300);
    await tab.waitForFunction(() => globalThis.telemetryPage.stats().state === 'running');
    await tab.goto('about:blank');
    await site.until(1);
    expect(site.answers).toEqual([{ status: 200, bytes: expect.any(Number) }]);
    expect(site.answers[0]?.bytes).toBeLessThan(65_536);
    const [model] = site.handler.snapshot().models;
    expect(model).toMatchObject({ reports: 1, rows: 300, groups: [{ variant: 'fp16', device: 'wasm' }] });
    expect(model?.features).toHaveLength(784);
    expect(model?.features.every(({ values }) => values === 300)).toBe(true);
  });

  it('leaves by a beacon with noise, and the server knows it', async () => {
    const tab = await visit({ privacy: { epsilon: 2, minimumCount: undefined as never } });
    await call(tab, 'run', 100);
    // Without its token a page has nothing to send by.
    await tab.waitForFunction(() => globalThis.telemetryPage.stats().state === 'running');
    await tab.goto('about:blank');
    await site.until(1);
    const [model] = site.handler.snapshot().models;
    expect(model).toMatchObject({ reports: 1, reportsWithNoise: 1 });
    expect(model?.countDeviation).toBeGreaterThan(1);
    // Of a feature whose noise is below what it takes off, nothing is known; half of them tell.
    expect(model?.features.some(({ ksNoise }) => ksNoise > 0)).toBe(true);
  });

  it('waits in the database while offline, survives the tab, and is sent once when there is a network, by one of two tabs', async () => {
    const tab = await visit();
    await call(tab, 'flush'); // A token was fetched by then, and there is nothing to send.
    await context.setOffline(true);
    await call(tab, 'run', 40);
    expect((await call(tab, 'flush')).reports).toMatchObject({ sent: 0, beaconed: 0 });
    expect(await call(tab, 'waiting')).toBe(1);
    await context.setOffline(false);
    await site.until(1);
    await tab.waitForFunction(() => globalThis.telemetryPage.stats().reports.sent === 1);
    expect(await call(tab, 'waiting')).toBe(0);

    await context.setOffline(true);
    await call(tab, 'run', 2);
    await call(tab, 'flush');
    await tab.close();
    await context.setOffline(false);
    const [one, other] = await Promise.all([visit(), visit()]);
    await site.until(2);
    await one.waitForFunction(async () => (await globalThis.telemetryPage.waiting()) === 0);
    await call(other, 'flush');
    await call(one, 'flush');
    expect(site.answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(site.handler.snapshot()).toMatchObject({ accepted: 2, refused: { duplicate: 0 } });
    expect(rowsTold()).toBe(42);
  });

  it('keeps what a page that goes away offline can send no more', async () => {
    const tab = await visit();
    await call(tab, 'flush');
    await context.setOffline(true);
    await call(tab, 'run', 25);
    // A browser that is busy may end a page before it has stored anything, so the test waits for that.
    await tab.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide')));
    await expect.poll(() => stored(tab, 'reports')).toBe(1);
    await tab.goto('about:blank').catch(() => undefined);
    await context.setOffline(false);
    await visit();
    await site.until(1);
    expect(rowsTold()).toBe(25);
  });

  it('keeps counts that are too small to be told until the next visit, when they add up', async () => {
    const privacy = { minimumCount: 5 };
    const tab = await visit({ privacy });
    await call(tab, 'run', 3);
    // A runner tells of its last batch in a later turn.
    await tab.waitForFunction(() => globalThis.telemetryPage.stats().pendingRows === 3);
    await tab.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide')));
    await expect.poll(() => stored(tab, 'rests')).toBe(1);
    await tab.goto('about:blank');
    const next = await visit({ privacy });
    await call(next, 'run', 3);
    expect(site.answers).toEqual([]);
    await call(next, 'flush');
    await site.until(1);
    expect(rowsTold()).toBe(5);
    const model = site.handler.snapshot().models[0];
    // Both visits ran the same three rows: what they were is not told of any feature, since no bin has five.
    expect(model?.features.every(({ values }) => values % 5 === 0)).toBe(true);
  });

  it('sends again what got no answer, and is counted once', async () => {
    const tab = await visit();
    await call(tab, 'run', 30);
    site.loseNextAnswer = true;
    await call(tab, 'flush');
    await site.until(2);
    await tab.waitForFunction(() => globalThis.telemetryPage.stats().reports.duplicates === 1);
    expect(site.handler.snapshot()).toMatchObject({ accepted: 1, refused: { duplicate: 1 } });
    expect(rowsTold()).toBe(30);
    expect(await call(tab, 'waiting')).toBe(0);
  });

  it('keeps what a wrong token could not send for one that is right', async () => {
    const tab = await visit({ token: `v1.9999999999999.somebody.${'0'.repeat(64)}`, retry: { firstDelayMs: 60_000 } });
    await call(tab, 'run', 20);
    const { reports, lastError } = await call(tab, 'flush');
    expect(site.answers.map(({ status }) => status)).toEqual([401]);
    expect([reports.sent, String(lastError)]).toEqual([0, expect.stringContaining('status 401')]);
    expect(await call(tab, 'waiting')).toBe(1);
    expect(site.handler.snapshot()).toMatchObject({ accepted: 0, requestsRefused: { unauthenticated: 1 } });
    await tab.close();
    await visit();
    await site.until(2);
    expect(rowsTold()).toBe(20);
  });

  it('counts and sends nothing without consent, nor against Global Privacy Control, and deletes what waits', async () => {
    const tab = await visit();
    await call(tab, 'flush');
    await context.setOffline(true);
    await call(tab, 'run', 20);
    await call(tab, 'flush');
    await tab.close();
    // The network is back, the consent is gone.
    await context.setOffline(false);
    const refused = await visit({ consent: false });
    await call(refused, 'run', 20);
    expect(await call(refused, 'flush')).toMatchObject({ state: 'refused', rows: { counted: 0, skipped: 20 } });
    expect(await call(refused, 'waiting')).toBe(0);
    await refused.close();

    await context.addInitScript(() => Object.defineProperty(navigator, 'globalPrivacyControl', { value: true }));
    const controlled = await visit();
    await call(controlled, 'run', 20);
    expect(await call(controlled, 'flush')).toMatchObject({ state: 'refused', rows: { counted: 0, skipped: 20 } });
    await controlled.goto('about:blank');
    expect(site.answers).toEqual([]);
  });

  it('shows in /metrics as series of devices, whatever a page sends by hand', async () => {
    const tab = await visit();
    await call(tab, 'run', 50);
    await call(tab, 'flush');
    const statuses = await tab.evaluate(async () => {
      const send = async (body: BodyInit) => (await fetch('/telemetry', { method: 'POST', body })).status;
      return [await send(new Uint8Array(70_000)), await send('{"rows": 1e9}'), await send(new Uint8Array(0))];
    });
    expect(statuses).toEqual([413, 400, 400]);
    const samples = readOpenMetrics(await (await fetch(`${site.origin}/metrics`)).text()).flatMap(
      (family) => family.samples,
    );
    const rows = samples.find(({ name }) => name === 'ml_device_rows');
    const labels = { model_name: 'mock', model_version: '1', source: 'device', variant: 'default', device: 'wasm' };
    expect(rows).toMatchObject({ value: 50, labels });
    expect(samples.filter(({ name }) => name === 'ml_device_feature_drift_score')).toHaveLength(400);
    expect(samples.filter(({ name }) => name.startsWith('ml_drift'))).toEqual([]);
  });
}

/** How many records lie in a store of the page's database. */
async function stored(tab: BrowserTab, store: 'reports' | 'rests'): Promise<number> {
  return tab.evaluate(async (which) => {
    const settled = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const names = (await indexedDB.databases()).flatMap(({ name }) => name ?? []);
    const name = names.find((each) => each.startsWith('fairlead-telemetry-'));
    if (name === undefined) return 0;
    const database = await settled(indexedDB.open(name));
    try {
      return await settled(database.transaction(which).objectStore(which).count());
    } finally {
      database.close();
    }
  }, store);
}
