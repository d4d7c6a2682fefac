import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { computeDigits, largestDifference } from '../browser/digits';
import { findBrowser, noBrowser } from '../browser/find-browser';
import { installApp } from '../browser/installed-app';
import { launchChromium } from '../browser/launch';
import { isolationHeaders, serveFolder } from '../browser/site';
import { prepareWebpack } from './setup';

/** What the test needs of webpack's own interface. */
type Webpack = (
  configuration: object,
  done: (
    error: Error | null,
    stats?: {
      hasErrors(): boolean;
      toString(what: object): string;
      toJson(what: object): { warnings: { message: string }[] };
    },
  ) => void,
) => { close(done: () => void): void };

const webpack = prepareWebpack();
const executablePath = findBrowser();
if (executablePath === undefined) {
  if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
  console.warn(`NOT TESTED with webpack: ${noBrowser}`);
}

it.runIf(webpack.missing === undefined && executablePath !== undefined)(
  'webpack finds worker and runtime without configuration, and the page runs under a strict policy',
  { timeout: 180_000 },
  async () => {
    if (webpack.missing !== undefined || executablePath === undefined) throw new Error('not run');
    const app = installApp('<!doctype html><script src="./dist/main.js"></script>');
    try {
      const run = createRequire(join(webpack.command, 'package.json'))(webpack.command) as Webpack;
      const warnings = await new Promise<string[]>((resolve, reject) => {
        // The command has the same folders when it is called in the app's.
        const output = { path: join(app.folder, 'dist') };
        const configuration = { mode: 'production', context: app.folder, entry: './main.js', output };
        const compiler = run(configuration, (error, stats) => {
          compiler.close(() => {
            if (error !== null) reject(error);
            else if (stats?.hasErrors()) reject(new Error(stats.toString({ preset: 'errors-only' })));
            else resolve(stats?.toJson({ warnings: true }).warnings.map(({ message }) => message) ?? []);
          });
        });
      });
      // It is told of WebAssembly's size, and of nothing that it could not resolve.
      expect(warnings.filter((message) => !message.startsWith('asset size limit'))).toEqual([]);
      const site = await serveFolder(app.folder, { headers: isolationHeaders });
      const browser = await launchChromium(executablePath);
      try {
        const digits = await computeDigits('digits-v2.onnx', 20);
        const tab = await browser.newPage();
        const fetched: string[] = [];
        const problems: string[] = [];
        tab.on('pageerror', (error) => void problems.push(String(error)));
        tab.on('request', (request) => void fetched.push(request.url()));
        await tab.goto(site.origin);
        for (const backend of [
          { device: 'wasm' },
          { device: 'wasm', threads: 2 },
          { device: 'webgpu', allowSoftwareAdapter: true },
        ] as const) {
          fetched.length = 0;
          const facts = await tab.evaluate((options) => globalThis.page.open(options), {
            model: '/models/digits-v2.onnx',
            backend,
          });
          expect(facts).toMatchObject({ device: backend.device, fallbacks: [], lanes: 'worker-1' });
          const { labels, probabilities } = await tab.evaluate((pixels) => globalThis.page.run(pixels), digits.pixels);
          expect(labels).toEqual(digits.labels);
          expect(largestDifference(probabilities, digits.probabilities)).toBeLessThan(1e-4);
          await tab.evaluate(() => globalThis.page.close());
          expect(fetched.filter((url) => url.endsWith('.wasm'))).toHaveLength(1);
        }
        expect(problems).toEqual([]);
      } finally {
        await browser.close();
        await site.close();
      }
    } finally {
      app.remove();
    }
  },
);
