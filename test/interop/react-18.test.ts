import { describe } from 'vitest';
import { findBrowser, noBrowser } from '../browser/find-browser';
import { testUseModel } from '../browser/react-tests';
import { prepareReactBefore } from './setup';

/* The hook under the oldest React that it may be used with; the tests beside the page run it under the present one. */

const executablePath = findBrowser();
if (executablePath === undefined) {
  if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
  console.warn(`\ninterop: NOT TESTED: React 18. ${noBrowser}\n`);
}
const react = executablePath === undefined ? { missing: noBrowser } : prepareReactBefore();

describe.skipIf('missing' in react)('useModel in Chromium, in StrictMode of React 18', { timeout: 30_000 }, () =>
  testUseModel(executablePath ?? '', '18', 3, 'missing' in react ? undefined : react.folder),
);
