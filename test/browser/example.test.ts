import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DrawnDigit, drawnDigits } from './drawn-digits';
import { findBrowser, noBrowser } from './find-browser';
import { lowContrasts } from './low-contrasts';
import { removePage, type Site, serveUnder } from './site';

const executablePath = findBrowser();

if (executablePath === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else describe('examples/browser-digits in Chromium', { timeout: 60_000 }, () => tests(executablePath));

const example = fileURLToPath(new URL('../../examples/browser-digits', import.meta.url));
/** Not the root of the host, as on the pages of a project. */
const path = '/demo/digits/';

function tests(browserPath: string): void {
  let folder: string;
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-example-'));
    await build({
      root: example,
      configFile: join(example, 'vite.config.ts'),
      logLevel: 'error',
      build: { outDir: folder, emptyOutDir: true },
    });
    site = await serveUnder(path, folder);
    browser = await chromium.launch({
      executablePath: browserPath,
      args: ['--no-sandbox', '--disable-background-networking'],
    });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    if (folder !== undefined) removePage(folder);
  });

  /** A profile of its own; the page must write no error to the console. */
  async function withPage(
    options: BrowserContextOptions,
    use: (page: Page, context: BrowserContext) => Promise<void>,
  ): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const problems: string[] = [];
    context.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    context.on('weberror', (error) => void problems.push(String(error.error())));
    try {
      await use(await context.newPage(), context);
      expect(problems).toEqual([]);
    } finally {
      await context.close();
    }
  }

  async function visit(page: Page, where = site): Promise<void> {
    await page.goto(`${where.origin}${path}`);
    await ready(page);
  }

  const ready = (page: Page) => page.locator('#status[data-state=ready]').waitFor();
  const textOf = async (page: Page, id: string): Promise<string> => (await page.locator(`#${id}`).textContent()) ?? '';

  async function draw(page: Page, { strokes }: DrawnDigit): Promise<void> {
    const paper = page.locator('#paper');
    await paper.scrollIntoViewIfNeeded();
    const box = await paper.boundingBox();
    if (box === null) throw new Error('the paper is not shown');
    for (const stroke of strokes) {
      for (const [index, [x, y]] of stroke.entries()) {
        await page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps: index === 0 ? 1 : 2 });
        if (index === 0) await page.mouse.down();
      }
      await page.mouse.up();
    }
  }

  /** What the page says aloud once a drawing is finished. */
  async function answerTo(page: Page, input: () => Promise<void>): Promise<number> {
    await page.locator('#clear:disabled').waitFor();
    await expect.poll(() => textOf(page, 'announcement')).toBe('');
    await input();
    await page.locator('#reading[aria-busy=false]').waitFor();
    await expect.poll(() => textOf(page, 'announcement')).toMatch(/^Reads a \d, \d+ % sure\.$/);
    return Number(/\d/.exec(await textOf(page, 'announcement'))?.[0]);
  }

  async function feed(page: Page, change: 'none' | 'inverted' | 'shifted'): Promise<string> {
    await page.locator(`[data-feed=${change}]`).click();
    await page.locator(`[data-feed=${change}]:enabled`).waitFor();
    return textOf(page, 'feed-result');
  }

  async function clear(page: Page): Promise<void> {
    await page.locator('#clear').click();
    await page.locator('#digit[data-empty=true]').waitFor();
  }

  it('reads what is drawn with a mouse: at least nine of ten digits, the 1 and the 7 among them', async () => {
    await withPage({}, async (page) => {
      await visit(page);
      const right: number[] = [];
      for (const drawn of drawnDigits) {
        const digit = await answerTo(page, () => draw(page, drawn));
        expect(await textOf(page, 'digit')).toBe(String(digit));
        if (digit === drawn.digit) right.push(digit);
        await clear(page);
      }
      expect(right).toEqual(expect.arrayContaining([1, 7]));
      expect(right.length).toBeGreaterThanOrEqual(9);
      // Each drawing counts once, whatever its strokes, and ten plain digits are no drift.
      expect(await textOf(page, 'rows-seen')).toBe('10');
      expect(await textOf(page, 'drift-state')).toBe('ok');
      expect(await textOf(page, 'device')).toMatch(/^Web(GPU|Assembly)$/);
      expect(await textOf(page, 'latency')).toMatch(/^[\d.,]+ ms$/);
      expect(await textOf(page, 'latency-note')).toMatch(/median of the last \d+ answers/);
      expect(Number.parseInt(await textOf(page, 'batch'), 10) % 10).toBe(0);
    });
  });

  it('shows probabilities that add up, and the pixels that the model sees', async () => {
    await withPage({}, async (page) => {
      await visit(page);
      const seven = drawnDigits[7] as DrawnDigit;
      await answerTo(page, () => draw(page, seven));
      const shares = await page.locator('#bars .share').allTextContents();
      expect(shares).toHaveLength(10);
      const sum = shares.reduce((total, share) => total + Number.parseInt(share, 10), 0);
      expect(Math.abs(sum - 100)).toBeLessThanOrEqual(5); // Ten numbers, each rounded.
      expect(await page.locator('#seen').getAttribute('aria-label')).toMatch(/ink in \d+ of 64 pixels/);
      await page.locator('#undo').click();
      await page.locator('#digit[data-empty=true]').waitFor();
      expect(await page.locator('#seen').getAttribute('aria-label')).toMatch(/nothing yet/);
    });
  });

  it('works by keyboard alone: draws a 1, clears it, and takes a written 4', async () => {
    await withPage({}, async (page) => {
      await visit(page);
      await page.keyboard.press('Tab');
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('paper');
      expect(await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineWidth)).toBe('3px');
      const digit = await answerTo(page, async () => {
        await page.keyboard.press('Space');
        expect(await textOf(page, 'pen-state')).toBe('Pen down.');
        for (let step = 0; step < 18; step++) await page.keyboard.press('ArrowDown');
        await page.keyboard.press('Space');
        expect(await textOf(page, 'pen-state')).toBe('Pen up.');
      });
      expect(digit).toBe(1);
      await page.keyboard.press('Delete');
      await page.locator('#digit[data-empty=true]').waitFor();
      // Undo and Clear are disabled on empty paper, so the Tab key passes them over.
      for (let digit = 0; digit <= 4; digit++) await page.keyboard.press('Tab');
      expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('A written 4');
      expect(await answerTo(page, () => page.keyboard.press('Enter'))).toBe(4);
    });
  });

  it('opens a second time without a network, from what was kept', async () => {
    await withPage({}, async (page, context) => {
      const away = await serveUnder(path, folder);
      try {
        await visit(page, away);
        expect(await textOf(page, 'model-note')).toContain('downloaded now, kept for the next visit');
        // On a machine with much to do the page may go on before its service worker is there, and says so.
        for (; (await textOf(page, 'status-text')) !== 'Ready, with or without a network'; ) await visit(page, away);
      } finally {
        await away.close();
      }
      await context.setOffline(true);
      const again = await context.newPage();
      await visit(again, away);
      expect(await textOf(again, 'model-note')).toContain('from this browser’s cache, digest checked');
      expect(await answerTo(again, () => draw(again, drawnDigits[0] as DrawnDigit))).toBe(0);
      expect(await feed(again, 'none')).toMatch(/2[2-5] of 25 read right/);
    });
  });

  it('says that inverted digits drift, where, and that written ones do not; and begins anew', async () => {
    await withPage({}, async (page) => {
      await visit(page);
      expect(await textOf(page, 'drift-state')).toBe('no digits yet');
      for (const _ of [1, 2, 3]) expect(await feed(page, 'none')).toMatch(/As they are: 2[2-5] of 25 read right/);
      expect(await textOf(page, 'drift-state')).toBe('ok');
      expect(await textOf(page, 'rows-seen')).toBe('75');
      // What is asked at the same time shares batches.
      expect(Number(/\d+/.exec(await textOf(page, 'batch-note'))?.[0])).toBeGreaterThan(1);
      await feed(page, 'inverted');
      expect(await textOf(page, 'drift-state')).toBe('drifting');
      expect(await textOf(page, 'drift-sentence')).toMatch(
        /not like the training digits\. The alarm came at digit \d+/,
      );
      expect(Number(/\d+/.exec(await textOf(page, 'moved'))?.[0])).toBeGreaterThan(20);
      expect(await page.locator('#groups .group.moved').count()).toBeGreaterThan(0);
      expect(await textOf(page, 'movers')).toMatch(/row \d, column \d \(more ink\)/);
      expect(await page.locator('#map').getAttribute('aria-label')).toMatch(/\d+ pixels moved/);
      await page.locator('#forget').click();
      expect(await textOf(page, 'drift-state')).toBe('no digits yet');
    });
  });

  it.each(['light', 'dark'] as const)('fits any width, and can be read, in %s', async (colorScheme) => {
    await withPage({ colorScheme, reducedMotion: 'reduce' }, async (page) => {
      await visit(page);
      await draw(page, drawnDigits[2] as DrawnDigit);
      await feed(page, 'inverted');
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      expect(ground).toBe(colorScheme === 'light' ? 'rgb(245, 242, 235)' : 'rgb(19, 20, 24)');
      for (const width of [320, 390, 1280]) {
        await page.setViewportSize({ width, height: 800 });
        expect(await page.evaluate(() => document.documentElement.scrollWidth), `${width} px`).toBeLessThanOrEqual(
          width,
        );
        const cut = await page.evaluate(() =>
          [...document.querySelectorAll<HTMLElement>('button, .figure, .score, .badge, .label, .share')]
            .filter(({ clientWidth, scrollWidth }) => scrollWidth > clientWidth + 1 && clientWidth > 0)
            .map(({ textContent }) => textContent),
        );
        expect(cut, `${width} px`).toEqual([]);
      }
      for (const changed of ['none', 'inverted'] as const) {
        await feed(page, changed);
        expect(await page.evaluate(lowContrasts, 'body *')).toEqual([]);
      }
      const moving = await page.evaluate(() =>
        [...document.querySelectorAll('*')].filter((element) =>
          ['', '::after'].some((part) => {
            const { animationName, transitionDuration } = getComputedStyle(element, part);
            return animationName !== 'none' || transitionDuration !== '0s';
          }),
        ),
      );
      expect(moving).toHaveLength(0);
    });
  });

  it('says what is wrong when there is no model, and tries again', async () => {
    const context = await browser.newContext({ serviceWorkers: 'block' });
    try {
      const page = await context.newPage();
      await context.route('**/models/*.onnx', (route) => route.fulfill({ status: 404 }));
      await page.goto(`${site.origin}${path}`);
      await page.locator('#status[data-state=failed]').waitFor();
      expect(await textOf(page, 'status-text')).toMatch(/digits-v2\.onnx.*404/);
      // One can draw all the while, and is answered when the model is there.
      await draw(page, drawnDigits[7] as DrawnDigit);
      expect(await textOf(page, 'digit')).toBe('–');
      await context.unroute('**/models/*.onnx');
      await page.locator('#status-retry').click();
      await ready(page);
      await expect.poll(() => textOf(page, 'digit')).toBe('7');
    } finally {
      await context.close();
    }
  });
}
