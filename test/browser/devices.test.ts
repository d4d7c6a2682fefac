import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyUnary } from '../../packages/node/src/onnx/tiny-onnx';
import type { DevicesPage } from './devices-page/main';
import { findBrowser, noBrowser } from './find-browser';
import { launchChromium } from './launch';
import { buildPage, isolationHeaders, removePage, type Site, serveFolder } from './site';

const executablePath = findBrowser();

if (executablePath === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else describe('devices, in Chromium', { timeout: 30_000 }, () => tests(executablePath));

const model = '/models/digits-v2.onnx';
const float16 = tinyUnary('Relu', { type: 'float16', shape: ['n'] });
const available = expect.objectContaining({ available: true });
const missing = (words: string) => ({ available: false, reason: expect.stringContaining(words) });

function tests(path: string): void {
  let browser: Browser;
  let plain: Browser;
  let built: string;
  let site: Site;
  let isolated: Site;

  beforeAll(async () => {
    browser = await launchChromium(path);
    // What browsers do in their lockdown modes: no code is compiled at run time.
    plain = await launchChromium(path, ['--js-flags=--jitless']);
    built = await buildPage('iife', fileURLToPath(new URL('./devices-page', import.meta.url)));
    const replaced = new Map([['/float16.onnx', float16]]);
    site = await serveFolder(built, { replaced });
    isolated = await serveFolder(built, { headers: isolationHeaders });
  });
  afterAll(async () => {
    await browser?.close();
    await plain?.close();
    await site?.close();
    await isolated?.close();
    removePage(built);
  });

  /** Calls the page in a tab of its own; also tells what it fetched of the runtime. */
  async function call<Name extends 'detect' | 'open'>(
    where: { readonly browser: Browser; readonly origin: string },
    name: Name,
    ...args: Parameters<DevicesPage[Name]>
  ) {
    const tab = await where.browser.newPage();
    const fetched: string[] = [];
    tab.on('request', (request) => void fetched.push(request.url()));
    try {
      await tab.goto(where.origin);
      const before = fetched.length;
      const answer = await tab.evaluate(
        async ([method, values]) => {
          try {
            return await (globalThis.devicesPage[method] as (...all: unknown[]) => Promise<unknown>)(...values);
          } catch (error) {
            const { code, message } = error as { code: string; message: string };
            return { code, message };
          }
        },
        [name, args as readonly unknown[]] as const,
      );
      return { answer, fetched: fetched.slice(before) };
    } finally {
      await tab.close();
    }
  }

  it('are detected: an emulated adapter with its limits, and what the headers allow', async () => {
    const { answer, fetched } = await call({ browser, origin: isolated.origin }, 'detect');
    expect(answer).toEqual({
      webgpu: {
        available: true,
        software: true,
        vendor: expect.any(String),
        architecture: 'swiftshader',
        description: expect.any(String),
        shaderF16: missing('shader-f16'),
        maxBufferSize: expect.any(Number),
        maxStorageBufferBindingSize: expect.any(Number),
      },
      webassembly: available,
      simd: available,
      threads: available,
      jspi: available,
      cores: available,
      memory: available,
      secureContext: available,
      crossOriginIsolated: available,
    });
    expect((answer as { webgpu: { maxBufferSize: number } }).webgpu.maxBufferSize).toBeGreaterThanOrEqual(2 ** 28);
    expect(fetched).toEqual([]);
    expect((await call({ browser, origin: site.origin }, 'detect')).answer).toMatchObject({
      threads: missing('COOP and COEP'),
      crossOriginIsolated: missing('COOP and COEP'),
    });
  });

  it('without WebAssembly there is none, which is said before anything is fetched', async () => {
    const where = { browser: plain, origin: site.origin };
    const { answer } = await call(where, 'detect');
    expect(answer).toMatchObject({ webassembly: missing('no WebAssembly'), simd: missing('no WebAssembly') });
    const opened = await call(where, 'open', model, {});
    expect(opened.answer).toEqual({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(/webgpu: there is no WebAssembly.*wasm: there is no WebAssembly.*disabled/),
    });
    expect(opened.fetched.filter((url) => url.endsWith('.wasm'))).toEqual([]);
  });

  it('a model of float16 does not go to an adapter without it, and the reason is told', async () => {
    const { answer, fetched } = await call({ browser, origin: site.origin }, 'open', '/float16.onnx', {
      allowSoftwareAdapter: true,
    });
    expect(answer).toEqual({
      device: 'wasm',
      lanes: 'worker-1',
      fallbacks: [expect.stringMatching(/^webgpu → wasm: the model computes with float16, .*no shader-f16/)],
    });
    // Nor is the runtime of the GPU fetched.
    expect(fetched.filter((url) => url.endsWith('.wasm'))).toHaveLength(1);
    const refused = await call({ browser, origin: site.origin }, 'open', '/float16.onnx', {
      device: 'webgpu',
      allowSoftwareAdapter: true,
    });
    expect(refused.answer).toEqual({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('float16') });
  });

  it('a download that ends before its end is no model', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'access-control-allow-origin': '*', 'content-length': 39_430 });
      response.write(new Uint8Array(1000).fill(8), () => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const url = `http://127.0.0.1:${port}/digits.onnx`;
      const { answer } = await call({ browser, origin: site.origin }, 'open', url, { device: 'wasm' });
      expect(answer).toEqual({ code: 'REMOTE_FAILED', message: expect.stringMatching(/broke off after.*Try again/) });
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
}
