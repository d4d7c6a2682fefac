import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sha256Hex } from '@fairlead/core';
import { fitReference } from '@fairlead/core/monitoring';
import { chromium } from 'playwright-core';
import { expect, it } from 'vitest';
import { findBrowser, noBrowser } from './find-browser';
import { buildPage, removePage } from './site';
import { serveTelemetrySite } from './telemetry-site';

const root = fileURLToPath(new URL('../..', import.meta.url));
const executablePath = findBrowser();

it('the snippet of the guide to telemetry runs in a browser, and its report arrives', { timeout: 60_000 }, async ({
  skip,
}) => {
  if (executablePath === undefined) {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
    return;
  }
  const guide = readFileSync(`${root}docs/browser/telemetry.md`, 'utf8');
  const [snippet, ...more] = [...guide.matchAll(/^```ts browser\n([\s\S]*?)^```$/gm)].map(
    (match) => match[1] as string,
  );
  expect(more).toEqual([]);
  const digest = await sha256Hex(readFileSync(`${root}examples/models/digits-v2.onnx`));
  const data = Float32Array.from({ length: 200 * 64 }, (_, index) => (index * 7) % 17);
  const reference = await fitReference({ pixels: { dtype: 'float32', shape: [200, 64], data } });

  // Inside the repository, so that the bundler finds the packages.
  mkdirSync(`${root}test/.cache`, { recursive: true });
  const source = mkdtempSync(`${root}test/.cache/guide-page-`);
  writeFileSync(`${source}/main.ts`, snippet as string);
  writeFileSync(`${source}/index.html`, '<!doctype html><script type="module" src="./main.ts"></script>');
  const built = await buildPage('es', source);
  const references = [{ name: 'digits-v2', version: digest.slice(0, 12), reference, classes: 10 }];
  const site = await serveTelemetrySite(built, reference, { references });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-background-networking'] });
  try {
    const tab = await browser.newPage();
    const message = tab.waitForEvent('console', (event) => event.type() === 'log');
    const problem = tab.waitForEvent('pageerror');
    problem.catch(() => undefined); // It is what should not come.
    await tab.goto(site.origin);
    expect(await Promise.race([message.then((event) => event.text()), problem.then(String)])).toBe('running 1');
    const [model] = site.handler.snapshot().models;
    expect(model).toMatchObject({ name: 'digits-v2', rows: 20 });
    // Empty pictures, of which all are taken for the same digit.
    expect(model?.predictions.filter(({ rows }) => rows > 0)).toEqual([
      { class: expect.stringMatching(/^\d$/), rows: 20 },
    ]);
  } finally {
    await browser.close();
    await site.close();
    removePage(built);
    rmSync(source, { recursive: true, force: true });
  }
});
