import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, type Page as BrowserTab, type CDPSession, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { computeDigits, type Digits } from './digits';
import type { ReactPage } from './react-page/main';
import { buildPage, removePage, type Site, servePage } from './site';

/**
 * The tests of `useModel` in a browser, in StrictMode.
 * @param path the browser
 * @param version how the version of React begins
 * @param visits how often the page mounts and unmounts
 * @param modules a folder with `react` and `react-dom`, in place of the installed ones
 */
export function testUseModel(path: string, version: string, visits: number, modules?: string): void {
  const alias: Record<string, string> =
    modules === undefined ? {} : { react: `${modules}/react`, 'react-dom': `${modules}/react-dom` };
  let digits: Digits;
  let older: Digits;
  let folder: string;
  let browser: Browser;
  let site: Site;
  let context: BrowserContext;
  let tab: BrowserTab;
  let devtools: CDPSession;
  /** URLs of models that the browser fetched. */
  let fetched: string[];
  let problems: string[];
  let workersStarted: number;

  beforeAll(async () => {
    [digits, older, folder] = await Promise.all([
      computeDigits('digits-v2.onnx', 20),
      computeDigits('digits-v1.onnx', 20),
      buildPage('es', fileURLToPath(new URL('./react-page', import.meta.url)), alias),
    ]);
    site = await servePage(folder, false);
    browser = await chromium.launch({
      executablePath: path,
      args: ['--no-sandbox', '--disable-background-networking'],
    });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await site?.close();
    if (folder !== undefined) removePage(folder);
  });

  beforeEach(async () => {
    context = await browser.newContext();
    tab = await context.newPage();
    fetched = [];
    problems = [];
    workersStarted = 0;
    tab.on('pageerror', (error) => void problems.push(String(error)));
    tab.on('console', (message) => {
      // A network error is a line of the browser's own: there is no favicon, and no golden rows beside a wrong URL.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load')) problems.push(message.text());
    });
    tab.on('request', (request) => {
      if (request.url().endsWith('.onnx')) fetched.push(new URL(request.url()).pathname);
    });
    tab.on('worker', () => void workersStarted++);
    devtools = await context.newCDPSession(tab);
    await tab.goto(site.origin);
    await tab.waitForFunction(() => 'reactPage' in globalThis);
  });

  afterEach(() => context.close());

  const call = <K extends 'showOwn' | 'showShared'>(name: K, ...args: Parameters<ReactPage[K]>): Promise<void> =>
    tab.evaluate(([method, values]) => (globalThis.reactPage[method] as (...all: unknown[]) => void)(...values), [
      name,
      args,
    ] as [K, unknown[]]);

  /** Waits until every component says this. */
  async function waitFor(text: string, count = 1): Promise<void> {
    await expect
      .poll(() => tab.locator('output').allTextContents(), { timeout: 20_000 })
      .toEqual(Array.from({ length: count }, () => text));
  }

  const labelsOf = ({ labels }: Digits): string => labels.join('');

  it('loads one model in one worker by one download, and predicts', async () => {
    expect(await tab.evaluate(() => globalThis.reactPage.version)).toMatch(new RegExp(`^${version}\\.`));
    await call('showOwn', '/models/digits-v2.onnx', digits.pixels);
    await waitFor(`ready ${labelsOf(digits)}`);
    expect(await tab.locator('span').textContent()).toBe('wasm');
    expect(fetched).toEqual(['/models/digits-v2.onnx']);
    expect(workersStarted).toBe(1);
    expect(tab.workers()).toHaveLength(1);
    expect(await tab.evaluate(() => globalThis.reactPage.rendered())).toEqual([
      'idle -',
      'loading -',
      'ready -',
      `ready ${labelsOf(digits)}`,
    ]);
    expect(await tab.evaluate(() => globalThis.reactPage.needless())).toBe(0);
    expect(problems).toEqual([]);
  });

  it('closes the worker when it is unmounted, and leaves nothing behind', {
    timeout: 120_000,
  }, async () => {
    for (let visit = 0; visit < visits; visit++) {
      await call('showOwn', '/models/digits-v2.onnx', digits.pixels);
      await waitFor(`ready ${labelsOf(digits)}`);
      expect(tab.workers()).toHaveLength(1);
      await tab.evaluate(() => globalThis.reactPage.unmount());
      await expect.poll(() => tab.workers().length, { timeout: 10_000 }).toBe(0);
    }
    expect(workersStarted).toBe(visits);
    expect(fetched).toEqual(['/models/digits-v2.onnx']);
    await devtools.send('HeapProfiler.collectGarbage');
    const { made, alive } = await tab.evaluate(() => globalThis.reactPage.runners());
    expect(made).toBe(visits);
    // The page itself remembers the last state that was rendered.
    expect(alive).toBeLessThanOrEqual(1);
    expect(problems).toEqual([]);
  });

  it('many components with one store share its model', async () => {
    await call('showShared', 5, digits.pixels);
    await waitFor(`ready ${labelsOf(digits)}`, 5);
    await call('showShared', 2, digits.pixels);
    await waitFor(`ready ${labelsOf(digits)}`, 2);
    expect(workersStarted).toBe(1);
    expect(tab.workers()).toHaveLength(1);
    await call('showShared', 0, digits.pixels);
    await expect.poll(() => tab.workers().length, { timeout: 10_000 }).toBe(0);
    expect(fetched).toEqual(['/models/digits-v2.onnx']);
    expect(problems).toEqual([]);
  });

  it('keeps the old answers until another model is ready', async () => {
    await call('showOwn', '/models/digits-v1.onnx', older.pixels);
    await waitFor(`ready ${labelsOf(older)}`);
    await tab.evaluate(() => globalThis.reactPage.rendered());
    await call('showOwn', '/models/digits-v2.onnx', older.pixels);
    await waitFor(`ready ${labelsOf(digits)}`);
    const rendered = await tab.evaluate(() => globalThis.reactPage.rendered());
    expect(rendered.slice(0, 2)).toEqual([`ready ${labelsOf(older)}`, `loading ${labelsOf(older)}`]);
    expect(rendered.at(-1)).toBe(`ready ${labelsOf(digits)}`);
    expect(rendered.filter((text) => text.includes('-'))).toEqual([]);
    await expect.poll(() => tab.workers().length, { timeout: 10_000 }).toBe(1);
    expect(problems).toEqual([]);
  });

  it('a wrong URL is a state, from which retry() leads out when the model is there', async () => {
    let missing = true;
    await tab.route('**/late.onnx', async (route) => {
      if (missing) await route.fulfill({ status: 404, body: 'not found' });
      else await route.fulfill({ response: await route.fetch({ url: `${site.origin}/models/digits-v2.onnx` }) });
    });
    await call('showOwn', '/late.onnx', digits.pixels);
    await waitFor('failed - MODEL_NOT_FOUND');
    expect(tab.workers()).toHaveLength(0);
    missing = false;
    await tab.getByRole('button').click();
    await waitFor(`ready ${labelsOf(digits)}`);
    expect(tab.workers()).toHaveLength(1);
    expect(problems).toEqual([]);
  });
}
