import { measureBatching } from '../browser/batching';
import { measureFirstPrediction } from '../browser/first-prediction';
import { measureFrames } from '../browser/frames';
import { measureOverhead } from '../browser/overhead';
import { measureSizes } from '../browser/sizes';
import type { Result, Suite } from '../lib/suite';

/** The runner in the machine's Chromium, beside bare onnxruntime-web in the same page. */
export default {
  name: 'browser',
  describe: 'Frames, overhead, batching, sizes and first prediction in Chromium, beside bare onnxruntime-web.',
  async run(context) {
    const results: Result[] = [...(await measureSizes(context))];
    // Vite and Playwright are loaded for this suite only, not for the list of all.
    const { openBrowser } = await import('../browser/open-browser');
    const browser = await openBrowser();
    context.note(browser.description);
    try {
      for (const part of [measureFrames, measureOverhead, measureBatching, measureFirstPrediction]) {
        results.push(...(await part(context, browser)));
      }
    } finally {
      await browser.close();
    }
    return results;
  },
} satisfies Suite;
