import { afterEach, describe, expect, it, vi } from 'vitest';
import { type OnnxOptions, parseOnnxOptions } from './options';
import { publishedIntegrity } from './runtime-files';

afterEach(() => vi.unstubAllGlobals());

describe('parseOnnxOptions', () => {
  it('tries WebGPU first, then WebAssembly', () => {
    expect(parseOnnxOptions({})).toEqual({
      devices: ['webgpu', 'wasm'],
      threads: undefined,
      wasmPaths: undefined,
      allowSoftwareAdapter: false,
      maxModelBytes: 1_073_741_824,
    });
  });

  it('takes one device as a list of one, and a device twice as once', () => {
    expect(parseOnnxOptions({ device: 'wasm' }).devices).toEqual(['wasm']);
    expect(parseOnnxOptions({ device: ['wasm', 'webgpu', 'wasm'] }).devices).toEqual(['wasm', 'webgpu']);
  });

  it('resolves wasmPaths against the page, so that a worker finds the same folder', () => {
    vi.stubGlobal('location', { href: 'https://example.com/app/index.html' });
    expect(parseOnnxOptions({ wasmPaths: 'runtime' }).wasmPaths).toBe('https://example.com/app/runtime/');
    vi.stubGlobal('document', { baseURI: 'https://example.com/base/' });
    expect(parseOnnxOptions({ wasmPaths: '../ort/' }).wasmPaths).toBe('https://example.com/ort/');
  });

  it('leaves wasmPaths as it is where there is no page', () => {
    expect(parseOnnxOptions({ wasmPaths: '/ort' }).wasmPaths).toBe('/ort/');
  });

  it('checks files of another origin, and others where that is asked for', () => {
    const page = (): unknown => vi.stubGlobal('location', { href: 'https://example.com/app/' });
    page();
    const integrity = (options: OnnxOptions) => parseOnnxOptions(options).integrity;
    expect(integrity({ wasmPaths: 'https://cdn.example.net/ort' })).toBe(publishedIntegrity);
    expect(integrity({ wasmPaths: 'https://cdn.example.net/ort', integrity: false })).toBeUndefined();
    expect(integrity({ wasmPaths: '/ort' })).toBeUndefined();
    expect(integrity({ wasmPaths: '/ort', integrity: true })).toBe(publishedIntegrity);
    const own = { 'ort-wasm-simd-threaded.wasm': `sha384-${'a'.repeat(64)}` };
    expect(integrity({ device: 'wasm', wasmPaths: '/ort', integrity: own })).toEqual(own);
    expect(integrity({})).toBeUndefined();
  });

  it('refuses to check what a bundler placed, and files of which it has no digest', () => {
    expect(() => parseOnnxOptions({ integrity: true })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining('without wasmPaths') }),
    );
    const own = { 'ort-wasm-simd-threaded.wasm': `sha384-${'a'.repeat(64)}` };
    expect(() => parseOnnxOptions({ wasmPaths: '/ort', integrity: own })).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        details: expect.objectContaining({ field: 'integrity.ort-wasm-simd-threaded.asyncify.wasm' }),
      }),
    );
  });

  it.each<[unknown, string, string]>([
    [{ integrity: 'sha384' }, 'integrity', '"sha384"'],
    [{ integrity: { 'a.wasm': 'md5-1' } }, 'integrity', '{"a.wasm":"md5-1"}'],
    [{ device: 'cuda' }, 'device', '"cuda"'],
    [{ device: [] }, 'device', '[]'],
    [{ device: ['wasm', 'cpu'] }, 'device', '["wasm","cpu"]'],
    [{ threads: 0 }, 'threads', '0'],
    [{ threads: 1.5 }, 'threads', '1.5'],
    [{ wasmPaths: '' }, 'wasmPaths', '""'],
    [{ maxModelBytes: -1 }, 'maxModelBytes', '-1'],
    [{ allowSoftwareAdapter: 'yes' }, 'allowSoftwareAdapter', '"yes"'],
    [{ devices: ['wasm'] }, 'devices', '["wasm"]'],
  ])('refuses %j and names the field', (options, field, given) => {
    expect(() => parseOnnxOptions(options as OnnxOptions)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field, given }) }),
    );
  });
});
