import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { computeDigits, type Digits, largestDifference } from './digits';
import { type Firefox, type FirefoxTab, findFirefox, launchFirefox, noFirefox } from './firefox';
import { buildPage, isolationHeaders, removePage, type Site, serveFolder } from './site';

const executablePath = findFirefox();

if (executablePath === undefined) {
  it('finds Firefox', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noFirefox);
    console.warn(`\n${noFirefox}\n`);
    skip(noFirefox);
  });
} else describe('in Firefox', { timeout: 60_000 }, () => tests(executablePath));

const model = '/models/digits-v2.onnx';
const digest = '647b7ca67a56f098b08830eaa52d58ee84bada94dfc695d5ff1ea566ad410829';

function tests(path: string): void {
  let firefox: Firefox;
  let digits: Digits;
  let built: string;
  let site: Site;
  let isolated: Site;

  beforeAll(async () => {
    const started = launchFirefox(path);
    built = await buildPage('iife', fileURLToPath(new URL('./devices-page', import.meta.url)));
    site = await serveFolder(built);
    isolated = await serveFolder(built, { headers: isolationHeaders });
    digits = await computeDigits('digits-v2.onnx', 100);
    firefox = await started;
    console.info(`Tests of a second engine run in Firefox ${firefox.version} (${path}).`);
  });
  afterAll(async () => {
    await firefox?.close();
    await site?.close();
    await isolated?.close();
    removePage(built);
  });

  async function withTab(origin: string, use: (tab: FirefoxTab) => Promise<void>): Promise<void> {
    const tab = await firefox.newTab();
    try {
      await tab.goto(origin);
      await use(tab);
    } finally {
      await tab.close();
    }
  }

  function expectDigits({ labels, probabilities }: { labels: number[]; probabilities: number[] }): void {
    expect(labels).toEqual(digits.labels);
    expect(largestDifference(probabilities, digits.probabilities)).toBeLessThan(1e-4);
  }

  it.each([
    ['one thread', () => site, 1],
    ['two threads, in an isolated page', () => isolated, 2],
  ])('computes what onnxruntime-node computes, on WebAssembly with %s, under a strict policy', async (...given) => {
    const [, where, threads] = given;
    await withTab(where().origin, async ({ evaluate }) => {
      const backend = { device: 'wasm', threads } as const;
      const facts = await evaluate((url, options) => globalThis.devicesPage.open(url, options), model, backend);
      expect(facts).toEqual({ device: 'wasm', lanes: 'worker-1', fallbacks: [] });
      expectDigits(await evaluate((pixels) => globalThis.devicesPage.run(pixels), digits.pixels));
      await evaluate(() => globalThis.devicesPage.close());
    });
  });

  it('says of a GPU that it has none to give, and of threads what they need', async () => {
    await withTab(site.origin, async ({ evaluate }) => {
      const report = await evaluate(() => globalThis.devicesPage.detect());
      expect(report).toMatchObject({
        webassembly: { available: true },
        simd: { available: true },
        threads: { available: false, reason: expect.stringContaining('COOP') },
        memory: { available: false, reason: expect.stringContaining('Firefox') },
        secureContext: { available: true },
      });
      const { device, fallbacks } = await evaluate((url) => globalThis.devicesPage.open(url, {}), model);
      expect(device).toBe('wasm');
      expect(fallbacks).toEqual([expect.stringContaining('webgpu → wasm')]);
      await evaluate(() => globalThis.devicesPage.close());
    });
  });

  it('takes the model from the cache on the second visit, and asks the network for none', async () => {
    const visit = async (): Promise<string[]> => {
      let models: string[] = [];
      await withTab(site.origin, async ({ evaluate, fetched }) => {
        await evaluate((url, sha256) => globalThis.devicesPage.openCached(url, sha256), model, digest);
        expectDigits(await evaluate((pixels) => globalThis.devicesPage.run(pixels), digits.pixels));
        await evaluate(() => globalThis.devicesPage.close());
        models = fetched.filter((url) => url.endsWith('.onnx'));
      });
      return models;
    };
    expect(await visit()).toEqual([`${site.origin}${model}`]);
    expect(await visit()).toEqual([]);
  });
}
