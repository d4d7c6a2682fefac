import { type Browser, type Page as BrowserTab, type CDPSession, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../packages/node/src/onnx/tiny-onnx';
import { computeDigits, type Digits, largestDifference, pixelsPerRow } from './digits';
import { findBrowser, noBrowser } from './find-browser';
import type { PageOutcome, PageRequest, RecoveryPage } from './recovery-page/main';
import { buildPage, removePage, type Site, servePage } from './site';

const executablePath = findBrowser();

if (executablePath === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else describe('in Chromium', { timeout: 60_000 }, () => tests(executablePath));

const launchArguments = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
];

const pageFolder = new URL('./recovery-page', import.meta.url).pathname;
const model = '/models/digits-v2.onnx';
const onGpu = { device: ['webgpu', 'wasm'], allowSoftwareAdapter: true } as const;

/** A model that fails where the numbers do not fit into the shape: y = x in the shape that is asked for. */
const reshape = [
  ...tinyModel(
    [
      { name: 'x', type: 'float32', shape: ['n', 4] },
      { name: 'shape', type: 'int64', shape: [2] },
    ],
    [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
    [{ name: 'y', type: 'float32', shape: ['a', 'b'] }],
  ),
];

/** A tab, and what it does. */
interface Tab {
  readonly tab: BrowserTab;
  call<K extends keyof RecoveryPage>(
    name: K,
    ...args: Parameters<RecoveryPage[K]>
  ): Promise<Awaited<ReturnType<RecoveryPage[K]>>>;
}

function tests(path: string): void {
  let browser: Browser;
  let gpu: CDPSession;
  let digits: Digits;
  let site: Site;
  let folder: string;

  beforeAll(async () => {
    folder = await buildPage('es', pageFolder);
    site = await servePage(folder, true);
    digits = await computeDigits('digits-v2.onnx', 50);
    browser = await chromium.launch({ executablePath: path, args: launchArguments });
    gpu = await browser.newBrowserCDPSession();
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    if (folder !== undefined) removePage(folder);
  });

  async function withTab(use: (tab: Tab) => Promise<void>): Promise<void> {
    const tab = await browser.newPage();
    const problems: string[] = [];
    tab.on('pageerror', (error) => void problems.push(String(error)));
    try {
      await tab.goto(site.origin);
      const call: Tab['call'] = (name, ...args) =>
        tab.evaluate(
          ([method, values]) => (globalThis.recoveryPage[method] as (...all: never) => never)(...(values as never)),
          [name, args] as const,
        ) as never;
      await use({ tab, call });
      expect(problems).toEqual([]);
      await call('close');
    } finally {
      await tab.close();
    }
  }

  const rows = (count: number): PageRequest[] =>
    Array.from({ length: count }, (_, row) => ({
      pixels: {
        dtype: 'float32',
        shape: [1, pixelsPerRow],
        data: digits.pixels.slice(row * pixelsPerRow, (row + 1) * pixelsPerRow),
      },
    }));

  function expectRows(outcomes: readonly PageOutcome[], count = outcomes.length): void {
    expect(outcomes).toHaveLength(count);
    for (const [row, outcome] of outcomes.entries()) {
      expect(outcome).toHaveProperty('values');
      const { values } = outcome as { values: number[] };
      expect(largestDifference(values, digits.probabilities.slice(row * 10, row * 10 + 10))).toBeLessThan(1e-4);
    }
  }

  const eventNames = async ({ call }: Tab): Promise<string[]> => (await call('events')).map(({ name }) => name);

  /** Sends rows, and while they are computed does something. */
  async function during(tab: Tab, count: number, act: () => Promise<unknown>): Promise<PageOutcome[]> {
    const { call } = tab;
    await call('start', 'probabilities', rows(count));
    await act();
    return call('outcomes');
  }

  it('brings a GPU back that is lost once, and goes on without it when it is lost again', async () => {
    await withTab(async (tab) => {
      const { call } = tab;
      expect(await call('open', model, onGpu)).toEqual({ values: [] });
      expect(await call('describe')).toMatchObject({ device: 'webgpu', fallbacks: [] });
      expectRows(await call('run', 'probabilities', rows(3)));

      const crash = () => gpu.send('Browser.crashGpuProcess').catch(() => undefined);
      expectRows(await during(tab, 50, crash), 50);
      await expect.poll(() => call('health')).toMatchObject({ status: 'ready' });
      expect(await call('describe')).toMatchObject({ device: 'webgpu' });
      expect(await call('events')).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ name: 'device-lost', device: 'webgpu' }),
          expect.objectContaining({ name: 'device-recovered', device: 'webgpu', from: 'webgpu' }),
        ]),
      );

      expectRows(await during(tab, 50, crash), 50);
      await expect.poll(async () => (await call('describe')).device).toBe('wasm');
      console.log(JSON.stringify(await call('events'), null, 1), JSON.stringify(await call('describe')));
    });
  });
}
