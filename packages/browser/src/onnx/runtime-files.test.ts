import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { checkModule, filesOf, publishedIntegrity, variantFor, wasmSettingOf } from './runtime-files';

afterEach(() => vi.unstubAllGlobals());

const dist = new URL('../../../../node_modules/onnxruntime-web/dist/', import.meta.url);
const cdn = 'https://cdn.example.net/ort/';
const has = () => true;

describe('publishedIntegrity', () => {
  it.each(Object.entries(publishedIntegrity))('knows %s as the pinned version has it', (file, integrity) => {
    const digest = createHash('sha384')
      .update(readFileSync(new URL(file, dist)))
      .digest('base64');
    expect(integrity).toBe(`sha384-${digest}`);
  });

  it('knows every file that a device may need', () => {
    const files = [...filesOf('wasm'), ...filesOf('webgpu')];
    expect(files).toHaveLength(3);
    for (const file of files) expect(publishedIntegrity[file]).toBeDefined();
  });
});

describe('variantFor', () => {
  it('takes the smaller build for the GPU where there is JSPI, and the page has it', () => {
    vi.stubGlobal('WebAssembly', { Suspending: class {}, promising: () => undefined });
    expect(variantFor('webgpu', has)).toBe('jspi');
    expect(variantFor('webgpu', (variant) => variant !== 'jspi')).toBe('webgpu');
    expect(variantFor('wasm', has)).toBe('wasm');
    vi.stubGlobal('WebAssembly', {});
    expect(variantFor('webgpu', has)).toBe('webgpu');
  });
});

describe('wasmSettingOf', () => {
  const sources = { folder: cdn, module: undefined, integrity: publishedIntegrity };
  const file = `${cdn}ort-wasm-simd-threaded.wasm`;

  it('names the file where it need not be checked, and nothing where a bundler has placed it', async () => {
    expect(await wasmSettingOf('wasm', { ...sources, integrity: undefined })).toEqual({ wasmPaths: { wasm: file } });
    expect(await wasmSettingOf('wasm', { ...sources, folder: undefined, integrity: undefined })).toEqual({});
  });

  it('fetches the file with its digest, from beside the script where no folder is named', async () => {
    const fetched: unknown[] = [];
    vi.stubGlobal('fetch', async (url: string, init?: RequestInit) => {
      fetched.push([url, init?.integrity]);
      return new Response('binary');
    });
    const { wasmBinary } = await wasmSettingOf('wasm', sources);
    expect(new TextDecoder().decode(wasmBinary)).toBe('binary');
    await wasmSettingOf('jspi', { ...sources, folder: undefined, module: `${cdn}ort.jspi.bundle.min.mjs` });
    await checkModule({ ...sources, module: `${cdn}ort.jspi.bundle.min.mjs` });
    expect(fetched).toEqual([
      [file, publishedIntegrity['ort-wasm-simd-threaded.wasm']],
      [`${cdn}ort-wasm-simd-threaded.jspi.wasm`, publishedIntegrity['ort-wasm-simd-threaded.jspi.wasm']],
      [`${cdn}ort.jspi.bundle.min.mjs`, publishedIntegrity['ort.jspi.bundle.min.mjs']],
    ]);
  });

  it('tells a changed file from one that cannot be fetched', async () => {
    const refusal = new TypeError('Failed to fetch');
    vi.stubGlobal('fetch', async (_url: string, init?: RequestInit) => {
      if (init?.integrity !== undefined) throw refusal;
      return new Response('another file');
    });
    await expect(wasmSettingOf('wasm', sources)).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
      message: expect.stringContaining(file),
      cause: refusal,
      details: {
        field: 'integrity.ort-wasm-simd-threaded.wasm',
        expected: publishedIntegrity['ort-wasm-simd-threaded.wasm'],
      },
    });
    vi.stubGlobal('fetch', () => Promise.reject(refusal));
    await expect(wasmSettingOf('wasm', sources)).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('CORS'),
    });
    vi.stubGlobal('fetch', async () => new Response('', { status: 404 }));
    await expect(wasmSettingOf('wasm', sources)).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('status 404'),
    });
  });

  it('runs no script of which it has no digest', async () => {
    await expect(checkModule({ ...sources, module: `${cdn}ort.wasm.min.mjs` })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { field: 'integrity.ort.wasm.min.mjs' },
    });
  });
});
