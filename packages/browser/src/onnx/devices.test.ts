import { afterEach, describe, expect, it, vi } from 'vitest';
import { probeDevice, threadsFor } from './devices';
import { parseOnnxOptions } from './options';

afterEach(() => vi.unstubAllGlobals());

const settings = parseOnnxOptions({});
const withAdapter = (adapter: unknown): void => {
  vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => adapter } });
};
const gpuInfo = { vendor: 'nvidia', architecture: 'ampere', description: '', isFallbackAdapter: false };

describe('probeDevice', () => {
  it('finds WebAssembly with SIMD', async () => {
    expect(await probeDevice('wasm', settings)).toEqual({ available: true });
  });

  it('says when there is no WebAssembly, for both devices', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    withAdapter({ info: gpuInfo });
    for (const device of ['wasm', 'webgpu'] as const) {
      expect(await probeDevice(device, settings)).toMatchObject({ reason: expect.stringContaining('no WebAssembly') });
    }
  });

  it('says when WebAssembly has no SIMD', async () => {
    vi.stubGlobal('WebAssembly', { validate: () => false });
    expect(await probeDevice('wasm', settings)).toMatchObject({ reason: expect.stringContaining('SIMD') });
  });

  it('takes a GPU', async () => {
    withAdapter({ info: gpuInfo });
    expect(await probeDevice('webgpu', settings)).toMatchObject({ available: true, adapter: { vendor: 'nvidia' } });
  });

  it('refuses a software adapter unless it is allowed', async () => {
    withAdapter({ info: { ...gpuInfo, isFallbackAdapter: true } });
    expect(await probeDevice('webgpu', settings)).toMatchObject({
      available: false,
      reason: expect.stringContaining('allowSoftwareAdapter'),
    });
    expect(await probeDevice('webgpu', { ...settings, allowSoftwareAdapter: true })).toMatchObject({ available: true });
  });

  it('says why there is no GPU', async () => {
    withAdapter(null);
    expect(await probeDevice('webgpu', settings)).toMatchObject({
      available: false,
      reason: expect.stringContaining('no WebGPU adapter'),
    });
  });
});

describe('threadsFor', () => {
  it('gives one thread where the page is not isolated, and says so when more were asked for', () => {
    expect(threadsFor(undefined, 'lane')).toEqual({ threads: 1 });
    expect(threadsFor(1, 'lane')).toEqual({ threads: 1 });
    expect(threadsFor(4, 'lane')).toEqual({ threads: 1, reason: expect.stringContaining('cross-origin isolated') });
  });

  it('gives one thread inline, and says so when more were asked for', () => {
    vi.stubGlobal('crossOriginIsolated', true);
    expect(threadsFor(undefined, 'inline')).toEqual({ threads: 1 });
    expect(threadsFor(4, 'inline')).toEqual({ threads: 1, reason: expect.stringContaining('worker lane') });
  });

  it.each([
    [1, 1],
    [8, 4],
    [6, 3],
    [64, 4],
  ])('takes half of %i cores, four at most', (hardwareConcurrency, threads) => {
    vi.stubGlobal('crossOriginIsolated', true);
    vi.stubGlobal('navigator', { hardwareConcurrency });
    expect(threadsFor(undefined, 'lane')).toEqual({ threads });
    expect(threadsFor(7, 'lane')).toEqual({ threads: 7 });
  });
});
