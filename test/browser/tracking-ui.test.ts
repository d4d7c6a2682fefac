import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTracker, type SearchOptions, type Tracker } from '../../packages/tracking/src/index';
import { renderRunReport, serveUi, type UiServer } from '../../packages/tracking/src/ui/index';
import { findBrowser, noBrowser } from './find-browser';
import { lowContrasts } from './low-contrasts';
import { fillDemo, hostileName } from './tracking-demo';

/** What holds texts in the page. */
const texts = 'h1,h2,h3,p,a,dt,dd,th,td,button,label,code,summary,.pill,.muted';

const executablePath = findBrowser();

if (executablePath === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else describe('the page of a tracker in Chromium', { timeout: 60_000 }, () => tests(executablePath));

function tests(path: string): void {
  let browser: Browser;
  let folder: string;
  let tracker: Tracker;
  let ui: UiServer;
  let ids: Readonly<Record<string, string>>;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: path, args: ['--no-sandbox'] });
    folder = await mkdtemp(join(tmpdir(), 'fairlead-ui-'));
    tracker = await openTracker({ dir: join(folder, 'store') });
    ids = await fillDemo(tracker);
    ui = await serveUi({ tracker });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await ui?.close();
    await tracker?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Shows a place, does something there, and checks that the page complained of nothing on the way. */
  async function at(
    place: string,
    act: (tab: Page) => Promise<void>,
    { expected = [], ...options }: BrowserContextOptions & { expected?: RegExp[] } = {},
  ): Promise<void> {
    const tab = await browser.newPage({ viewport: { width: 1280, height: 844 }, ...options });
    const problems: string[] = [];
    tab.on('console', (message) => void problems.push(message.text()));
    tab.on('pageerror', (error) => void problems.push(String(error)));
    tab.on('dialog', (dialog) => {
      problems.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    try {
      await tab.goto(place.includes('://') ? place : `${ui.url}${place}`);
      await act(tab);
      expect(problems.filter((problem) => !expected.some((pattern) => pattern.test(problem)))).toEqual([]);
    } finally {
      await tab.close();
    }
  }

  const names = (tab: Page): Promise<string[]> => tab.locator('tbody td.name a').allInnerTexts();
  const focusedRow = (tab: Page): Promise<string | null | undefined> =>
    tab.evaluate(() => document.activeElement?.getAttribute('aria-label'));

  it('draws of a long table what is seen, and every key still moves through all of it', async () => {
    const summaries = Array.from({ length: 1000 }, (_, i) => ({
      id: i.toString(16).padStart(32, '0'),
      experiment: 'many',
      name: `many-${i}`,
      status: 'FINISHED' as const,
      startedAt: 1_700_000_000_000 - i,
      endedAt: 1_700_000_001_000,
      params: { lr: i },
      tags: {},
      metrics: {},
    }));
    const search = (async ({ limit = 100, pageToken = '0' }: SearchOptions = {}) => {
      const end = Number(pageToken) + limit;
      const runs = summaries.slice(Number(pageToken), end);
      return { runs, rows: [], ...(end < summaries.length ? { nextPageToken: String(end) } : {}) };
    }) as Tracker['search'];
    const long = await serveUi({ tracker: { ...tracker, search } });
    try {
      await at(long.url, async (tab) => {
        for (let rows = 100; rows < 1000; rows += 100) {
          await tab.getByText(`${rows} runs, and more`).waitFor();
          await tab.getByText('Show more runs').click();
        }
        await tab.getByText('1000 runs', { exact: true }).waitFor();
        const table = tab.getByRole('grid', { name: 'Runs' });
        expect(await table.getAttribute('aria-rowcount')).toBe('1001');
        const isDrawn = async (name: string): Promise<void> => {
          await tab.getByRole('link', { name, exact: true }).waitFor();
          expect(await tab.locator('tbody tr').count()).toBeLessThan(250);
        };
        await tab.evaluate(() => scrollTo(0, document.body.scrollHeight));
        await isDrawn('many-999');
        const height = await table.evaluate((element) => element.scrollHeight);
        await tab.evaluate(() => scrollTo(0, 0));
        await isDrawn('many-0');
        await tab.evaluate(() => scrollTo(0, document.body.scrollHeight / 2));
        await isDrawn('many-500');
        expect(Math.abs((await table.evaluate((element) => element.scrollHeight)) - height)).toBeLessThan(100);
        await tab.evaluate(() => scrollTo(0, 0));
        await isDrawn('many-0');
        await tab.locator('tr[aria-label="many-3, finished"]').focus();
        const focusAfter = async (key: string, name: string): Promise<void> => {
          await tab.keyboard.press(key);
          await tab.waitForFunction(
            (label) => document.activeElement?.getAttribute('aria-label') === label,
            `${name}, finished`,
          );
        };
        await focusAfter('End', 'many-999');
        await focusAfter('ArrowUp', 'many-998');
        await focusAfter('PageUp', 'many-988');
        await tab.keyboard.press('Space');
        await focusAfter('Home', 'many-0');
        await tab.keyboard.press('Space');
        await tab.getByText('Compare 2 runs').waitFor();
        for (let i = 1; i <= 150; i++) await tab.keyboard.press('ArrowDown');
        await tab.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'many-150, finished');
      });
    } finally {
      await long.close();
    }
  });

  it('finds runs by a filter, and says under the field what is wrong with one', () =>
    at('', async (tab) => {
      const field = tab.getByLabel('Filter', { exact: true });
      await field.fill("params.optimizer = 'adam'");
      await tab.waitForFunction(() => document.querySelectorAll('tbody td.name').length === 2);
      expect(await names(tab)).toEqual(['cnn-ember', 'cnn-basil']);
      await field.fill("params.optimizer = = 'adam'");
      await tab.getByRole('alert').waitFor();
      expect(await tab.getByRole('alert').innerText()).toContain('at character 20');
      expect(await field.getAttribute('aria-invalid')).toBe('true');
      expect(await names(tab)).toEqual(['cnn-ember', 'cnn-basil']); // the last that could be read
      await field.fill("status = 'FAILED' OR name LIKE 'gbm%'");
      await tab.waitForFunction(() => document.querySelector('[role=alert]') === null);
      await tab.waitForFunction(() => document.querySelectorAll('tbody td.name').length === 2);
      expect(await names(tab)).toEqual(['gbm-1', 'cnn-gorse']);
      expect(new URL(tab.url()).hash).toContain('filter=');
      await field.fill("name = 'nobody'");
      await tab.getByRole('heading', { name: 'No run matches' }).waitFor();
      await tab.getByRole('button', { name: 'Show all runs' }).click();
      await tab.locator('tbody td.name').nth(8).waitFor();
    }));

  it('sorts by a column, in both directions and back', () =>
    at('#/runs?experiment=digits', async (tab) => {
      const head = tab.getByRole('columnheader', { name: 'val/accuracy' });
      await tab.locator('tbody td.name').first().waitFor();
      await head.getByRole('button').click();
      await tab.waitForFunction(() => document.querySelector('tbody td.name a')?.textContent === 'cnn-dune');
      expect(await head.getAttribute('aria-sort')).toBe('descending');
      await head.getByRole('button').click();
      await tab.waitForFunction(() => document.querySelector('tbody td.name a')?.textContent === 'cnn-amber');
      expect((await names(tab)).at(-1)).toBe('cnn-gorse'); // it has none
      await head.getByRole('button').click();
      await tab.waitForFunction(() => document.querySelector('tbody td.name a')?.textContent === 'cnn-gorse');
      expect(await head.getAttribute('aria-sort')).toBe('none');
    }));

  it('is used by keyboard alone: search, choose, compare, open', () =>
    at('#/runs?experiment=digits', async (tab) => {
      await tab.locator('tbody td.name').first().waitFor();
      await tab.keyboard.press('/');
      expect(await focusedRow(tab)).toBe('Filter');
      await tab.keyboard.type("name LIKE 'cnn-%' AND status = 'FINISHED'");
      await tab.waitForFunction(() => document.querySelectorAll('tbody td.name').length === 6);
      while (!/^cnn-fern/.test((await focusedRow(tab)) ?? '')) await tab.keyboard.press('Tab');
      await tab.keyboard.press('Space');
      await tab.keyboard.press('ArrowDown');
      expect(await focusedRow(tab)).toBe('cnn-ember, finished');
      await tab.keyboard.press('Space');
      await tab.keyboard.press('End');
      expect(await focusedRow(tab)).toBe('cnn-amber, finished');
      const outline = await tab.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle);
      expect(outline).toBe('solid');
      await tab.keyboard.press('Home');
      expect(await tab.locator('tr[aria-selected=true]').count()).toBe(2);
      const compare = tab.getByRole('button', { name: 'Compare 2 runs' });
      await compare.focus();
      await tab.keyboard.press('Enter');
      await tab.getByRole('heading', { name: '2 runs compared' }).waitFor();
      await tab.goBack();
      await tab.locator('tbody tr').first().focus();
      await tab.keyboard.press('Enter');
      await tab.getByRole('heading', { name: /^cnn-fern/ }).waitFor();
    }));

  it('shows columns that one chose, and remembers them', () =>
    at('#/runs', async (tab) => {
      await tab.getByText('Columns', { exact: true }).click();
      await tab.getByLabel('team').check();
      await tab.getByLabel('learning_rate').uncheck();
      await tab.keyboard.press('Escape');
      await tab.reload();
      await tab.getByRole('columnheader', { name: 'team' }).waitFor();
      expect(await tab.getByRole('columnheader', { name: 'learning_rate' }).count()).toBe(0);
    }));

  it('shows a run while it logs, and its end', async () => {
    const run = await tracker.startRun({ experiment: 'live', name: 'growing' });
    run.log({ loss: 4 }, { step: 0 });
    await at('#/runs?experiment=live', async (tab) => {
      await tab.locator('tbody td.name a').click();
      await tab.getByRole('img', { name: 'loss: growing 4' }).waitFor();
      run.log({ loss: 3 }, { step: 1 });
      run.log({ loss: 2.5, accuracy: 0.5 }, { step: 2 });
      await tab.getByRole('img', { name: 'loss: growing 2.5' }).waitFor();
      await tab.getByRole('img', { name: 'accuracy: growing 0.5' }).waitFor();
      await run.complete();
      await tab.locator('h1 .pill', { hasText: 'Finished' }).waitFor();
    });
  });

  it('compares runs: lines of each in one chart, differences, parallel coordinates', () => {
    const query = ['amber', 'basil', 'cedar'].map((name) => `run=${ids[`cnn-${name}`]}`).join('&');
    return at(`#/compare?${query}`, async (tab) => {
      await tab
        .getByRole('img', { name: /^val\/loss: cnn-amber [\d.]+, cnn-basil [\d.]+, cnn-cedar [\d.]+$/ })
        .waitFor();
      expect(await drawnHues(tab, 'figure.metric >> nth=1 >> canvas')).toBeGreaterThanOrEqual(3);
      const table = tab.getByRole('region', { name: 'Differences' });
      expect(
        await table
          .getByRole('row', { name: /^optimizer/ })
          .locator('td')
          .allInnerTexts(),
      ).toEqual(['sgd', 'adam', 'adamw']);
      expect(await table.getByRole('row', { name: /^layers/ }).count()).toBe(0); // the same in all
      await tab.getByLabel(/^Only what differs/).uncheck();
      expect(
        await table
          .getByRole('row', { name: /^layers/ })
          .locator('td')
          .allInnerTexts(),
      ).toEqual(['4', '4', '4']);
      await tab.getByLabel('Logarithmic').check();
      await tab.getByLabel('Horizontal').selectOption('relative');
      await tab.getByLabel('Smoothing').fill('0.6');
      const parallel = tab.getByRole('img', { name: /^Parallel coordinates of 3 runs over batch_size, dropout, lr/ });
      await parallel.waitFor();
      expect(await drawnHues(tab, '.parallel canvas')).toBeGreaterThanOrEqual(3);
      await tab.getByRole('group', { name: 'Axes' }).getByLabel('layers').check();
      await tab.getByRole('img', { name: /^Parallel coordinates of 3 runs over .*layers/ }).waitFor();
      // Dragging along the first axis keeps the runs that go through it there.
      const box = await tab.locator('.parallel').boundingBox();
      if (box === null) throw new Error('The chart has no box.');
      await tab.locator('.parallel').scrollIntoViewIfNeeded();
      const seen = (await tab.locator('.parallel').boundingBox()) ?? box;
      await tab.mouse.move(seen.x + 56, seen.y + seen.height - 24);
      await tab.mouse.down();
      await tab.mouse.move(seen.x + 56, seen.y + seen.height - 120, { steps: 5 });
      await tab.mouse.up();
      await tab.getByText(/^1 run in the chosen ranges/).waitFor();
    });
  });

  it('shows images, tables and texts of a run, and runs nothing that is in them', () =>
    at(
      `#/run/${ids['cnn-amber']}`,
      async (tab) => {
        const open = (name: string) => tab.locator('.files').getByText(name, { exact: true }).click();
        const width = (): Promise<number> =>
          tab.locator('.preview img').evaluate((image: HTMLImageElement) => image.naturalWidth);
        await open('confusion.png');
        await tab.waitForFunction(() => (document.querySelector('.preview img') as HTMLImageElement | null)?.complete);
        expect(await width()).toBe(240);
        await open('predictions.csv');
        await tab.getByRole('cell', { name: '2, or so' }).waitFor();
        expect(
          await tab
            .getByRole('region', { name: 'predictions.csv' })
            .getByRole('row')
            .nth(2)
            .locator('td')
            .allInnerTexts(),
        ).toEqual(['2', '2, or so', '2', '0.981']);
        await open('notes.md');
        await tab.getByText('<script>alert("note")</script>').waitFor();
        await open('curve.svg');
        await tab.waitForFunction(
          () => ((document.querySelector('.preview img') as HTMLImageElement | null)?.naturalWidth ?? 0) > 0,
        );
        await open('per-class.echarts.json');
        await tab.getByRole('img', { name: 'per-class.echarts.json' }).waitFor();
        expect(await drawnHues(tab, '.figure-chart canvas')).toBeGreaterThanOrEqual(1);
        const lineage = tab.getByRole('region', { name: 'Lineage, from data to deployment' });
        expect(await lineage.locator('li a, li strong').allInnerTexts()).toEqual(
          expect.arrayContaining(['digits-train', 'digits-test', 'cnn-amber', 'digits/1', 'api-eu']),
        );
        expect(await lineage.locator('path').count()).toBeGreaterThanOrEqual(4);
        await tab.getByLabel('Tag', { exact: true }).fill('reviewed by');
        await tab.getByLabel('Value').fill('<i>ada</i>');
        await tab.keyboard.press('Enter');
        await tab.locator('dd', { hasText: '<i>ada</i>' }).waitFor();
        expect((await tracker.getRun(ids['cnn-amber'] as string)).tags['reviewed by']).toBe('<i>ada</i>');
        // Opened by itself, the figure is in a sandbox.
        await tab.goto(`${ui.url}api/runs/${ids['cnn-amber']}/artifacts/curve.svg`);
        await tab.locator('svg').waitFor();
      },
      { expected: [/Blocked script execution|Content Security Policy|sandbox/i] },
    ));

  it('takes no name for markup', async () => {
    await at(`#/run/${ids.hostile}`, async (tab) => {
      await tab.locator('h1').waitFor();
      expect(await tab.locator('h1').innerText()).toContain(hostileName);
      await tab.getByText('<script>alert(3)</script>').waitFor();
      expect(await tab.locator('main img').count()).toBe(0);
      const chart = tab.locator('.chart').first();
      await chart.hover();
    });
    await at(`#/compare?run=${ids.hostile}&run=${ids['gbm-1']}`, async (tab) => {
      await tab.getByRole('heading', { name: '2 runs compared' }).waitFor();
      await tab.getByRole('img', { name: /^auc: .*0\.71/ }).waitFor();
      const chart = tab.locator('.metric .chart').first();
      const box = await chart.boundingBox();
      if (box === null) throw new Error('The chart has no box.');
      await tab.mouse.move(box.x + 60, box.y + 90);
      await tab.locator('.tip').waitFor();
      expect(await tab.locator('.tip').innerText()).toContain(hostileName);
      expect(await tab.locator('main img').count()).toBe(0);
    });
  });

  it('promotes past a gate only when told to, rolls back, and keeps who and why', () =>
    at('#/models', async (tab) => {
      await tab.getByRole('link', { name: /^digits/ }).click();
      const champion = tab.getByRole('article', { name: 'Alias champion' });
      expect(await champion.locator('.version').innerText()).toBe('v2');

      await champion.getByRole('button', { name: 'Promote a version to champion' }).click();
      const dialog = tab.getByRole('dialog');
      await dialog.getByLabel('Version').selectOption('3');
      await dialog.getByText('metric accuracy').waitFor();
      await dialog.getByLabel('Who').fill('lin');
      await dialog.getByLabel('Why').fill('faster <b>and</b> smaller');
      expect(await dialog.getByRole('button', { name: 'Promote' }).isDisabled()).toBe(true);
      await dialog.getByLabel(/^Promote it all the same/).check();
      await dialog.getByRole('button', { name: 'Promote' }).click();
      await dialog.waitFor({ state: 'detached' });
      await champion.locator('.version', { hasText: 'v3' }).waitFor();
      const forced = (await tracker.registry.aliasHistory('digits', 'champion')).at(-1);
      expect(forced).toMatchObject({
        from: '2',
        to: '3',
        forced: true,
        evidence: { actor: 'lin', reason: 'faster <b>and</b> smaller' },
      });

      await champion.getByRole('button', { name: 'Roll back champion' }).press('Enter');
      await tab.getByRole('dialog').getByLabel('Why').fill('errors on the phone');
      expect(await tab.getByRole('dialog').getByLabel('Who').inputValue()).toBe('lin');
      await tab.keyboard.press('Enter');
      await champion.locator('.version', { hasText: 'v2' }).waitFor();
      expect((await tracker.registry.aliasHistory('digits', 'champion')).at(-1)).toMatchObject({
        to: '2',
        rollback: true,
      });
      await champion.getByText('History (4)').click();
      expect(await champion.locator('.moves li').allInnerTexts()).toEqual([
        expect.stringContaining('rollback'),
        expect.stringContaining('forced'),
        expect.stringContaining('1 → 2'),
        expect.stringContaining('– → 1'),
      ]);

      await tab.getByRole('button', { name: 'Vote on version 2' }).click();
      await tab.getByRole('dialog').getByLabel('Why').fill('read the card');
      await tab.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
      await tab.getByText('✓ lin').waitFor();

      // A browser tells of a closed dialog a frame later: what was asked for in the meantime stays.
      await tab.getByRole('button', { name: 'Vote on version 2' }).click();
      await tab.getByRole('dialog', { name: 'Vote on version 2' }).waitFor();
      await tab.evaluate(() => {
        document.querySelector('dialog')?.close();
        document.querySelector<HTMLElement>('[aria-label="Roll back champion"]')?.click();
      });
      await tab.getByRole('dialog', { name: 'Roll back @champion' }).waitFor();
      await tab.evaluate(() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen))));
      await tab.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
      await tab.getByRole('dialog').waitFor({ state: 'detached' });

      // Another process is faster: the dialog says so, and moves nothing.
      await champion.getByRole('button', { name: 'Roll back champion' }).click();
      await tab.getByRole('dialog').getByLabel('Why').fill('too late');
      await tab.keyboard.press('Escape');
      await tab.getByRole('dialog').waitFor({ state: 'detached' });
      expect(await champion.locator('.version').innerText()).toBe('v2');
    }));

  it.each([
    ['light', 390],
    ['light', 1280],
    ['dark', 390],
    ['dark', 1280],
  ] as const)('is whole and readable in %s at a width of %i', async (colorScheme, width) => {
    const places = [
      '#/runs',
      `#/run/${ids['cnn-amber']}`,
      `#/compare?run=${ids['cnn-amber']}&run=${ids['cnn-basil']}`,
      '#/models/digits',
    ];
    for (const place of places) {
      await at(
        place,
        async (tab) => {
          await tab.locator('table').first().waitFor();
          expect(await tab.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
          expect(await tab.evaluate(() => document.documentElement.dataset.theme)).toBe(colorScheme);
          expect(await tab.evaluate(lowContrasts, texts)).toEqual([]);
          expect(await tab.evaluate(nameless)).toEqual([]);
        },
        { colorScheme, viewport: { width, height: 844 } },
      );
    }
  });

  it('changes its colours by a switch, and keeps the choice', () =>
    at(
      '#/runs',
      async (tab) => {
        await tab.getByRole('button', { name: /^Colours: Auto/ }).click();
        await tab.getByRole('button', { name: /^Colours: Light/ }).click();
        await tab.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
        await tab.reload();
        await tab.getByRole('button', { name: /^Colours: Dark/ }).waitFor();
        expect(await tab.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(14, 17, 22)');
      },
      { colorScheme: 'light' },
    ));

  it('says what to do where there is nothing', async () => {
    const empty = await openTracker({ dir: join(folder, 'empty') });
    const server = await serveUi({ tracker: empty });
    try {
      await at(`${server.url}#/runs`, (tab) => tab.getByText('await tracker.withRun').waitFor());
      await at(`${server.url}#/models`, (tab) => tab.getByText('registerVersion').waitFor());
      await at(`${server.url}#/run/nothing`, (tab) => tab.getByText('There is no run "nothing"').waitFor());
    } finally {
      await server.close();
      await empty.close();
    }
  });

  it('renders runs as one file that asks for nothing', async () => {
    const file = join(folder, 'report.html');
    await writeFile(
      file,
      await renderRunReport(
        tracker,
        ['cnn-amber', 'cnn-basil'].map((name) => ids[name] as string),
      ),
    );
    await at(pathToFileURL(file).href, async (tab) => {
      const asked: string[] = [];
      tab.on('request', (request) => void asked.push(request.url()));
      await tab.getByRole('img', { name: /^val\/loss: cnn-amber [\d.]+, cnn-basil [\d.]+$/ }).waitFor();
      expect(await drawnHues(tab, 'figure.metric >> nth=1 >> canvas')).toBeGreaterThanOrEqual(2);
      await tab.getByRole('region', { name: 'Differences' }).getByRole('link', { name: 'cnn-amber' }).click();
      await tab.locator('.preview img').waitFor();
      await tab.locator('.files').getByText('predictions.csv', { exact: true }).click();
      await tab.getByRole('cell', { name: '2, or so' }).waitFor();
      expect(asked.filter((url) => !url.startsWith('data:'))).toEqual([]);
    });
  });

  it('renders a run with hostile names as a file that runs nothing of them', async () => {
    const file = join(folder, 'hostile.html');
    await writeFile(
      file,
      await renderRunReport(tracker, [ids.hostile as string], { title: '</title><script>alert(4)</script>' }),
    );
    await at(pathToFileURL(file).href, async (tab) => {
      await tab.getByText('<script>alert(3)</script>').waitFor();
      expect(await tab.title()).toBe('</title><script>alert(4)</script>');
    });
  });
}

/** How many hues, in steps of 20 degrees, a canvas shows more than a little of. */
function drawnHues(tab: Page, selector: string): Promise<number> {
  return tab
    .locator(selector)
    .first()
    .evaluate((canvas: HTMLCanvasElement) => {
      const context = canvas.getContext('2d') as CanvasRenderingContext2D;
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const counts = new Map<number, number>();
      for (let i = 0; i < data.length; i += 4) {
        const [red = 0, green = 0, blue = 0, alpha = 0] = data.subarray(i, i + 4);
        const chroma = Math.max(red, green, blue) - Math.min(red, green, blue);
        if (alpha < 60 || chroma < 60) continue;
        const hue = Math.atan2(Math.sqrt(3) * (green - blue), 2 * red - green - blue);
        const bucket = Math.round((hue / Math.PI) * 9);
        counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
      }
      return [...counts.values()].filter((count) => count > 60).length;
    });
}

/** What can be pressed or filled in and has no name. Runs in the page. */
function nameless(): string[] {
  return [...document.querySelectorAll('button, a[href], input, select, [role=img], [role=region]')]
    .filter((element) => {
      const label = element.getAttribute('aria-label') ?? element.textContent ?? '';
      const labels = (element as HTMLInputElement).labels;
      return label.trim() === '' && (labels === null || labels === undefined || labels.length === 0);
    })
    .map((element) => element.outerHTML.slice(0, 80));
}
