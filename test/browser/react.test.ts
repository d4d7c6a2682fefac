import { describe, it } from 'vitest';
import { findBrowser, noBrowser } from './find-browser';
import { testUseModel } from './react-tests';

const executablePath = findBrowser();

if (executablePath === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else {
  describe('useModel in Chromium, in StrictMode of React 19', { timeout: 30_000 }, () =>
    testUseModel(executablePath, '19', 20),
  );
}
