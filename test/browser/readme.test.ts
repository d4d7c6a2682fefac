import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { expect, it } from 'vitest';
import { findBrowser, noBrowser } from './find-browser';
import { buildPage, removePage, servePage } from './site';

const root = fileURLToPath(new URL('../..', import.meta.url));
const executablePath = findBrowser();

it('the snippet of the README for a browser runs in one', { timeout: 60_000 }, async ({ skip }) => {
  if (executablePath === undefined) {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
    return;
  }
  const snippet = /^```ts browser\n([\s\S]*?)^```$/m.exec(readFileSync(`${root}README.md`, 'utf8'))?.[1];
  expect(snippet).toContain('@fairlead/browser');

  // Inside the repository, so that the bundler finds the packages.
  mkdirSync(`${root}test/.cache`, { recursive: true });
  const source = mkdtempSync(`${root}test/.cache/readme-page-`);
  // The page of the README serves its model at its root; this site keeps the models in a folder.
  writeFileSync(`${source}/main.ts`, (snippet ?? '').replace("'/digits.onnx'", "'/models/digits-v2.onnx'"));
  writeFileSync(`${source}/index.html`, '<!doctype html><script type="module" src="./main.ts"></script>');
  const built = await buildPage('es', source);
  const site = await servePage(built, false);
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-background-networking'] });
  try {
    const tab = await browser.newPage();
    const problems: string[] = [];
    tab.on('pageerror', (error) => void problems.push(String(error)));
    const said = tab.waitForEvent('console', (message) => message.type() === 'log');
    await tab.goto(site.origin);
    expect((await said).text()).toMatch(/^\d$/);
    expect(problems).toEqual([]);
  } finally {
    await browser.close();
    await site.close();
    removePage(built);
    rmSync(source, { recursive: true, force: true });
  }
});
