import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { expect } from 'vitest';
import { buildPage, removePage, servePage } from './site';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A guide whose snippets for a page are to be run. */
export interface Guide {
  /** Its path in the repository. */
  readonly file: string;
  /** What each snippet says first in the console. */
  readonly said: readonly RegExp[];
  /** Changes a snippet before it is run. */
  readonly edit?: (snippet: string) => string;
}

/** Bundles the snippets of a guide, each as a page, runs them in a browser and checks what they say. */
export async function runGuide(
  executablePath: string,
  { file, said, edit = (snippet) => snippet }: Guide,
): Promise<void> {
  const guide = readFileSync(`${root}${file}`, 'utf8');
  const snippets = [...guide.matchAll(/^```ts browser\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string);
  expect(snippets).toHaveLength(said.length);

  // Inside the repository, so that the bundler finds the packages.
  mkdirSync(`${root}test/.cache`, { recursive: true });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-background-networking'] });
  const source = mkdtempSync(`${root}test/.cache/guide-page-`);
  try {
    for (const [index, snippet] of snippets.entries()) {
      writeFileSync(`${source}/main.ts`, edit(snippet));
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
}
