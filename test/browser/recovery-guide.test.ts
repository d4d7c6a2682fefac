import { it } from 'vitest';
import { findBrowser, noBrowser } from './find-browser';
import { runGuide } from './run-guide';

const executablePath = findBrowser();

it('the snippets of the guide to recovery run in a browser', { timeout: 60_000 }, async ({ skip }) => {
  if (executablePath === undefined) {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
    return;
  }
  await runGuide(executablePath, {
    file: 'docs/browser/recovery.md',
    said: [/^\d ready$/, /^edge settled$/],
  });
});
