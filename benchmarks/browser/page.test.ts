import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, noBrowser } from '../../test/browser/find-browser';
import { mlp } from '../lib/onnx/model';
import { type OpenedBrowser, openBrowser, type Tab } from './open-browser';

if (findBrowser() === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else describe('the page that measures, in Chromium', tests);

function tests(): void {
  let browser: OpenedBrowser;
  let tab: Tab;
  const bytes = mlp([8, 16, 3]);
  const model = { url: '/models/small.onnx', shape: [8] };

  beforeAll(async () => {
    browser = await openBrowser();
    browser.site.models.set('small.onnx', bytes);
    tab = await browser.openTab();
  });

  afterAll(() => browser?.close());

  it('has all contestants compute the same, answer loads and let frames be counted', async () => {
    const contestants = [
      'bare inline',
      'bare worker',
      'runner in a worker',
      'runner inline',
      'onnxruntime-web proxy',
    ] as const;
    const answers: number[][] = [];
    for (const contestant of contestants) {
      const handle = await tab.call('open', contestant, model, { maxBatchRows: 4 });
      answers.push(await tab.call('outputs', handle, 2));
      const load = { callers: 2, rows: 2, durationMs: 50 };
      const { perSecond, latencies } = await tab.call('drive', handle, load);
      expect(perSecond).toBeGreaterThan(0);
      expect(latencies.length).toBeGreaterThan(0);
      const frames = await tab.call('framesUnder', handle, { ...load, withTurns: true });
      expect(frames.gaps.length).toBeGreaterThan(0);
      expect(frames.answers).toBeGreaterThan(0);
      await tab.call('close', handle);
    }
    expect(answers[0]).toHaveLength(6);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect((await tab.call('idleFrames', 50)).gaps.length).toBeGreaterThan(0);
  });

  it('asks two contestants in turn', async () => {
    const handles = [
      await tab.call('open', 'runner in a worker', model),
      await tab.call('open', 'bare worker', model),
    ] as const;
    const [first, second] = await tab.call('drivePair', handles, { rows: 2, durationMs: 50 });
    expect(first.length).toBeGreaterThan(0);
    expect(second).toHaveLength(first.length);
    for (const latencies of [first, second]) expect(latencies).toEqual(latencies.toSorted((a, b) => a - b));
    for (const handle of handles) await tab.call('close', handle);
  });

  it('has every visit answer the same, the second without asking for the model', async () => {
    const visited = { ...model, digest: createHash('sha256').update(bytes).digest('hex') };
    const visits = [
      (page: Tab) => page.call('visitByCacheApi', visited, 'bare inline'),
      (page: Tab) => page.call('visitByRunner', visited, { lanes: 1, warmUp: true }),
      (page: Tab) => page.call('visitByRunner', visited, { lanes: 'inline', warmUp: false }),
      (page: Tab) => page.call('visitByCacheApi', visited, 'bare worker'),
    ];
    const answers: number[][] = [];
    for (const [index, visit] of visits.entries()) {
      browser.site.asked.length = 0;
      const page = await browser.openTab();
      const { firstAnswerMs, outputs } = await visit(page);
      await page.close();
      expect(firstAnswerMs).toBeGreaterThan(0);
      answers.push(outputs);
      // The third and the fourth find what the second and the first left.
      if (index < 2) expect(browser.site.asked).toContain('small.onnx');
      else expect(browser.site.asked).toEqual([]);
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });
}
