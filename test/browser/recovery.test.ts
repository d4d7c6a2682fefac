import { fileURLToPath } from 'node:url';
import { createRunner } from '@fairlead/core';
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
} else describe('in Chromium', { timeout: 120_000 }, () => tests(executablePath));

const launchArguments = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
];

const built = (name: string): string => new URL(`../../packages/node/dist/${name}.js`, import.meta.url).href;
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

/** Waits until something is so; on a slow machine that takes its time. */
const eventually = <T>(what: () => T | Promise<T>) => expect.poll(what, { timeout: 40_000 });

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
      // The browser may tell of the crash after the last answer.
      await eventually(() => eventNames(tab)).toContain('device-recovered');
      await eventually(() => call('health')).toMatchObject({ status: 'ready' });
      expect(await call('describe')).toMatchObject({ device: 'webgpu' });
      expect(await call('events')).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ name: 'device-lost', device: 'webgpu' }),
          expect.objectContaining({ name: 'device-recovered', device: 'webgpu', from: 'webgpu' }),
        ]),
      );

      expectRows(await during(tab, 50, crash), 50);
      await eventually(async () => (await call('describe')).device).toBe('wasm');
      expectRows(await call('run', 'probabilities', rows(50)), 50);
      const lost = (await call('events')).filter(({ name }) => name === 'device-lost');
      expect(lost).toMatchObject([
        { device: 'webgpu', reason: 'device', code: 'LANE_LOST', message: expect.stringContaining('lost its GPU') },
        { device: 'webgpu', reason: 'device' },
      ]);
      expect(await call('describe')).toMatchObject({
        fallbacks: [{ from: 'webgpu', to: 'wasm', reason: expect.stringContaining('lost again') }],
        lanes: { slots: [{ device: 'wasm', alive: true, restarts: 2 }] },
      });

      // The page leaves the GPU alone, also in runners that are made anew.
      await call('close');
      await call('open', model, onGpu);
      expect(await call('describe')).toMatchObject({
        device: 'wasm',
        fallbacks: [{ from: 'webgpu', to: 'wasm', reason: expect.stringContaining('tried again in') }],
      });
      expectRows(await call('run', 'probabilities', rows(3)));
    });
  });

  it('answers fifty overlapping calls on WebGPU, each with its own rows', async () => {
    await withTab(async ({ call }) => {
      await call('open', model, onGpu);
      expectRows(await call('run', 'probabilities', rows(50)), 50);
      expect(await call('events')).toEqual([]);
      expect(await call('describe')).toMatchObject({ device: 'webgpu', lanes: { slots: [{ restarts: 0 }] } });
    });
  });

  it.each(['webgpu', 'wasm'] as const)('goes on when a worker is killed in flight on %s', async (device) => {
    await withTab(async (tab) => {
      const { call } = tab;
      await call('open', model, { ...onGpu, device });
      const kill = () =>
        tab.tab.workers()[0]?.evaluate(() => {
          setTimeout(() => {
            throw new Error('out of order');
          });
        });
      expectRows(await during(tab, 50, async () => kill()), 50);
      await eventually(() => eventNames(tab)).toContain('device-recovered');
      expectRows(await call('run', 'probabilities', rows(3)));
      expect(await call('events')).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ name: 'device-lost', device, reason: 'worker' }),
          expect.objectContaining({ name: 'device-recovered', device }),
        ]),
      );
      expect(await call('describe')).toMatchObject({ device });
    });
  });

  it('ends a worker whose run hangs, twice on the GPU, and computes the rows on WebAssembly', async () => {
    await withTab(async (tab) => {
      const { call } = tab;
      await call('open', model, { ...onGpu, recovery: { runTimeoutMs: 3000, replays: 2 } });
      const hang = () =>
        tab.tab
          .workers()
          .at(-1)
          ?.evaluate(() => {
            setTimeout(() => {
              for (;;);
            });
          });
      await hang();
      await call('start', 'probabilities', rows(5));
      await eventually(() => eventNames(tab)).toContain('device-recovered');
      expectRows(await call('outcomes'), 5);
      await hang();
      await call('start', 'probabilities', rows(5));
      expectRows(await call('outcomes'), 5);
      expect((await call('events')).filter(({ name }) => name === 'device-lost')).toMatchObject([
        { device: 'webgpu', reason: 'timeout', message: expect.stringContaining('within 3000 ms') },
        { device: 'webgpu', reason: 'timeout' },
      ]);
      expect(await call('describe')).toMatchObject({ device: 'wasm' });
    });
  });

  it.each(['webgpu', 'wasm'] as const)('is not poisoned by a run that is rejected on %s', async (device) => {
    await withTab(async ({ call }) => {
      expect(await call('open', reshape, { ...onGpu, device })).toEqual({ values: [] });
      const request = (first: number, shape: number[]): PageRequest => ({
        x: { dtype: 'float32', shape: [1, 4], data: [first, 0, 0, 1] },
        shape: { dtype: 'int64', shape: [2], data: shape },
      });
      const good = (first: number) => request(first, [2, 2]);
      const bad = request(0, [3, 3]);
      const outcomes = await call('run', 'y', [good(1), bad, good(2), bad, good(3)]);
      const failed = { code: 'RUN_FAILED', message: expect.stringContaining(device) };
      const values = (first: number) => ({ values: [first, 0, 0, 1] });
      expect(outcomes).toEqual([values(1), failed, values(2), failed, values(3)]);
      expect(await call('events')).toEqual([]);
    });
  });

  it('leaves the answers to a server when every device is gone', async () => {
    const { onnx } = (await import(built('index'))) as typeof import('@fairlead/node');
    const { serve } = (await import(built('server'))) as typeof import('@fairlead/node/server');
    const cloud = await createRunner({
      model: fileURLToPath(new URL('../../examples/models/digits-v2.onnx', import.meta.url)),
      backend: onnx({ threads: 1 }),
      lanes: 'inline',
    });
    const server = await serve({ digits: cloud }, { port: 0, crossOrigin: { origins: [site.origin] } });
    try {
      await withTab(async (tab) => {
        const { call } = tab;
        await call('open', model, { ...onGpu, device: 'webgpu' });
        const [request] = rows(1) as [PageRequest];
        expect(await call('ask', server.url, 'probabilities', request)).toMatchObject({ where: 'edge' });
        await call('close');

        await call('open', model, { ...onGpu, device: 'webgpu' });
        for (const losses of [1, 2]) {
          await tab.tab
            .workers()
            .at(-1)
            ?.evaluate(() => {
              setTimeout(() => {
                throw new Error('out of order');
              });
            });
          await eventually(async () => (await eventNames(tab)).filter((name) => name === 'device-lost')).toHaveLength(
            losses,
          );
          if (losses === 1) await eventually(() => eventNames(tab)).toContain('device-recovered');
        }
        await eventually(async () => (await call('health')).status).toBe('failed');
        expect(await call('run', 'probabilities', [request])).toEqual([
          { code: 'LANE_LOST', message: expect.stringContaining('webgpu: it was lost again') },
        ]);
        const answer = await call('ask', server.url, 'probabilities', request);
        expect(answer).toMatchObject({ where: 'cloud', why: 'edge-failed' });
        expectRows([answer]);
      });
    } finally {
      await server.close();
      await cloud.close();
    }
  });

  it('puts another worker in the place of one that has grown past its limit, and loses no request', async () => {
    await withTab(async (tab) => {
      const { call } = tab;
      const request = (first: number): PageRequest => ({
        x: { dtype: 'float32', shape: [1, 4], data: [first, 0, 0, 1] },
        shape: { dtype: 'int64', shape: [2], data: [2, 2] },
      });
      await call('open', reshape, { device: 'wasm', laneMemoryMb: 48 });
      await call('run', 'y', [request(1)]);
      const bytes = async (): Promise<number> => (await call('describe')).lanes.slots[0]?.memoryBytes ?? 0;
      await eventually(bytes).toBeGreaterThan(2 ** 20);
      expect(await call('grow', 2 ** 23)).toBe(2 ** 23);
      await eventually(async () => {
        const outcomes = await call('run', 'y', [request(1), request(2), request(3)]);
        expect(outcomes).toEqual([1, 2, 3].map((first) => ({ values: [first, 0, 0, 1] })));
        return eventNames(tab);
      }).toEqual(['worker-recycled']);
      await eventually(() => tab.tab.workers().length).toBe(1);
      expect(await call('describe')).toMatchObject({ device: 'wasm', lanes: { slots: [{ restarts: 0 }] } });
    });
  });

  it('does without a GPU that answers a model otherwise than its golden rows', async () => {
    await withTab(async ({ tab, call }) => {
      await tab.route('**/digits-v2.golden.json', async (route) => {
        const response = await route.fetch();
        await route.fulfill({
          contentType: 'application/json',
          body: (await response.text()).replace(/0\.9\d+/, '0.5'),
        });
      });
      await call('open', model, onGpu, false);
      expect(await call('describe')).toMatchObject({
        device: 'wasm',
        fallbacks: [{ from: 'webgpu', to: 'wasm', reason: expect.stringContaining('not computed rightly on webgpu') }],
      });
      expectRows(await call('run', 'probabilities', rows(3)));
    });
  });

  it('does without a GPU that computes NaN, found on made-up rows where no golden ones travel', async () => {
    await withTab(async ({ tab, call }) => {
      await tab.route('**/*.golden.json', (route) => route.fulfill({ status: 404 }));
      await tab.route(/lane-worker/, async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: `${await response.text()}\n;(${spoilGpu})();` });
      });
      await call('open', model, onGpu);
      expect(await call('describe')).toMatchObject({
        device: 'wasm',
        fallbacks: [{ from: 'webgpu', to: 'wasm', reason: expect.stringContaining('not computed rightly on webgpu') }],
      });
      expectRows(await call('run', 'probabilities', rows(3)));
    });
  });

  it('trusts a GPU that computes made-up rows as the CPU does', async () => {
    await withTab(async ({ tab, call }) => {
      await tab.route('**/*.golden.json', (route) => route.fulfill({ status: 404 }));
      await call('open', model, onGpu);
      expect(await call('describe')).toMatchObject({ device: 'webgpu', fallbacks: [] });
      expectRows(await call('run', 'probabilities', rows(50)), 50);
    });
  });
}

/** Lets a worker read NaN from its GPU. */
const spoilGpu = `() => {
  const read = GPUBuffer.prototype.getMappedRange;
  GPUBuffer.prototype.getMappedRange = function (...range) {
    const bytes = read.apply(this, range);
    if ((this.usage & GPUBufferUsage.MAP_READ) !== 0) new Float32Array(bytes).fill(Number.NaN);
    return bytes;
  };
}`;
