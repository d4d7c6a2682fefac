import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TfjsDevice, TfjsOptions } from '@fairlead/browser';
import { type Browser, type Page as BrowserTab, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser, noBrowser } from './find-browser';
import { launchArguments } from './launch-arguments';
import { buildPage, removePage, type Site, serveModels, servePage } from './site';
import { type TfjsModelName, type WireGolden, writeTfjsModels } from './tfjs-models';
import type { PageRunner, TfjsPage } from './tfjs-page/main';
import type { WireTensors } from './wire';

const executablePath = findBrowser();

if (executablePath === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else describe('TensorFlow.js in Chromium', { timeout: 60_000 }, () => tests(executablePath));

const root = fileURLToPath(new URL('../..', import.meta.url));
const pageFolder = fileURLToPath(new URL('./tfjs-page', import.meta.url));
const wasmFolder = fileURLToPath(new URL('../../node_modules/@tensorflow/tfjs-backend-wasm/dist', import.meta.url));
const simdFile = 'tfjs-backend-wasm-simd.wasm';
const devices = ['webgpu', 'webgl', 'wasm', 'cpu'] as const;

/** A tab, and what it fetched. */
interface Tab {
  readonly tab: BrowserTab;
  readonly fetched: string[];
  /** Calls a function of the page. */
  call<K extends Exclude<keyof TfjsPage, 'secure'>>(
    name: K,
    ...args: Parameters<TfjsPage[K]>
  ): Promise<Awaited<ReturnType<TfjsPage[K]>>>;
}

/** Words in the code of each package that no other has. */
const marks = {
  core: 'DEPRECATION_WARNINGS_ENABLED',
  layers: 'BatchNormalization',
  converter: 'StatelessWhile',
  webgpu: 'WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE',
  webgl: 'WEBGL_PACK_NORMALIZATION',
  wasm: 'WASM_HAS_SIMD_SUPPORT',
} as const;

function tests(path: string): void {
  let browser: Browser;
  let folder = '';
  let site: Site;
  let oneScript: Site;
  let elsewhere: Site;
  const folders: string[] = [];
  const sites: Site[] = [];
  let golden: Readonly<Record<TfjsModelName, WireGolden>>;

  beforeAll(async () => {
    const started = chromium.launch({
      executablePath: path,
      args: [...launchArguments, '--host-resolver-rules=MAP app.test 127.0.0.1'],
    });
    folder = await buildPage('es', pageFolder);
    const other = await buildPage('iife', pageFolder);
    folders.push(folder, other);
    for (const each of folders) golden = await writeTfjsModels(join(each, 'tfjs'));
    // Where an app that names a folder would put them.
    mkdirSync(join(folder, 'tf'));
    cpSync(join(wasmFolder, simdFile), join(folder, 'tf', simdFile));
    site = await servePage(folder, false);
    oneScript = await servePage(other, false);
    elsewhere = await serveModels();
    sites.push(site, oneScript, elsewhere);
    browser = await started;
  });

  afterAll(async () => {
    await browser?.close();
    for (const { close } of sites) await close();
    for (const each of folders) removePage(each);
  });

  async function withTab(url: string, use: (tab: Tab) => Promise<void>): Promise<void> {
    const tab = await browser.newPage();
    const fetched: string[] = [];
    const problems: string[] = [];
    tab.on('request', (request) => void fetched.push(new URL(request.url()).pathname));
    tab.on('pageerror', (error) => void problems.push(String(error)));
    try {
      await tab.goto(url);
      await use({
        tab,
        fetched,
        call: (name, ...args) =>
          tab.evaluate(
            ([method, values]) => (globalThis.tfjsPage[method] as (...all: never) => never)(...(values as never)),
            [name, args] as const,
          ) as never,
      });
      expect(problems).toEqual([]);
    } finally {
      await tab.close();
    }
  }

  const modelUrl = (name: TfjsModelName): string => `/tfjs/${name}/model.json`;
  const on = (device: TfjsDevice): TfjsOptions => ({ device, allowSoftwareAdapter: true });

  /** Which packages of TensorFlow.js are in the scripts that were fetched. */
  function packagesIn(fetched: readonly string[]): string[] {
    const code = fetched.filter((file) => file.endsWith('.js')).map((file) => readFileSync(join(folder, file), 'utf8'));
    return Object.entries(marks).flatMap(([name, mark]) => (code.some((text) => text.includes(mark)) ? [name] : []));
  }

  it('fetches nothing of the runtime before a model is loaded, and then only what computes it', async () => {
    await withTab(site.origin, async ({ fetched, call }) => {
      expect(await call('support', { device: ['wasm', 'cpu'] })).toEqual({ supported: true, devices: ['wasm', 'cpu'] });
      expect(packagesIn(fetched)).toEqual([]);
      expect(await call('open', { model: modelUrl('graph'), backend: { device: 'wasm' } })).toMatchObject({
        name: 'graph',
        device: 'wasm',
        lanes: 'worker-1',
        fallbacks: [],
      });
      expect(packagesIn(fetched)).toEqual(['core', 'converter', 'wasm']);
      const files = fetched.filter((file) => file.endsWith('.wasm'));
      expect(files).toEqual([expect.stringMatching(/tfjs-backend-wasm-simd-[\w-]+\.wasm$/)]);
      expectGolden(await call('run', golden.graph.inputs), golden.graph);
      await call('close');
    });
  });

  it.each([
    ['ES modules', () => site],
    ['one script', () => oneScript],
  ])(
    'computes on every device what Node computes, in a worker bundled as %s',
    { timeout: 120_000 },
    async (_, where) => {
      await withTab(where().origin, async ({ call }) => {
        for (const device of devices) {
          for (const name of ['layers', 'recurrent', 'branch'] as const) {
            expect(await call('open', { model: modelUrl(name), backend: on(device) })).toMatchObject({
              device,
              lanes: 'worker-1',
              fallbacks: [],
            });
            expectGolden(await call('run', golden[name].inputs), golden[name]);
            await call('close');
          }
        }
      });
    },
  );

  it.each(devices)('gives every dtype back on %s, in the page itself', async (device) => {
    await withTab(site.origin, async ({ tab, call }) => {
      const facts = await call('open', { model: modelUrl('dtypes'), backend: on(device), lanes: 'inline' });
      expect(facts).toMatchObject({ device, lanes: 'inline' });
      expectGolden(await call('run', golden.dtypes.inputs), golden.dtypes);
      expect(tab.workers()).toEqual([]);
      await call('close');
    });
  });

  it.each(devices)('leaves no tensor behind on %s, however often it runs', { timeout: 120_000 }, async (device) => {
    await withTab(site.origin, async ({ call }) => {
      for (const [name, runs] of [
        ['graph', 300],
        ['layers', 30],
        ['branch', 30],
      ] as const) {
        await call('open', { model: modelUrl(name), backend: on(device), lanes: 'inline' });
        const [before, after] = await call('countTensors', golden[name].inputs, runs);
        expect({ name, tensors: after }).toEqual({ name, tensors: before });
        await call('close');
      }
    });
  });

  it('answers fifty overlapping calls on WebGPU, be it emulated', async () => {
    await withTab(site.origin, async ({ call }) => {
      await call('open', { model: modelUrl('graph'), backend: on('webgpu') });
      const answers = await call('runAtOnce', golden.graph.inputs, 50);
      expect(answers).toHaveLength(50);
      for (const answer of answers) expectGolden(answer, golden.graph);
      await call('close');
    });
  });

  it('refuses emulated GPUs with a sound, and computes on WebAssembly', async () => {
    await withTab(site.origin, async ({ fetched, call }) => {
      const facts = await call('open', { model: modelUrl('graph') });
      expect(facts).toMatchObject({
        device: 'wasm',
        fallbacks: [
          { from: 'webgpu', to: 'wasm', reason: expect.stringContaining('emulated on the CPU') },
          { from: 'webgl', to: 'wasm', reason: expect.stringContaining('emulated on the CPU') },
        ],
      });
      expectGolden(await call('run', golden.graph.inputs), golden.graph);
      await call('close');
      expect(packagesIn(fetched)).toEqual(['core', 'converter', 'wasm']);
      expect(await call('support', { device: ['webgpu', 'webgl'] })).toEqual({
        supported: false,
        reason: expect.stringMatching(/^webgpu: .*; webgl: .*allowSoftwareAdapter/),
      });
    });
  });

  it('takes the next device where one lacks an operation, and says so', async () => {
    await withTab(site.origin, async ({ call }) => {
      expect(await call('open', { model: modelUrl('einsum'), backend: { device: ['wasm', 'cpu'] } })).toMatchObject({
        device: 'cpu',
        fallbacks: [{ from: 'wasm', to: 'cpu', reason: expect.stringContaining("Kernel 'Einsum' not registered") }],
      });
      expectGolden(await call('run', golden.einsum.inputs), golden.einsum);
      await call('close');
    });
  });

  it('tells of a GPU that keeps 16 bits, which agrees to 1e-3', async () => {
    await withTab(site.origin, async ({ call }) => {
      await call('useHalfFloats');
      const facts = await call('open', { model: modelUrl('layers'), backend: on('webgl'), lanes: 'inline' });
      expect(facts).toMatchObject({
        device: 'webgl',
        fallbacks: [{ from: 'webgl in float32', to: 'webgl', reason: expect.stringContaining('16 bits') }],
      });
      expectGolden(await call('run', golden.layers.inputs), golden.layers, 1e-3);
      await call('close');
    });
  });

  it.each(['webgpu', 'webgl'] as const)('fails, and answers no zeros, when the GPU of %s is lost', async (device) => {
    await withTab(site.origin, async ({ call }) => {
      await call('open', { model: modelUrl('layers'), backend: on(device), lanes: 'inline' });
      await call('loseGpu', device);
      const problem = { code: 'RUN_FAILED', message: expect.stringContaining('The GPU was lost') };
      expect(await call('run', golden.layers.inputs)).toEqual(problem);
      expect(await call('run', golden.layers.inputs)).toEqual(problem);
      await call('close');
    });
  });

  it('loses the GPU of a worker, starts another one and goes on', async () => {
    await withTab(site.origin, async ({ call }) => {
      await call('open', { model: modelUrl('layers'), backend: on('webgl') });
      const session = await browser.newBrowserCDPSession();
      await session.send('Browser.crashGpuProcess' as never).catch(() => undefined);
      await expect
        .poll(() => call('lanes'), { timeout: 20_000 })
        .toMatchObject({
          lost: [{ code: 'LANE_LOST', message: expect.stringContaining('The GPU was lost') }],
          restarted: 1,
        });
      expectGolden(await call('run', golden.layers.inputs), golden.layers);
      await call('close');
    });
  });

  it('takes the .wasm files from another folder', async () => {
    await withTab(site.origin, async ({ fetched, call }) => {
      const backend = { device: 'wasm', wasmPaths: 'tf' } as const;
      expect(await call('open', { model: modelUrl('graph'), backend })).toMatchObject({ device: 'wasm' });
      expectGolden(await call('run', golden.graph.inputs), golden.graph);
      await call('close');
      const files = fetched.filter((file) => file.endsWith('.wasm'));
      expect(files).toEqual(['/tf/tfjs-backend-wasm-simd.wasm']);
    });
  });

  it('says what to do about everything that can be wrong with a model or a runtime, and works after it', async () => {
    const wasm = { device: 'wasm' } as const;
    const model = modelUrl('graph');
    const troubles: [options: PageRunner, code: string, advice: string][] = [
      [{ model: '/tfjs/nothing/model.json' }, 'MODEL_NOT_FOUND', 'status 404'],
      [{ model: '/app/model.json' }, 'MODEL_INVALID', 'an HTML page in place of a TensorFlow.js model'],
      [{ model: '/models/digits.json' }, 'MODEL_INVALID', '"modelTopology" in its model.json'],
      [{ model: '/models/digits-v2.onnx', backend: wasm }, 'MODEL_INVALID', 'begins like neither'],
      [{ model: '/models/digits-v2.onnx', backend: wasm, lanes: 'inline' }, 'MODEL_INVALID', 'begins like neither'],
      [{ model: '/tfjs/shardless/model.json' }, 'MODEL_NOT_FOUND', 'It is a weights file that'],
      [{ model: '/tfjs/truncated/model.json' }, 'MODEL_INVALID', 'The files are damaged'],
      [
        { model: `${elsewhere.origin}/digits.json` },
        'MODEL_NOT_FOUND',
        `"Access-Control-Allow-Origin: ${site.origin}"`,
      ],
      [{ model, backend: { ...wasm, maxModelBytes: 100 } }, 'LIMIT_EXCEEDED', 'maxModelBytes'],
      [{ model, backend: { ...wasm, wasmPaths: '/nowhere/' } }, 'BACKEND_UNAVAILABLE', 'wasmPaths'],
      [{ model, backend: { device: ['webgpu', 'webgl'] } }, 'BACKEND_UNAVAILABLE', 'allowSoftwareAdapter'],
      [{ model: modelUrl('einsum'), backend: wasm }, 'BACKEND_UNAVAILABLE', "ask for device: ['wasm', 'cpu']"],
    ];
    const [first, second] = [join(folder, 'tfjs/shardless'), join(folder, 'tfjs/truncated')];
    for (const broken of [first, second]) cpSync(join(folder, 'tfjs/layers'), broken, { recursive: true });
    rmSync(join(first, 'group1-shard2of2.bin'));
    truncateSync(join(second, 'group1-shard2of2.bin'), 100);
    await withTab(site.origin, async ({ call }) => {
      for (const [options, code, advice] of troubles) {
        expect(await call('open', options)).toEqual({ code, message: expect.stringContaining(advice) });
      }
      await call('open', { model, backend: wasm });
      const { data = [] } = golden.graph.inputs.features ?? {};
      expect(await call('run', { features: { dtype: 'float32', shape: [3, 5], data } })).toMatchObject({
        code: 'INVALID_INPUT',
        message: expect.stringContaining('features'),
      });
      expectGolden(await call('run', golden.graph.inputs), golden.graph);
      await call('close');
    });
  });

  it('runs the snippet of the guide', async () => {
    const guide = readFileSync(`${root}docs/browser/tensorflow-js.md`, 'utf8');
    const [, snippet = ''] = /^```ts browser\n([\s\S]*?)^```$/m.exec(guide) ?? [];
    // Inside the repository, so that the bundler finds the packages.
    mkdirSync(`${root}test/.cache`, { recursive: true });
    const source = mkdtempSync(`${root}test/.cache/tfjs-guide-`);
    try {
      writeFileSync(`${source}/main.ts`, snippet.replace("'/iris/model.json'", `'${modelUrl('graph')}'`));
      writeFileSync(`${source}/index.html`, '<!doctype html><script type="module" src="./main.ts"></script>');
      const built = await buildPage('es', source);
      folders.push(built);
      cpSync(join(folder, 'tfjs'), join(built, 'tfjs'), { recursive: true });
      const guideSite = await servePage(built, false);
      sites.push(guideSite);
      const tab = await browser.newPage();
      const message = tab.waitForEvent('console', (event) => event.type() === 'log');
      const problem = tab.waitForEvent('pageerror');
      problem.catch(() => undefined); // It is what should not come.
      await tab.goto(guideSite.origin);
      expect(await Promise.race([message.then((event) => event.text()), problem.then(String)])).toBe('wasm 1 × 2');
      await tab.close();
    } finally {
      rmSync(source, { recursive: true, force: true });
    }
  });

  it('works in a page that is not secure', async () => {
    await withTab(`http://app.test:${site.port}`, async ({ tab, call }) => {
      expect(await tab.evaluate(() => globalThis.tfjsPage.secure)).toBe(false);
      expect(await call('open', { model: modelUrl('graph') })).toMatchObject({
        device: 'wasm',
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
        fallbacks: [{ from: 'webgpu', reason: expect.stringContaining('HTTPS') }, { from: 'webgl' }],
      });
      expectGolden(await call('run', golden.graph.inputs), golden.graph);
      await call('close');
    });
  });
}

function expectGolden(answer: unknown, { outputs }: WireGolden, tolerance = 1e-4): void {
  const given = answer as WireTensors;
  expect(Object.keys(given).sort()).toEqual(Object.keys(outputs).sort());
  for (const [name, { dtype, shape, data }] of Object.entries(outputs)) {
    const tensor = given[name] as WireTensors[string];
    expect({ name, dtype: tensor.dtype, shape: tensor.shape }).toEqual({ name, dtype, shape });
    if (dtype !== 'float32') expect(tensor.data).toEqual(data);
    else {
      const worst = data.reduce<number>(
        (most, value, index) => Math.max(most, Math.abs(Number(value) - Number(tensor.data[index]))),
        0,
      );
      expect(worst).toBeLessThanOrEqual(tolerance);
    }
  }
}
