import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { createServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { computeDigits, type Digits, largestDifference } from './digits';
import { findBrowser, noBrowser } from './find-browser';
import { type InstalledApp, installApp } from './installed-app';
import { launchChromium } from './launch';
import type { PageRunner } from './page/main';
import { buildPage, contentSecurityPolicy, isolationHeaders, removePage, type Site, serveFolder } from './site';

const executablePath = findBrowser();

if (executablePath === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else describe('files of the runtime, in Chromium', { timeout: 60_000 }, () => tests(executablePath));

const root = fileURLToPath(new URL('../..', import.meta.url));
const runtimeFolder = `${root}node_modules/onnxruntime-web/dist`;
const model = '/models/digits-v2.onnx';
const wasm = { device: 'wasm' } as const;
const emulated = { device: 'webgpu', allowSoftwareAdapter: true } as const;
const plainHtml = '<!doctype html><script type="module" src="./main.js"></script>';

/** The import map that the guide tells pages without a bundler to have. */
function guideMap(): string {
  const guide = readFileSync(`${root}docs/browser/devices.md`, 'utf8');
  const map = /<script type="importmap">([\s\S]*?)<\/script>/.exec(guide)?.[1];
  if (map === undefined) throw new Error('docs/browser/devices.md shows no import map');
  return map;
}

const mapPage = (map: string): string =>
  `<!doctype html><script type="importmap">${map}</script><script type="module" src="./main.js"></script>`;

/** A policy that lets the page's import map be, by its hash, and lets it fetch from elsewhere. */
function policyFor(map: string): Readonly<Record<string, string>> {
  const hash = createHash('sha256').update(map).digest('base64');
  return { 'content-security-policy': contentSecurityPolicy.replace("'self'", `'self' 'sha256-${hash}'`) };
}

/** A file with one byte changed, of which every other byte is right. */
function changed(file: string): Uint8Array {
  const bytes = new Uint8Array(readFileSync(`${runtimeFolder}/${file}`));
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] as number) ^ 1;
  return bytes;
}

function tests(path: string): void {
  let browser: Browser;
  let digits: Digits;
  /** What Vite builds of an app. */
  let page: Site;
  const closing: (() => unknown)[] = [];

  beforeAll(async () => {
    browser = await launchChromium(path);
    digits = await computeDigits('digits-v2.onnx', 20);
    closing.push(() => browser.close());
    const built = await buildPage('iife', installed(plainHtml).folder);
    closing.push(() => removePage(built));
    page = await opened(serveFolder(built, { headers: isolationHeaders }));
  });
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });

  const opened = async (site: Promise<Site>): Promise<Site> => {
    const { close } = await site;
    closing.push(close);
    return site;
  };
  const installed = (html: string): InstalledApp => {
    const app = installApp(html);
    closing.push(app.remove);
    return app;
  };

  /** Opens a runner in a page of its own, and runs the digits where it opened. */
  async function open(origin: string, options: Omit<PageRunner, 'model'>) {
    const tab = await browser.newPage();
    const fetched: string[] = [];
    const problems: string[] = [];
    tab.on('request', (request) => void fetched.push(request.url()));
    tab.on('pageerror', (error) => void problems.push(String(error)));
    try {
      await tab.goto(origin);
      await tab.waitForFunction(() => 'page' in globalThis);
      const facts = await tab.evaluate((runner) => globalThis.page.open(runner), { model, ...options });
      const workers = tab.workers().length;
      if ('device' in facts) {
        const answer = await tab.evaluate((pixels) => globalThis.page.run(pixels), digits.pixels);
        expect(answer.labels).toEqual(digits.labels);
        expect(largestDifference(answer.probabilities, digits.probabilities)).toBeLessThan(1e-4);
        await tab.evaluate(() => globalThis.page.close());
      }
      expect(problems).toEqual([]);
      const files = fetched.filter((url) => /\.(wasm|mjs)(\?|$)/.test(url));
      return { facts, workers, fetched, files };
    } finally {
      await tab.close();
    }
  }

  it('are found in what Vite builds of installed packages, the smaller one for the GPU', async () => {
    const cpu = await open(page.origin, { backend: { ...wasm, threads: 2 } });
    expect(cpu).toMatchObject({ facts: { device: 'wasm', fallbacks: [], lanes: 'worker-1' }, workers: 2 });
    expect(cpu.files).toEqual([expect.stringMatching(/\/assets\/ort-wasm-simd-threaded-[\w-]+\.wasm$/)]);
    const gpu = await open(page.origin, { backend: emulated });
    expect(gpu).toMatchObject({ facts: { device: 'webgpu', fallbacks: [] } });
    expect(gpu.files).toEqual([expect.stringMatching(/\/assets\/ort-wasm-simd-threaded\.jspi-[\w-]+\.wasm$/)]);
  });

  it("are found by Vite's development server", async () => {
    const app = installed(plainHtml);
    const server = await createServer({
      root: app.folder,
      configFile: false,
      logLevel: 'error',
      server: { host: '127.0.0.1', port: 0, headers: isolationHeaders },
      publicDir: `${root}examples`,
      cacheDir: `${app.folder}/.vite`,
    });
    closing.push(() => server.close());
    await server.listen();
    const [origin] = server.resolvedUrls?.local ?? [];
    if (origin === undefined) throw new Error('the development server has no address');
    for (const backend of [wasm, { ...wasm, threads: 2 }, emulated]) {
      const { facts, fetched } = await open(origin, { backend });
      expect(facts).toMatchObject({ device: backend.device, fallbacks: [], lanes: 'worker-1' });
      // It bundles what lies in node_modules beforehand, which moves all but the worker to another folder.
      expect(fetched).toContainEqual(expect.stringContaining('/.vite/deps/@fairlead_browser.js'));
    }
  });

  it('are found by a page without a bundler, as the guide writes its import map', async () => {
    const map = guideMap();
    const app = installed(mapPage(map));
    const headers = { ...isolationHeaders, ...policyFor(map) };
    const site = await opened(serveFolder(app.folder, { headers }));
    const dist = `${site.origin}/node_modules/onnxruntime-web/dist`;
    const cpu = await open(site.origin, { backend: { ...wasm, threads: 2 } });
    expect(cpu).toMatchObject({ facts: { device: 'wasm', fallbacks: [], lanes: 'worker-1' }, workers: 2 });
    expect(new Set(cpu.files)).toEqual(
      new Set([`${dist}/ort.wasm.bundle.min.mjs`, `${dist}/ort-wasm-simd-threaded.wasm`]),
    );
    const gpu = await open(site.origin, { backend: emulated });
    expect(gpu).toMatchObject({ facts: { device: 'webgpu', fallbacks: [], lanes: 'worker-1' } });
    expect(gpu.files).toContain(`${dist}/ort-wasm-simd-threaded.jspi.wasm`);
    const inline = await open(site.origin, { backend: wasm, lanes: 'inline' });
    expect(inline).toMatchObject({ facts: { device: 'wasm', lanes: 'inline' }, workers: 0 });
  });

  describe('from another origin', () => {
    const crossOrigin = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };
    let cdn: Site;
    let broken: Site;

    beforeAll(async () => {
      cdn = await opened(serveFolder(runtimeFolder, { headers: crossOrigin }));
      const files = [
        'ort-wasm-simd-threaded.wasm',
        'ort-wasm-simd-threaded.jspi.wasm',
        'ort.wasm.bundle.min.mjs',
        'ort.jspi.bundle.min.mjs',
      ];
      const replaced = new Map(files.map((file) => [`/${file}`, changed(file)]));
      broken = await opened(serveFolder(runtimeFolder, { headers: crossOrigin, replaced }));
    });

    it.each([
      ['on the CPU', { ...wasm, threads: 2 }, 'ort-wasm-simd-threaded.wasm'],
      ['on the GPU', emulated, 'ort-wasm-simd-threaded.jspi.wasm'],
    ])('are checked and run, and no script is taken from there, %s', async (_where, backend, file) => {
      const { facts, files } = await open(page.origin, { backend: { ...backend, wasmPaths: cdn.origin } });
      expect(facts).toMatchObject({ device: backend.device, fallbacks: [] });
      expect(files).toEqual([`${cdn.origin}/${file}`]);
    });

    it.each([
      ['on the CPU', wasm, 'ort-wasm-simd-threaded.wasm'],
      ['on the GPU, and no other device is tried', { ...emulated, device: ['webgpu', 'wasm'] as const }, 'jspi.wasm'],
    ])('are refused where a byte has changed, %s', async (_where, backend, file) => {
      for (const lanes of [1, 'inline'] as const) {
        const { facts } = await open(page.origin, { backend: { ...backend, wasmPaths: broken.origin }, lanes });
        expect(facts).toEqual({ code: 'DIGEST_MISMATCH', message: expect.stringContaining(file) });
      }
    });

    it('are told apart from files that are not there, or that the server keeps for itself', async () => {
      const closed = await opened(serveFolder(runtimeFolder));
      for (const [wasmPaths, words] of [
        [`${cdn.origin}/nowhere`, 'status 404'],
        [closed.origin, 'CORS'],
      ] as const) {
        const { facts } = await open(page.origin, { backend: { ...wasm, wasmPaths } });
        expect(facts).toEqual({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining(words) });
      }
    });

    it('are checked where an import map leads there, scripts too', async () => {
      for (const [origin, expected] of [
        [cdn.origin, { device: 'wasm', fallbacks: [] }],
        [
          broken.origin,
          { code: 'DIGEST_MISMATCH', message: expect.stringMatching(/ort\.wasm\.bundle\.min\.mjs|\.wasm/) },
        ],
      ] as const) {
        const map = guideMap().replaceAll('/node_modules/onnxruntime-web/dist/', `${origin}/`);
        const { 'content-security-policy': policy } = policyFor(map);
        const headers = { 'content-security-policy': (policy ?? '').replace("'self'", `'self' ${origin}`) };
        const site = await opened(serveFolder(installed(mapPage(map)).folder, { headers }));
        expect((await open(site.origin, { backend: wasm })).facts).toMatchObject(expected);
      }
    });
  });
}
