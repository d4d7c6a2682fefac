import { afterEach, describe, expect, it, vi } from 'vitest';
import { detectDevices } from './detect-devices';
import { probeThreads } from './webassembly';
import { probeWebGpu } from './webgpu';

afterEach(() => vi.unstubAllGlobals());

const info = { vendor: 'nvidia', architecture: 'ampere', description: 'GeForce', isFallbackAdapter: false };
const limits = { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 30 };
const withGpu = (requestAdapter: () => unknown): void => {
  vi.stubGlobal('navigator', { gpu: { requestAdapter } });
};
const withAdapter = (adapter: unknown): void => withGpu(async () => adapter);
const because = (words: string) => ({ available: false, reason: expect.stringContaining(words) });

describe('probeWebGpu', () => {
  it('tells of a GPU what a model needs to know', async () => {
    withAdapter({ info, limits, features: new Set(['shader-f16']) });
    expect(await probeWebGpu()).toEqual({
      available: true,
      software: false,
      vendor: 'nvidia',
      architecture: 'ampere',
      description: 'GeForce',
      shaderF16: { available: true },
      ...limits,
    });
  });

  it('takes the limits of the standard, and no float16, of an adapter that tells nothing', async () => {
    withAdapter({});
    expect(await probeWebGpu()).toEqual({
      available: true,
      software: false,
      vendor: '',
      architecture: '',
      description: '',
      shaderF16: because('no shader-f16'),
      maxBufferSize: 268_435_456,
      maxStorageBufferBindingSize: 134_217_728,
    });
  });

  it.each([
    ['its flag', { info: { ...info, isFallbackAdapter: true } }],
    ['the flag of older browsers', { isFallbackAdapter: true }],
    ['its name', { info: { ...info, vendor: 'google', architecture: 'swiftshader' } }],
    ['its description', { info: { ...info, description: 'llvmpipe (LLVM 15)' } }],
  ])('knows a software adapter by %s', async (_how, adapter) => {
    withAdapter(adapter);
    expect(await probeWebGpu()).toMatchObject({ available: true, software: true });
  });

  it('says why there is no GPU', async () => {
    withAdapter(null);
    expect(await probeWebGpu()).toEqual(because('no WebGPU adapter'));
    withGpu(() => Promise.reject(new Error('lost')));
    expect(await probeWebGpu()).toEqual(because('lost'));
    withGpu(() => {
      throw new TypeError('unknown option');
    });
    expect(await probeWebGpu()).toEqual(because('unknown option'));
    vi.stubGlobal('navigator', {});
    expect(await probeWebGpu()).toEqual(because('navigator.gpu'));
    vi.stubGlobal('isSecureContext', false);
    expect(await probeWebGpu()).toEqual(because('HTTPS'));
  });
});

describe('probeThreads', () => {
  it('needs an isolated page, SharedArrayBuffer and an engine that shares memory', () => {
    expect(probeThreads()).toEqual(because('COOP and COEP'));
    vi.stubGlobal('crossOriginIsolated', true);
    expect(probeThreads()).toEqual({ available: true });
    vi.stubGlobal('SharedArrayBuffer', undefined);
    expect(probeThreads()).toEqual(because('SharedArrayBuffer'));
    vi.stubGlobal('SharedArrayBuffer', class {});
    vi.stubGlobal('WebAssembly', { validate: () => false });
    expect(probeThreads()).toEqual(because('shared memory'));
  });
});

describe('detectDevices', () => {
  it('answers plain data on a server, and says what a page would have', async () => {
    vi.stubGlobal('navigator', undefined);
    const report = await detectDevices();
    expect(report).toMatchObject({
      webgpu: because('navigator.gpu'),
      webassembly: { available: true },
      simd: { available: true },
      threads: because('isolated'),
      cores: because('hardwareConcurrency'),
      memory: because('deviceMemory'),
      secureContext: because('HTTPS'),
      crossOriginIsolated: because('isolated'),
    });
    expect(structuredClone(report)).toEqual(report);
  });

  it('says of a browser with everything that it has everything', async () => {
    vi.stubGlobal('navigator', {
      gpu: { requestAdapter: async () => ({ info, limits, features: new Set(['shader-f16']) }) },
      deviceMemory: 8,
      hardwareConcurrency: 12,
    });
    vi.stubGlobal('isSecureContext', true);
    vi.stubGlobal('crossOriginIsolated', true);
    vi.stubGlobal('WebAssembly', { validate: () => true, Suspending: class {}, promising: () => undefined });
    expect(await detectDevices()).toEqual({
      webgpu: expect.objectContaining({ available: true, vendor: 'nvidia' }),
      webassembly: { available: true },
      simd: { available: true },
      threads: { available: true },
      jspi: { available: true },
      cores: { available: true, logical: 12 },
      memory: { available: true, gibibytes: 8 },
      secureContext: { available: true },
      crossOriginIsolated: { available: true },
    });
  });

  it.each([
    ['there is no WebAssembly', undefined, 'no WebAssembly'],
    [
      'WebAssembly is refused',
      {
        validate() {
          throw new Error('blocked by policy');
        },
      },
      'blocked by policy',
    ],
  ])('says so when %s', async (_what, engine, words) => {
    vi.stubGlobal('WebAssembly', engine);
    vi.stubGlobal('crossOriginIsolated', true);
    const { simd, threads } = await detectDevices();
    expect([simd, threads]).toEqual([because(words), because(words)]);
  });
});
