import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { everySection } from '../../packages/core/src/report/page.fixture';
import { renderReport } from '../../packages/core/src/report/render-report';
import { everyRollout } from '../../packages/core/src/report/rollout.fixture';
import { findBrowser, noBrowser } from './find-browser';
import { lowContrasts } from './low-contrasts';

/** What holds texts in a report: HTML, and the SVG of its charts. */
const texts = 'h1,h2,h3,h4,p,a,dt,dd,th,td,li,strong,caption,summary,figcaption,.pill,.muted,text,footer';

const executablePath = findBrowser();

if (executablePath === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else describe('a report in Chromium', { timeout: 30_000 }, () => tests(executablePath));

function tests(path: string): void {
  let browser: Browser;
  let page: string;
  let rollouts: string;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: path, args: ['--no-sandbox'] });
    page = await renderReport(await everySection(), { title: 'Churn 3' });
    rollouts = await renderReport({ rollouts: await everyRollout() }, { title: 'Every rollout' });
  }, 60_000);

  afterAll(() => browser?.close());

  it.each([
    ['light', 390],
    ['light', 1280],
    ['dark', 390],
    ['dark', 1280],
  ] as const)('is whole and readable in %s at a width of %i', async (colorScheme, width) => {
    const tab = await browser.newPage({ viewport: { width, height: 844 }, colorScheme });
    const problems: string[] = [];
    tab.on('console', (message) => void problems.push(message.text()));
    tab.on('pageerror', (error) => void problems.push(String(error)));
    tab.on('dialog', (dialog) => void problems.push(dialog.message()));
    tab.on('request', (request) => void problems.push(request.url()));
    try {
      await tab.setContent(page);
      await tab.locator('details').evaluateAll((all) => {
        for (const one of all) one.setAttribute('open', '');
      });
      expect(await tab.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      expect(await tab.locator('svg:visible').count()).toBe(1 + 20 + 1);
      expect(await tab.locator('h1').innerText()).toBe('Churn 3');
      expect(await tab.locator('script, img, iframe').count()).toBe(0);
      // The chart of the evidence is drawn for the width: its letters are of a size to read.
      const letters = tab.locator('figure.card svg:visible text').first();
      expect((await letters.boundingBox())?.height).toBeGreaterThan(9);
      expect(await tab.evaluate(lowContrasts, texts)).toEqual([]);
      expect(problems).toEqual([]);
    } finally {
      await tab.close();
    }
  });

  it.each([
    ['light', 390],
    ['light', 1280],
    ['dark', 390],
    ['dark', 1280],
  ] as const)('shows rollouts, whole and readable in %s at a width of %i', async (colorScheme, width) => {
    const tab = await browser.newPage({ viewport: { width, height: 844 }, colorScheme });
    const problems: string[] = [];
    tab.on('console', (message) => void problems.push(message.text()));
    tab.on('pageerror', (error) => void problems.push(String(error)));
    tab.on('dialog', (dialog) => void problems.push(dialog.message()));
    tab.on('request', (request) => void problems.push(request.url()));
    try {
      await tab.setContent(rollouts);
      await tab.locator('details').evaluateAll((all) => {
        for (const one of all) one.setAttribute('open', '');
      });
      expect(await tab.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
      expect(await tab.locator('.rollout').count()).toBe(7);
      expect(await tab.locator('script, img, iframe, marquee').count()).toBe(0);
      expect(await tab.locator('svg:visible').count()).toBe(rollouts.match(/<svg /g)?.length);
      const letters = tab.locator('.rollout svg text').first();
      expect((await letters.boundingBox())?.height).toBeGreaterThan(9);
      // Shares fill their bar, whoever has how much.
      const shares = await tab.locator('.shares').evaluateAll((bars) =>
        bars.map((bar) => {
          const filled = [...bar.children].reduce((sum, part) => sum + part.getBoundingClientRect().width, 0);
          return filled / bar.getBoundingClientRect().width;
        }),
      );
      for (const share of shares) expect(share).toBeGreaterThan(0.95);
      expect(await tab.evaluate(lowContrasts, texts)).toEqual([]);
      expect(problems).toEqual([]);
    } finally {
      await tab.close();
    }
  });

  it.each(['monitors', 'rollouts'])('of %s can be read by keyboard and by a screen reader', async (of) => {
    const tab = await browser.newPage({ viewport: { width: 1280, height: 844 } });
    try {
      await tab.setContent(of === 'rollouts' ? rollouts : page);
      await tab.keyboard.press('Tab');
      expect(await tab.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
      expect(await tab.locator('[role=img]:not([aria-label])').count()).toBe(0);
      expect(await tab.locator('table:not(:has(caption))').count()).toBe(0);
      expect(await tab.locator('.scroll:not([tabindex="0"][aria-label])').count()).toBe(0);
      const levels = await tab
        .locator('h1, h2, h3, h4')
        .evaluateAll((all) => all.map(({ tagName }) => Number(tagName[1])));
      levels.forEach((level, index) => {
        expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(index === 0 || levels[index - 1] !== 2 ? 1 : 2);
      });
    } finally {
      await tab.close();
    }
  });
}
