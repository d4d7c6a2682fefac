import { describe, expect, test } from 'vitest';
import { type OnnxOptions, parseOnnxOptions } from './options';

describe('parseOnnxOptions', () => {
  test('has defaults that suit a server', () => {
    expect(parseOnnxOptions(undefined)).toEqual({
      devices: ['cpu'],
      threads: undefined,
      interOpThreads: 1,
      spinning: false,
      deviceId: 0,
      selfTest: true,
      laneMemoryMb: undefined,
      graphOptimization: 'all',
      maxModelBytes: 2147483647,
    });
  });

  test('takes one device or several, each once', () => {
    expect(parseOnnxOptions({ device: 'cuda' }).devices).toEqual(['cuda']);
    expect(parseOnnxOptions({ device: ['cuda', 'webgpu', 'cuda', 'cpu'] }).devices).toEqual(['cuda', 'webgpu', 'cpu']);
  });

  test.each([
    [{ device: 'tpu' }, 'device', '"cpu", "cuda", "webgpu" or a list of them'],
    [{ device: [] }, 'device', 'at least 1'],
    [{ threads: 0 }, 'threads', 'at least 1'],
    [{ threads: 1.5 }, 'threads', 'an int'],
    [{ interOpThreads: 2000 }, 'interOpThreads', 'at most 1024'],
    [{ spinning: 1 }, 'spinning', 'a boolean'],
    [{ deviceId: -1 }, 'deviceId', 'at least 0'],
    [{ selfTest: 'no' }, 'selfTest', 'a boolean'],
    [{ laneMemoryMb: 8 }, 'laneMemoryMb', 'at least 16'],
    [{ laneMemoryMb: 1e6 }, 'laneMemoryMb', 'at most 65536'],
    [{ graphOptimization: 'most' }, 'graphOptimization', 'one of'],
    [{ maxModelBytes: 0 }, 'maxModelBytes', 'at least 1'],
    [{ treads: 2 }, 'treads', 'no such option'],
  ])('refuses %o', (options, field, expected) => {
    expect(() => parseOnnxOptions(options as OnnxOptions)).toThrowError(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        details: expect.objectContaining({ field, expected: expect.stringContaining(expected) }),
      }),
    );
  });
});
