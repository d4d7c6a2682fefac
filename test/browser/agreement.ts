import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgreementPage, PageOutput } from './agreement-page/main';
import { largestDifference } from './digits';
import { findBrowser, noBrowser } from './find-browser';
import { launchChromium } from './launch';
import { noise } from './noise';
import { buildPage, isolationHeaders, removePage, type Site, serveFolder } from './site';

/** Rows where a model leaves their number open. */
const rows = 5;
/** How far an output may be from that of onnxruntime-node. */
const tolerance = 1e-4;

const ways = [
  ['WebAssembly with one thread', { device: 'wasm', threads: 1 }, 1],
  ['WebAssembly with two threads', { device: 'wasm', threads: 2 }, 2],
  ['WebGPU, be it emulated', { device: 'webgpu', allowSoftwareAdapter: true }, 1],
] as const;

/** Tests that every `.onnx` file of a folder computes in Chromium what it computes by onnxruntime-node. */
export function testAgreement(folder: string): void {
  const executablePath = findBrowser();
  const models = readdirSync(folder).filter((file) => file.endsWith('.onnx'));
  if (executablePath === undefined) {
    it('finds a browser', ({ skip }) => {
      if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
      console.warn(`\n${noBrowser}\n`);
      skip(noBrowser);
    });
    return;
  }
  it('there are models', () => expect(models).not.toEqual([]));

  describe('in Chromium', () => {
    let browser: Browser;
    let site: Site;
    let built: string;

    beforeAll(async () => {
      browser = await launchChromium(executablePath);
      built = await buildPage('iife', fileURLToPath(new URL('./agreement-page', import.meta.url)));
      site = await serveFolder(built, { headers: isolationHeaders, models: folder });
    });
    afterAll(async () => {
      await browser?.close();
      await site?.close();
      removePage(built);
    });

    describe.each(models)('%s', (model) => {
      it.each(ways)(
        'answers on %s what onnxruntime-node answers',
        { timeout: 90_000 },
        async (_way, backend, workers) => {
          const { shapes, expected } = await computeOnNode(join(folder, model));
          const tab = await browser.newPage();
          try {
            await tab.goto(site.origin);
            let most = 0;
            tab.on('worker', () => {
              most = Math.max(most, tab.workers().length);
            });
            type Call = Parameters<AgreementPage['compute']>;
            const call: Call = [`/models/${model}`, shapes, backend];
            const { outputs, ...facts } = await tab.evaluate((all) => globalThis.agreement.compute(...all), call);
            expect(facts).toEqual({ device: backend.device, fallbacks: [] });
            expect(most).toBe(workers);
            expectAgreement(outputs, expected);
          } finally {
            await tab.close();
          }
        },
      );
    });
  });
}

function expectAgreement(
  outputs: Readonly<Record<string, PageOutput>>,
  expected: Readonly<Record<string, PageOutput>>,
): void {
  expect(Object.keys(outputs).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, { dtype, shape, data }] of Object.entries(expected)) {
    expect(outputs[name]).toMatchObject({ dtype, shape });
    // Noise that gave nothing but zeros would agree with anything.
    expect(data.some((value) => value !== 0)).toBe(true);
    expect(largestDifference(outputs[name]?.data ?? [], data)).toBeLessThan(tolerance);
  }
}

async function computeOnNode(path: string) {
  const session = await InferenceSession.create(path);
  try {
    const shapes: Record<string, number[]> = {};
    const feeds: Record<string, Tensor> = {};
    for (const metadata of session.inputMetadata) {
      if (!metadata.isTensor || metadata.type !== 'float32')
        throw new Error(`${path}: ${metadata.name} is not float32`);
      const shape = metadata.shape.map((size) => (typeof size === 'number' && size > 0 ? size : rows));
      shapes[metadata.name] = shape;
      const length = shape.reduce((product, size) => product * size, 1);
      feeds[metadata.name] = new Tensor('float32', noise(length), shape);
    }
    const answers = Object.entries(await session.run(feeds)).map(([name, { type, dims, data }]) => [
      name,
      { dtype: type, shape: dims, data: Array.from(data as ArrayLike<number | bigint>, Number) },
    ]);
    return { shapes, expected: Object.fromEntries(answers) as Record<string, PageOutput> };
  } finally {
    await session.release();
  }
}
