import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createRunner, type LocalRunner } from '@fairlead/core';
import {
  azureMl,
  batchScoring,
  type Guard,
  mlflowScoring,
  openApi,
  openInference,
  sageMaker,
  tensorflowServing,
  torchServe,
  vertexAi,
} from '@fairlead/core/serving';
import { createMockBackend, mockModel } from '@fairlead/core/testing';
import { type Server, serve } from '@fairlead/node/server';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, noBrowser } from './find-browser';
import { lowContrasts } from './low-contrasts';

/*
 * The documentation page of a real server in a real browser. FAIRLEAD_SCREENSHOTS names a folder for pictures of it, for whoever
 * changes its look.
 */

const executablePath = findBrowser();
if (executablePath === undefined) {
  if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
  console.warn(noBrowser);
}

/** Lets everybody in, and says how one would show who he is. */
const guard: Guard = {
  admit: () => undefined,
  securitySchemes: {
    apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'An API key of this server.' },
  },
  openOperations: ['health', 'documentation'],
};

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
        guard,
        protocols: [
          openInference(),
          tensorflowServing(),
          torchServe(),
          mlflowScoring({ model: 'digits' }),
          sageMaker({ model: 'digits' }),
          vertexAi({ model: 'digits' }),
          azureMl({ model: 'digits' }),
          batchScoring(),
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
      expect(await form.locator('.answer pre').textContent()).toContain('"name": "probabilities"');
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow).toBeLessThanOrEqual(0);
      expect(await page.evaluate(lowContrasts, 'body *')).toEqual([]);
      const folder = process.env.FAIRLEAD_SCREENSHOTS;
      if (folder !== undefined) await page.screenshot({ path: `${folder}/docs-${size}-${scheme}.png`, fullPage: true });
      // With everything open it fits too.
      await page.evaluate(() => {
        for (const each of document.querySelectorAll('details')) each.open = true;
      });
      expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(
        0,
      );
      expect(await page.evaluate(lowContrasts, 'body *')).toEqual([]);
      if (folder !== undefined)
        await page.screenshot({ path: `${folder}/docs-${size}-${scheme}-open.png`, fullPage: true });
    });
  });

  it('lists every route of every protocol, and has a form and a command for each', async () => {
    const { paths } = (await (await fetch(`${server.url}/ml/openapi.json`)).json()) as {
      paths: Record<string, object>;
    };
    await open('desktop', 'light', async (page) => {
      const operations = Object.entries(paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
      );
      const forms = await page
        .locator('form')
        .evaluateAll((all) =>
          all.map((form) => `${(form as HTMLElement).dataset.method} ${(form as HTMLElement).dataset.path}`),
        );
      expect([...forms].sort()).toEqual(operations.sort());
      expect(await page.locator('nav a[href^="#protocol"]').allTextContents()).toEqual([
        'open-inference',
        'tensorflow-serving',
        'torchserve',
        'mlflow',
        'vertex-ai',
        'azure-ml',
        'batch',
        'openapi',
      ]);
      for (const command of await page.locator('.curl').allTextContents())
        expect(command).toContain(`${server.url}/ml/`);
    });
  });

  it('shows without its script the commands that it shows with it', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${server.url}/ml/docs`);
    const plain = await page.locator('.curl').allTextContents();
    await context.close();
    await open('desktop', 'light', async (scripted) => {
      expect(await scripted.locator('.curl').allTextContents()).toEqual(plain);
    });
    expect(plain.length).toBeGreaterThan(40);
  });

  it('shows commands that a shell sends as the form would', async () => {
    await open('phone', 'light', async (page) => {
      const commands: Record<string, string> = {};
      for (const [path, method] of [
        ['/v2/models/digits/infer', 'POST'],
        ['/invocations', 'POST'],
        ['/v2/models/{model}', 'GET'],
        ['/predictions/digits', 'PUT'],
      ]) {
        const form = page.locator(`form[data-path="${path}"][data-method="${method}"]`);
        commands[`${method} ${path}`] = (await form.locator('.curl').textContent()) ?? '';
      }
      expect(commands['POST /v2/models/digits/infer']).toContain('-H "x-api-key: $TOKEN"');
      for (const command of Object.values(commands)) {
        const shell = `${command.replace('curl ', 'curl -sS -o /dev/null -w "%{http_code}" ')}`;
        const { stdout } = await promisify(execFile)('sh', ['-c', shell], { env: { ...process.env, TOKEN: 'x' } });
        expect(stdout, command).toBe('200');
      }
    });
  });

  it('sends other forms of a body, and parameters, and writes them into the command', async () => {
    await open('desktop', 'dark', async (page) => {
      const rows = page.locator('form[data-path="/v1/batch/digits"]');
      await page.locator('a.route', { hasText: '/v1/batch/digits' }).click();
      await rows.locator('select.type').selectOption('text/csv');
      await rows.getByRole('button', { name: 'Send' }).click();
      await expect.poll(() => rows.locator('.answer .pill').textContent()).toBe('200 OK');
      expect(await rows.locator('.answer pre').textContent()).toMatch(/^index,id,label,/);
      expect(await rows.locator('.curl').textContent()).toContain("-H 'content-type: text/csv'");
      await rows.getByLabel('id, query').fill('key');
      expect(await rows.locator('.curl').textContent()).toContain('/v1/batch/digits?id=key');

      const version = page.locator('form[data-path="/v2/models/{model}/versions/{version}"]');
      await version.evaluate((form) => form.closest('details')?.setAttribute('open', ''));
      await version.getByLabel('version').fill('7');
      await version.getByRole('button', { name: 'Send' }).click();
      await expect.poll(() => version.locator('.answer .pill').textContent()).toBe('200 OK');
      expect(await version.locator('.answer pre').textContent()).toContain('"name": "digits"');
      expect(await version.locator('.curl').textContent()).toContain('/v2/models/digits/versions/7');
    });
  });

  it('copies a command', async () => {
    await open('desktop', 'light', async (page) => {
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      const form = page.locator('form[data-path="/v2/models/digits/infer"]');
      await form.getByRole('button', { name: 'Copy' }).click();
      await expect.poll(() => form.locator('.copy').textContent()).toBe('Copied');
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(await form.locator('.curl').textContent());
    });
  });

  it('says what is wrong with a body, before and after it is sent', async () => {
    await open('desktop', 'light', async (page) => {
      const form = page.locator('form[data-path="/v2/models/digits/infer"]');
      const body = form.getByLabel('Body, application/json');
      await body.fill('{');
      await body.press('Control+Enter');
      await expect.poll(() => form.locator('.answer .pill').textContent()).toBe('not sent');
      await body.fill('{"inputs":[]}');
      await body.press('Control+Enter');
      await expect.poll(() => form.locator('.answer .pill').textContent()).toBe('400 Bad Request');
      expect(await form.locator('.answer pre').textContent()).toContain('"code": "INVALID_INPUT"');
    });
  });

  it('sends credentials along, and shows a name that would be markup as text', async () => {
    await open('phone', 'dark', async (page) => {
      // Open at once, and with the header that the guard tells of.
      expect(await page.getByLabel('Header', { exact: true }).inputValue()).toBe('x-api-key');
      await page.getByLabel('Value', { exact: true }).fill('secret');
      const sent = page.waitForRequest((request) => request.method() === 'POST');
      await page.locator('form').first().getByRole('button', { name: 'Send' }).click();
      expect(await page.locator('form').first().locator('.curl').textContent()).not.toContain('secret');
      expect((await sent).headers()['x-api-key']).toBe('secret');
      expect(await page.title()).toBe('Handwriting models');
      expect(await page.locator('img').count()).toBe(0);
      expect(await page.getByRole('heading', { name: '</script><img' }).count()).toBe(1);
    });
  });
});
