import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { expect, it } from 'vitest';
import { findBrowser, noBrowser } from './find-browser';
import { buildPage, removePage, servePage } from './site';

const root = fileURLToPath(new URL('../..', import.meta.url));
const executablePath = findBrowser();

/** What each snippet of a guide says first in the console. */
const guides: readonly [name: string, said: readonly RegExp[]][] = [
  ['model-cache', [/^\d$/, /^digits-v2 true true$/, /^int8 the best of 3 on wasm$/]],
  ['devices', [/WebGPU adapter|float16: /, /^digits-v2$/]],
];

it.for(guides)('the snippets of the guide %s run in a browser', { timeout: 60_000 }, async ([name, said], { skip }) => {
  if (executablePath === undefined) {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
    return;
  }
  const guide = readFileSync(`${root}docs/browser/${name}.md`, 'utf8');
  const snippets = [...guide.matchAll(/^```ts browser\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string);
  expect(snippets).toHaveLength(said.length);

  // Inside the repository, so that the bundler finds the packages.
  mkdirSync(`${root}test/.cache`, { recursive: true });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-background-networking'] });
  const source = mkdtempSync(`${root}test/.cache/guide-page-`);
  try {
    for (const [index, snippet] of snippets.entries()) {
      // The examples have no int8 variant; any model will do to be fetched in its place.
      writeFileSync(`${source}/main.ts`, snippet.replace(/'digits-v2\.int8\.onnx', bytes: \S+/, "'digits-v1.onnx'"));
      writeFileSync(`${source}/index.html`, '<!doctype html><script type="module" src="./main.ts"></script>');
      const built = await buildPage('es', source);
      const site = await servePage(built, false);
      try {
        const tab = await browser.newPage();
        const message = tab.waitForEvent('console', (event) => event.type() === 'log');
        const problem = tab.waitForEvent('pageerror');
        problem.catch(() => undefined); // It is what should not come.
        await tab.goto(site.origin);
        const heard = await Promise.race([message.then((event) => event.text()), problem.then(String)]);
        expect(heard).toMatch(said[index] as RegExp);
        await tab.close();
      } finally {
        await site.close();
        removePage(built);
      }
    }
  } finally {
    await browser.close();
    rmSync(source, { recursive: true, force: true });
  }
});
