import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

/** Where Chromium lies on common systems. */
const usualPaths = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

/** What a person reads when there is no browser. */
export const noBrowser =
  'No Chromium was found, so nothing was tried in a real browser. Install one (Debian: `apt-get install chromium`), or name it in FAIRLEAD_BROWSER.';

/**
 * The path of a Chromium: what `FAIRLEAD_BROWSER` names, one of the system's, or the one that playwright downloaded.
 * @throws Error when `FAIRLEAD_BROWSER` names nothing
 */
export function findBrowser(): string | undefined {
  const named = process.env.FAIRLEAD_BROWSER;
  if (named !== undefined && named !== '') {
    if (!existsSync(named)) throw new Error(`FAIRLEAD_BROWSER names "${named}", which does not exist.`);
    return named;
  }
  return [...usualPaths, downloadedPath()].find((path) => path !== '' && existsSync(path));
}

function downloadedPath(): string {
  try {
    return chromium.executablePath();
  } catch {
    return ''; // Playwright throws on systems that it has no browser for.
  }
}
