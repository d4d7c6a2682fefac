import { describe, expect, test } from 'vitest';
import { deviceTestModel, float16TestModel } from './test-models';
import { elementTypeOf, tinyModel } from './tiny-onnx';
import { readTrial, tryDevice } from './trial';

test('the CPU computes in a child, and tells how long that took', async () => {
  expect(await tryDevice('cpu', 0)).toEqual({ usable: true, ms: expect.any(Number) });
});

test('the models that try the runtime are what their comments say', () => {
  const value = (name: string, type: 'float32' | 'float16', size: number) => ({ name, type, shape: [size] });
  const add = { op: 'Add', inputs: ['x', 'x'], outputs: ['y'] };
  expect(deviceTestModel()).toEqual(tinyModel([value('x', 'float32', 2)], [add], [value('y', 'float32', 2)]));
  const cast = { op: 'Cast', inputs: ['x'], outputs: ['y'], attributes: { to: elementTypeOf('float32') } };
  expect(float16TestModel()).toEqual(tinyModel([value('x', 'float16', 3)], [cast], [value('y', 'float32', 3)]));
});

describe('what a child came to', () => {
  const report = (trial: unknown): string => `noise\nfairlead-probe:${JSON.stringify(trial)}\n`;
  const ended = (facts: { signal?: string; killed?: boolean } = {}) =>
    Object.assign(new Error('Command failed'), facts);
  const failed = (reason: string, stderr = ''): unknown => readTrial(null, report({ usable: false, reason }), stderr);

  test('an answer', () => {
    expect(readTrial(null, report({ usable: true, ms: 5 }), 'a warning\n')).toEqual({ usable: true, ms: 5 });
  });

  test('no answer, a crash after it, an end without words', () => {
    expect(readTrial(null, '', '')).toEqual({ usable: false, reason: 'its trial said nothing' });
    expect(readTrial(ended({ signal: 'SIGSEGV' }), report({ usable: true, ms: 5 }), '')).toEqual({
      usable: false,
      reason: 'its trial crashed with SIGSEGV',
    });
    expect(readTrial(ended({ killed: true, signal: 'SIGKILL' }), '', '')).toEqual({
      usable: false,
      reason: 'its trial did not end within 30 s',
    });
    expect(readTrial(ended(), '', 'first\nillegal instruction\n')).toEqual({
      usable: false,
      reason: 'its trial failed: illegal instruction',
    });
  });

  test("a reason, without the place in the runtime's source", () => {
    expect(
      failed('/src/webgpu_context.cc:136 Initialize(…)::<lambda()> result == Success was false. No adapter\n'),
    ).toEqual({ usable: false, reason: 'No adapter' });
  });

  test('a library that is missing, said on stderr alone or in the message', () => {
    const cuda =
      '[E:onnxruntime] Failed to load library /app/libonnxruntime_providers_cuda.so with error: libcudnn.so.9: cannot open shared object file: No such file or directory';
    const missing = (missingLibrary: string): unknown => ({
      usable: false,
      reason: `the library ${missingLibrary} is missing`,
      missingLibrary,
    });
    expect(failed('Failed to load shared library', cuda)).toEqual(missing('libcudnn.so.9'));
    const vulkan =
      "Warning: Couldn't load Vulkan: libvulkan.so.1: cannot open shared object file: No such file or directory";
    expect(failed('No supported adapters', vulkan)).toEqual(missing('libvulkan.so.1'));
    expect(failed('libstdc++.so.6: cannot open shared object file')).toEqual(missing('libstdc++.so.6'));
  });

  test('what a driver lacks', () => {
    const stderr = 'Warning: Vulkan dynamic indexing required.\n - While initializing adapter\n';
    expect(failed('No supported adapters', stderr)).toEqual({
      usable: false,
      reason: 'No supported adapters (Vulkan dynamic indexing required)',
    });
  });
});
