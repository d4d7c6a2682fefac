import { afterEach, expect, test, vi } from 'vitest';
import { parseTfjsOptions, type TfjsOptions } from './options';

afterEach(() => vi.unstubAllGlobals());

test('tries the GPU first and plain JavaScript last by default', () => {
  expect(parseTfjsOptions({})).toEqual({
    devices: ['webgpu', 'webgl', 'wasm', 'cpu'],
    wasmPaths: undefined,
    allowSoftwareAdapter: false,
    maxModelBytes: 2 ** 30,
  });
});

test('takes one device or several, each once, and a folder relative to the page', () => {
  vi.stubGlobal('document', { baseURI: 'https://example.com/app/' });
  expect(parseTfjsOptions({ device: 'cpu' }).devices).toEqual(['cpu']);
  expect(parseTfjsOptions({ device: ['wasm', 'cpu', 'wasm'] }).devices).toEqual(['wasm', 'cpu']);
  expect(parseTfjsOptions({ wasmPaths: 'tf' }).wasmPaths).toBe('https://example.com/app/tf/');
});

test.each<[TfjsOptions | Record<string, unknown>, string]>([
  [{ device: 'gpu' }, '"webgpu", "webgl", "wasm", "cpu" or a list of them'],
  [{ device: [] }, '"webgpu", "webgl", "wasm", "cpu" or a list of them'],
  [{ wasmPaths: '' }, 'wasmPaths'],
  [{ allowSoftwareAdapter: 'yes' }, 'allowSoftwareAdapter'],
  [{ maxModelBytes: 0 }, 'maxModelBytes'],
  [{ threads: 2 }, 'threads'],
])('refuses %j', (options, words) => {
  expect(() => parseTfjsOptions(options as TfjsOptions)).toThrowError(
    expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(words) }),
  );
});
