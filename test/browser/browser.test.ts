import { type Browser, type Page as BrowserTab, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyUnary, zipMapModel } from '../../packages/node/src/onnx/tiny-onnx';
import { computeDigits, type Digits, largestDifference, pixelsPerRow } from './digits';
import { findBrowser, noBrowser } from './find-browser';
import type { Page, PageAnswer, PageRunner } from './page/main';
import { buildPage, removePage, type Site, serveModels, servePage } from './site';

const executablePath = findBrowser();

if (executablePath === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else describe('in Chromium', { timeout: 30_000 }, () => tests(executablePath));

const launchArguments = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Gives a software adapter on machines without a GPU.
  '--enable-unsafe-webgpu',
  // A host that is not the loopback makes an insecure page.
  '--host-resolver-rules=MAP app.test 127.0.0.1',
];

/** A tab, and what it fetched. */
interface Tab {
  readonly tab: BrowserTab;
  readonly fetched: string[];
  /** Calls a function of the page. */
  call<K extends Exclude<keyof Page, 'isolated' | 'secure'>>(
    name: K,
    ...args: Parameters<Page[K]>
  ): Promise<Awaited<ReturnType<Page[K]>>>;
}

function tests(path: string): void {
  let browser: Browser;
  let digits: Digits;
  const folders: string[] = [];
  const sites: Site[] = [];
  let site: Site;
  let isolated: Site;
  let isolatedEs: Site;
  let elsewhere: Site;

  beforeAll(async () => {
    const started = chromium.launch({ executablePath: path, args: launchArguments });
    const iife = await buildPage('iife');
    const es = await buildPage('es');
    folders.push(iife, es);
    site = await servePage(iife, false);
    isolated = await servePage(iife, true);
    isolatedEs = await servePage(es, true);
    elsewhere = await serveModels();
    sites.push(site, isolated, isolatedEs, elsewhere);
    digits = await computeDigits('digits-v2.onnx', 540);
    browser = await started;
    console.info(`Browser tests run in Chromium ${browser.version()} (${path}).`);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    for (const { close } of sites) await close();
    for (const folder of folders) removePage(folder);
  });

  async function withTab(url: string, use: (tab: Tab) => Promise<void>): Promise<void> {
    const tab = await browser.newPage();
    const fetched: string[] = [];
    const problems: string[] = [];
    tab.on('request', (request) => void fetched.push(new URL(request.url()).pathname));
    tab.on('pageerror', (error) => void problems.push(String(error)));
    try {
      await tab.goto(url);
      await use({
        tab,
        fetched,
        call: (name, ...args) =>
          tab.evaluate(
            ([method, values]) => (globalThis.page[method] as (...all: never) => never)(...(values as never)),
            [name, args] as const,
          ) as never,
      });
      expect(problems).toEqual([]);
    } finally {
      await tab.close();
    }
  }

  function expectDigits(answer: PageAnswer, rows = 540): void {
    expect(answer.labels).toEqual(digits.labels.slice(0, rows));
    expect(largestDifference(answer.probabilities, digits.probabilities.slice(0, rows * 10))).toBeLessThan(1e-4);
  }

  const model = '/models/digits-v2.onnx';
  const wasmFiles = (fetched: readonly string[]): string[] => fetched.filter((file) => file.endsWith('.wasm'));

  it('computes in a worker what onnxruntime-node computes, and fetches only the runtime that it runs', async () => {
    await withTab(site.origin, async ({ fetched, call }) => {
      expect(fetched.filter((file) => /ort|worker|\.wasm/.test(file))).toEqual([]);
      const facts = await call('open', { model, backend: { device: 'wasm' } });
      expect(facts).toMatchObject({ device: 'wasm', lanes: 'worker-1', fallbacks: [] });
      expectDigits(await call('run', digits.pixels));
      expectDigits(await call('runEach', digits.pixels, pixelsPerRow));
      await call('close');
      expect(wasmFiles(fetched)).toEqual([expect.stringMatching(/ort-wasm-simd-threaded-[\w-]+\.wasm$/)]);
    });
  });

  it('computes the same in the page itself where that is asked for', async () => {
    await withTab(site.origin, async ({ fetched, call, tab }) => {
      const facts = await call('open', { model, backend: { device: 'wasm' }, lanes: 'inline' });
      expect(facts).toMatchObject({ device: 'wasm', lanes: 'inline' });
      expectDigits(await call('run', digits.pixels));
      expect(tab.workers()).toEqual([]);
      expect(wasmFiles(fetched)).toHaveLength(1);
      await call('close');
    });
  });

  it.each([
    ['one script', () => isolated],
    ['ES modules', () => isolatedEs],
  ])('computes the same on two threads, in a worker bundled as %s', async (_format, where) => {
    await withTab(where().origin, async ({ tab, call }) => {
      expect(await tab.evaluate(() => globalThis.page.isolated)).toBe(true);
      const facts = await call('open', { model, backend: { device: 'wasm', threads: 2 } });
      expect(facts).toMatchObject({ device: 'wasm', fallbacks: [] });
      expect(tab.workers()).toHaveLength(2);
      expectDigits(await call('run', digits.pixels));
      await call('close');
    });
  });

  it.each<[string, () => Site, PageRunner['lanes'], string]>([
    ['a page without isolation', () => site, 1, 'COOP'],
    ['the page itself', () => isolated, 'inline', 'worker lane'],
  ])('tells of threads that cannot be had in %s', async (_what, where, lanes = 'auto', reason) => {
    await withTab(where().origin, async ({ call }) => {
      expect(await call('open', { model, lanes, backend: { device: 'wasm', threads: 2 } })).toMatchObject({
        fallbacks: [{ from: 'wasm with 2 threads', to: 'wasm', reason: expect.stringContaining(reason) }],
      });
      expectDigits(await call('run', digits.pixels));
      await call('close');
    });
  });

  it('refuses a software adapter with a sound, and computes on WebAssembly', async () => {
    await withTab(site.origin, async ({ fetched, call }) => {
      const facts = await call('open', { model });
      expect(facts).toMatchObject({ device: 'wasm', fallbacks: [{ from: 'webgpu', to: 'wasm' }] });
      expectDigits(await call('run', digits.pixels));
      await call('close');
      expect(wasmFiles(fetched).filter((file) => file.includes('asyncify'))).toEqual([]);
    });
  });

  it('answers fifty overlapping calls on WebGPU, be it emulated', async () => {
    await withTab(site.origin, async ({ call }) => {
      const backend = { device: 'webgpu', allowSoftwareAdapter: true } as const;
      expect(await call('support', backend)).toEqual({ supported: true, devices: ['webgpu'] });
      expect(await call('open', { model, backend })).toMatchObject({ device: 'webgpu', fallbacks: [] });
      expectDigits(await call('runEach', digits.pixels.slice(0, 50 * pixelsPerRow), pixelsPerRow), 50);
      await call('close');
    });
  });

  it('loses a worker, starts another and goes on', async () => {
    await withTab(site.origin, async ({ tab, call }) => {
      await call('open', { model, backend: { device: 'wasm' } });
      const [worker] = tab.workers();
      await worker?.evaluate(() => {
        setTimeout(() => {
          throw new Error('out of order');
        });
      });
      await expect
        .poll(() => call('lanes'), { timeout: 10_000 })
        .toMatchObject({
          lost: [{ code: 'LANE_LOST', message: expect.stringContaining('out of order') }],
          restarted: 1,
        });
      expectDigits(await call('run', digits.pixels));
      await call('close');
    });
  });

  it('works in a page that is not secure', async () => {
    await withTab(`http://app.test:${site.port}`, async ({ tab, call }) => {
      expect(await tab.evaluate(() => globalThis.page.secure)).toBe(false);
      const facts = await call('open', { model });
      expect(facts).toMatchObject({
        device: 'wasm',
        digest: '647b7ca67a56f098b08830eaa52d58ee84bada94dfc695d5ff1ea566ad410829',
        fallbacks: [{ from: 'webgpu', reason: expect.stringContaining('HTTPS') }],
      });
      expectDigits(await call('run', digits.pixels));
      await call('close');
    });
  });

  it('keeps the bits of float16 where the browser has an array of that type', async () => {
    const bytes = tinyUnary('Identity', { type: 'float16', shape: ['n'] });
    await withTab(site.origin, async ({ tab, call }) => {
      expect(await tab.evaluate(() => 'Float16Array' in globalThis)).toBe(true);
      const bits = [0x3e00, 0xfc00, 0x0001, 0x7e01];
      const model = `data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`;
      expect(await call('echoFloat16', model, bits)).toEqual({ array: 'Uint16Array', bits });
    });
  });

  it('takes the runtime from another folder', async () => {
    await withTab(site.origin, async ({ fetched, call }) => {
      expect(await call('open', { model, backend: { device: 'wasm', wasmPaths: 'ort' } })).toMatchObject({
        device: 'wasm',
      });
      expectDigits(await call('run', digits.pixels));
      await call('close');
      expect(wasmFiles(fetched)).toEqual(['/ort/ort-wasm-simd-threaded.wasm']);
    });
  });

  it('says what to do about everything that can be wrong with a model or a runtime, and works after it', async () => {
    const wasm = { device: 'wasm' } as const;
    const maps = `data:application/octet-stream;base64,${Buffer.from(zipMapModel()).toString('base64')}`;
    const troubles: [options: PageRunner, code: string, advice: string][] = [
      [{ model: '/models/nothing.onnx' }, 'MODEL_NOT_FOUND', 'status 404'],
      [{ model: '/app/digits.onnx' }, 'MODEL_INVALID', 'an HTML page'],
      [{ model: '/models/digits-test.csv', backend: wasm }, 'MODEL_INVALID', 'no ONNX model'],
      [{ model: '/models/digits-test.csv', backend: wasm, lanes: 'inline' }, 'MODEL_INVALID', 'no ONNX model'],
      [{ model: maps, backend: wasm }, 'UNSUPPORTED', 'a sequence of maps from int64 to float32 tensors'],
      [
        { model: `${elsewhere.origin}/digits-v2.onnx` },
        'MODEL_NOT_FOUND',
        `"Access-Control-Allow-Origin: ${site.origin}"`,
      ],
      [{ model, backend: { ...wasm, wasmPaths: '/nowhere/' } }, 'BACKEND_UNAVAILABLE', 'wasmPaths'],
      [{ model, backend: { device: 'webgpu' } }, 'BACKEND_UNAVAILABLE', 'emulated'],
    ];
    await withTab(site.origin, async ({ call }) => {
      for (const [options, code, advice] of troubles) {
        expect(await call('open', options)).toEqual({ code, message: expect.stringContaining(advice) });
      }
      await call('open', { model, backend: wasm });
      expectDigits(await call('run', digits.pixels));
      await call('close');
    });
  });
}
