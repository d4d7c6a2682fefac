import { createRunner, type LocalRunner } from '@fairlead/core';
import { openApi, openInference } from '@fairlead/core/serving';
import { createMockBackend, mockModel } from '@fairlead/core/testing';
import { type Server, serve } from '@fairlead/node/server';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, noBrowser } from './find-browser';

/*
 * The documentation page of a real server in a real browser. FAIRLEAD_SCREENSHOTS names a folder for pictures of it, for whoever
 * changes its look.
 */

const executablePath = findBrowser();
if (executablePath === undefined) {
  if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
  console.warn(noBrowser);
}

const sizes = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } } as const;

describe.skipIf(executablePath === undefined)('the documentation page', () => {
  let browser: Browser;
  let server: Server;
  let runners: LocalRunner[];

  beforeAll(async () => {
    const classifier = await createRunner({
      model: { ...mockModel('7'), name: 'digits' },
      backend: createMockBackend({
        signature: {
          inputs: [{ name: 'pixels', dtype: 'float32', shape: ['batch', 64] }],
          outputs: [
            { name: 'label', dtype: 'int64', shape: ['batch'] },
            { name: 'probabilities', dtype: 'float32', shape: ['batch', 10] },
          ],
          batchAxis: 0,
        },
        compute: (_inputs, rows) => ({
          label: { dtype: 'int64', shape: [rows], data: new BigInt64Array(rows) },
          probabilities: { dtype: 'float32', shape: [rows, 10], data: new Float32Array(10 * rows).fill(0.1) },
        }),
      }),
    });
    const hostile = await createRunner({ model: mockModel('1'), backend: createMockBackend() });
    runners = [classifier, hostile];
    server = await serve(
      { digits: classifier, '</script><img src=x onerror="document.title=1">': hostile },
      {
        port: 0,
        basePath: '/ml',
        protocols: [
          openInference(),
          openApi({
            title: 'Handwriting models',
            version: '2.1',
            description: 'Reads digits of 8 × 8 grey pixels, from 0 to 16.',
          }),
        ],
      },
    );
    browser = await chromium.launch({ executablePath: executablePath as string, args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await Promise.all((runners ?? []).map((runner) => runner.close()));
  });

  async function open(
    size: keyof typeof sizes,
    colorScheme: 'light' | 'dark',
    use: (page: Page) => Promise<void>,
  ): Promise<void> {
    const context = await browser.newContext({ viewport: sizes[size], colorScheme });
    try {
      const page = await context.newPage();
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(String(error)));
      page.on('console', (message) => {
        // A request that fails on purpose is told too.
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
          faults.push(message.text());
      });
      page.on('request', (request) => {
        if (!request.url().startsWith(server.url)) faults.push(`asked elsewhere: ${request.url()}`);
      });
      await page.goto(`${server.url}/ml/docs`);
      await use(page);
      expect(faults).toEqual([]);
    } finally {
      await context.close();
    }
  }

  it.each([
    ['desktop', 'light'],
    ['desktop', 'dark'],
    ['phone', 'light'],
    ['phone', 'dark'],
  ] as const)('fits a %s in %s, and a model answers from it', async (size, scheme) => {
    await open(size, scheme, async (page) => {
      const form = page.locator('form[data-path="/v2/models/digits/infer"]');
      await form.getByRole('button', { name: 'Send' }).click();
      await expect.poll(() => form.locator('.answer .pill').textContent()).toBe('200 OK');
      expect(await form.locator('pre').textContent()).toContain('"name": "probabilities"');
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow).toBeLessThanOrEqual(0);
      const folder = process.env.FAIRLEAD_SCREENSHOTS;
      if (folder !== undefined) await page.screenshot({ path: `${folder}/docs-${size}-${scheme}.png`, fullPage: true });
    });
  });

  it('says what is wrong with a body, before and after it is sent', async () => {
    await open('desktop', 'light', async (page) => {
      const form = page.locator('form[data-path="/v2/models/digits/infer"]');
      const body = form.getByLabel('Body, JSON');
      await body.fill('{');
      await body.press('Control+Enter');
      await expect.poll(() => form.locator('.answer .pill').textContent()).toBe('not sent');
      await body.fill('{"inputs":[]}');
      await body.press('Control+Enter');
      await expect.poll(() => form.locator('.answer .pill').textContent()).toBe('400 Bad Request');
      expect(await form.locator('pre').textContent()).toContain('"code": "INVALID_INPUT"');
    });
  });

  it('sends credentials along, and shows a name that would be markup as text', async () => {
    await open('phone', 'dark', async (page) => {
      await page.getByText('Credentials').click();
      await page.getByLabel('Header').fill('x-api-key');
      await page.getByLabel('Value').fill('secret');
      const sent = page.waitForRequest((request) => request.method() === 'POST');
      await page.locator('form').first().getByRole('button').click();
      expect((await sent).headers()['x-api-key']).toBe('secret');
      expect(await page.title()).toBe('Handwriting models');
      expect(await page.locator('img').count()).toBe(0);
      expect(await page.getByRole('heading', { name: '</script><img' }).count()).toBe(1);
    });
  });
});
