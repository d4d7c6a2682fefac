import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OnnxOptions, TfjsDevice } from '@fairlead/browser';
import type { Tensors } from '@fairlead/core';
import { backendConformance } from '@fairlead/core/testing';
import { onnx } from '@fairlead/node';
import { type Browser, type Page as BrowserTab, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Subject } from './conformance-page/main';
import { findBrowser, noBrowser } from './find-browser';
import { launchArguments } from './launch-arguments';
import { buildPage, isolationHeaders, removePage, type Site, serveFolder } from './site';
import { type TfjsModelName, type WireGolden, writeTfjsModels } from './tfjs-models';
import { fromWire, toWire, type WireTensors } from './wire';

const executablePath = findBrowser();

if (executablePath === undefined) {
  it('finds a browser', ({ skip }) => {
    if (process.env.FAIRLEAD_REQUIRE_BROWSER === '1') throw new Error(noBrowser);
    console.warn(`\n${noBrowser}\n`);
    skip(noBrowser);
  });
} else describe('the conformance suite in Chromium', { timeout: 120_000 }, () => tests(executablePath));

/** The suite's cases by name; what they run on, the page decides. */
const caseNames = backendConformance({
  createBackend: () => onnx(),
  reference: '',
  missingReference: '',
  golden: { inputs: {}, outputs: {} },
}).map(({ name }) => name);

const models = new URL('../../examples/models/', import.meta.url);

function tests(path: string): void {
  let browser: Browser;
  let plain: Site;
  let isolated: Site;
  let folder = '';
  let digits: Subject['golden'];
  let tiny: Readonly<Record<TfjsModelName, WireGolden>>;

  beforeAll(async () => {
    const started = chromium.launch({ executablePath: path, args: launchArguments });
    folder = await buildPage('es', new URL('./conformance-page', import.meta.url).pathname);
    // As hosts send files whose names hold their digests: hundreds of workers start here, and each would be compiled anew.
    const headers = { 'cache-control': 'public, max-age=3600' };
    plain = await serveFolder(folder, { headers });
    isolated = await serveFolder(folder, { headers: { ...headers, ...isolationHeaders } });
    digits = await goldenDigits();
    tiny = await writeTfjsModels(join(folder, 'tfjs'));
    browser = await started;
    console.info(`The conformance suite runs in Chromium ${browser.version()} (${path}).`);
  });

  afterAll(async () => {
    await browser?.close();
    await plain?.close();
    await isolated?.close();
    removePage(folder);
  });

  /** One tab for all cases of a subject, since what one of them leaves behind the next one may trip over. */
  function conforms(what: string, where: () => Site, subject: () => Subject, isIsolated = false): void {
    describe(what, () => {
      let tab: BrowserTab;
      const problems: string[] = [];

      beforeAll(async () => {
        tab = await browser.newPage();
        tab.on('pageerror', (error) => void problems.push(String(error)));
        await tab.goto(where().origin);
        expect(await tab.evaluate(() => globalThis.conformance.isolated)).toBe(isIsolated);
        await tab.evaluate((given) => globalThis.conformance.begin(given), subject());
      });
      afterAll(() => tab?.close());

      for (const name of caseNames) {
        it(name, async () => {
          expect(await tab.evaluate((given) => globalThis.conformance.run(given), name)).toBeUndefined();
          expect(problems.splice(0)).toEqual([]);
        });
      }
    });
  }

  const onnxSubject = (options: OnnxOptions, inLane: boolean): Subject => ({
    backend: { onnx: options },
    inLane,
    reference: '/models/digits-v2.onnx',
    missingReference: '/models/nothing.onnx',
    golden: digits,
    tolerance: 1e-4,
  });
  const plainSite = (): Site => plain;
  const wasm = { device: 'wasm' } as const;
  const emulated = { device: 'webgpu', allowSoftwareAdapter: true } as const;

  conforms('onnx on wasm, in a lane', plainSite, () => onnxSubject(wasm, true));
  conforms('onnx on wasm, inline', plainSite, () => onnxSubject(wasm, false));
  conforms(
    'onnx on wasm with two threads, in a lane',
    () => isolated,
    () => onnxSubject({ ...wasm, threads: 2 }, true),
    true,
  );
  conforms('onnx on WebGPU, emulated, in a lane', plainSite, () => onnxSubject(emulated, true));
  conforms('onnx on WebGPU, emulated, inline', plainSite, () => onnxSubject(emulated, false));

  const tfjsSubject = (kind: TfjsModelName, device: TfjsDevice, inLane: boolean): Subject => ({
    backend: { tfjs: { device, allowSoftwareAdapter: true } },
    inLane,
    reference: `/tfjs/${kind}/model.json`,
    missingReference: '/tfjs/nothing/model.json',
    golden: tiny[kind],
    tolerance: 1e-4,
  });
  for (const device of ['wasm', 'cpu', 'webgl', 'webgpu'] as const) {
    const where = device.startsWith('web') ? `${device}, emulated` : device;
    conforms(`tfjs on ${where}, with a graph model in a lane`, plainSite, () => tfjsSubject('graph', device, true));
    conforms(`tfjs on ${where}, with a graph model inline`, plainSite, () => tfjsSubject('graph', device, false));
    conforms(`tfjs on ${where}, with a layers model in a lane`, plainSite, () => tfjsSubject('layers', device, true));
    conforms(`tfjs on ${where}, with a layers model inline`, plainSite, () => tfjsSubject('layers', device, false));
  }
}

/** Golden rows of the digits, as onnxruntime-node answers them. */
async function goldenDigits(): Promise<Subject['golden']> {
  const { cases } = JSON.parse(readFileSync(new URL('digits-v2.golden.json', models), 'utf8')) as {
    readonly cases: readonly [{ readonly inputs: WireTensors }];
  };
  const inputs: Tensors = fromWire(cases[0].inputs);
  const bytes = new Uint8Array(readFileSync(new URL('digits-v2.onnx', models)));
  const model = { bytes, digest: '0'.repeat(64), name: 'digits', version: '1', sidecar: async () => undefined };
  const session = await onnx().doCreateSession(model, {});
  try {
    return { inputs: toWire(inputs), outputs: toWire(await session.doRun(inputs, {})) };
  } finally {
    await session.close();
  }
}
