import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { expect, it } from 'vitest';
import { findBrowser, noBrowser } from './find-browser';
import { buildPage, removePage, servePage } from './site';

const root = fileURLToPath(new URL('../..', import.meta.url));
const executablePath = findBrowser();

/** What each snippet of the guide says in the console, at last. */
const said = [/^wasm: \d$/, /^true$/];

it('the snippets of the guide to React run in a browser', { timeout: 60_000 }, async ({ skip }) => {
  if (executablePath === undefined) {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
    return;
  }
  const guide = readFileSync(`${root}docs/browser/react.md`, 'utf8');
  const snippets = [...guide.matchAll(/^```tsx? browser\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string);
  expect(snippets).toHaveLength(said.length);

  // Inside the repository, so that the bundler finds the packages.
  mkdirSync(`${root}test/.cache`, { recursive: true });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-background-networking'] });
  const source = mkdtempSync(`${root}test/.cache/guide-page-`);
  try {
    for (const [index, snippet] of snippets.entries()) {
      writeFileSync(`${source}/main.tsx`, snippet);
      writeFileSync(`${source}/index.html`, '<!doctype html><body><script type="module" src="./main.tsx"></script>');
      const built = await buildPage('es', source);
      const site = await servePage(built, false);
      try {
        const tab = await browser.newPage();
        const pattern = said[index] as RegExp;
        const message = tab.waitForEvent('console', (event) => event.type() === 'log' && pattern.test(event.text()));
        const problem = tab.waitForEvent('pageerror');
        problem.catch(() => undefined); // It is what should not come.
        await tab.goto(site.origin);
        expect(await Promise.race([message.then((event) => event.text()), problem.then(String)])).toMatch(pattern);
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
