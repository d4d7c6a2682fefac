import { expect, test } from 'vitest';
import { parseTfjsOptions, type TfjsOptions } from './options';

test('falls back from WebAssembly to plain JavaScript by default', () => {
  expect(parseTfjsOptions(undefined)).toEqual({ devices: ['wasm', 'cpu'], maxModelBytes: 2147483647 });
});

test('takes one device or several, each once', () => {
  expect(parseTfjsOptions({ device: 'cpu' }).devices).toEqual(['cpu']);
  expect(parseTfjsOptions({ device: ['cpu', 'wasm', 'cpu'] }).devices).toEqual(['cpu', 'wasm']);
});

test.each([
  [{ device: 'webgl' }, 'device', '"wasm", "cpu" or a list of them'],
  [{ device: [] }, 'device', 'at least 1'],
  [{ maxModelBytes: 0 }, 'maxModelBytes', 'at least 1'],
  [{ maxModelBytes: 0.5 }, 'maxModelBytes', 'an int'],
  [{ threads: 2 }, 'threads', 'no such option'],
])('refuses %o', (options, field, expected) => {
  expect(() => parseTfjsOptions(options as TfjsOptions)).toThrowError(
    expect.objectContaining({
      code: 'INVALID_OPTION',
      details: expect.objectContaining({ field, expected: expect.stringContaining(expected) }),
    }),
  );
});
