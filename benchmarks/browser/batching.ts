import { compare } from '../lib/compare';
import type { Result, SuiteContext } from '../lib/suite';
import type { OpenedBrowser } from './open-browser';
import { servePerceptron } from './sized-model';

const callers = 16;
const durationMs = 700;

/** Many callers of one row each: the runner joins them, a bare worker runs them one by one. */
export async function measureBatching({ rounds, note }: SuiteContext, browser: OpenedBrowser): Promise<Result[]> {
  note(`batching: ${callers} callers`);
  const tab = await browser.openTab();
  try {
    const model = servePerceptron(browser.site, 2);
    const rate = async (contestant: 'runner in a worker' | 'bare worker') => {
      const handle = await tab.call('open', contestant, model);
      return async () => (await tab.call('drive', handle, { callers, rows: 1, durationMs })).perSecond;
    };
    const { a, b, ratio } = await compare(await rate('runner in a worker'), await rate('bare worker'), { rounds });
    const label = `${callers} callers, MLP 784-512-512-10`;
    return [
      { name: `${label}: against a bare worker that runs them one by one`, value: ratio, unit: 'ratio' },
      { name: `${label}: rows of the runner`, value: a, unit: 'rows/s' },
      { name: `${label}: rows of the bare worker`, value: b, unit: 'rows/s' },
    ];
  } finally {
    await tab.close();
  }
}
