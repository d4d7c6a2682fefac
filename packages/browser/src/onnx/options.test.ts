import { afterEach, describe, expect, it, vi } from 'vitest';
import { type OnnxOptions, parseOnnxOptions } from './options';

afterEach(() => vi.unstubAllGlobals());

describe('parseOnnxOptions', () => {
  it('tries WebGPU first, then WebAssembly', () => {
    expect(parseOnnxOptions({})).toEqual({
      devices: ['webgpu', 'wasm'],
      threads: undefined,
      wasmPaths: undefined,
      allowSoftwareAdapter: false,
      selfTest: true,
      maxModelBytes: 1_073_741_824,
      recovery: {
        replays: 1,
        runTimeoutMs: undefined,
        loadTimeoutMs: undefined,
        coolDownMs: 300_000,
        laneMemoryBytes: 1_073_741_824,
      },
    });
  });

  it('takes what is wanted of recovery', () => {
    expect(parseOnnxOptions({ laneMemoryMb: 16, recovery: { replays: 0, runTimeoutMs: 500 } }).recovery).toEqual({
      replays: 0,
      runTimeoutMs: 500,
      loadTimeoutMs: undefined,
      coolDownMs: 300_000,
      laneMemoryBytes: 16_777_216,
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

  it.each<[unknown, string, string]>([
    [{ device: 'cuda' }, 'device', '"cuda"'],
    [{ device: [] }, 'device', '[]'],
    [{ device: ['wasm', 'cpu'] }, 'device', '["wasm","cpu"]'],
    [{ threads: 0 }, 'threads', '0'],
    [{ threads: 1.5 }, 'threads', '1.5'],
    [{ wasmPaths: '' }, 'wasmPaths', '""'],
    [{ maxModelBytes: -1 }, 'maxModelBytes', '-1'],
    [{ allowSoftwareAdapter: 'yes' }, 'allowSoftwareAdapter', '"yes"'],
    [{ selfTest: 1 }, 'selfTest', '1'],
    [{ devices: ['wasm'] }, 'devices', '["wasm"]'],
    [{ laneMemoryMb: 15 }, 'laneMemoryMb', '15'],
    [{ recovery: { replays: 4 } }, 'recovery.replays', '4'],
    [{ recovery: { runTimeoutMs: 99 } }, 'recovery.runTimeoutMs', '99'],
    [{ recovery: { loadTimeoutMs: 2 ** 31 } }, 'recovery.loadTimeoutMs', '2147483648'],
    [{ recovery: { coolDownMs: -1 } }, 'recovery.coolDownMs', '-1'],
    [{ recovery: { retries: 1 } }, 'recovery.retries', '1'],
  ])('refuses %j and names the field', (options, field, given) => {
    expect(() => parseOnnxOptions(options as OnnxOptions)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field, given }) }),
    );
  });
});
