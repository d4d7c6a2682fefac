import { expect, test } from 'vitest';
import { probeDevice } from './probe';
import { deviceTestModel, float16TestModel } from './test-models';
import { elementTypeOf, tinyModel } from './tiny-onnx';

test('the CPU needs no trial', async () => {
  expect(await probeDevice('cpu', 0)).toEqual({ usable: true });
});

test('a device that cannot be is tried once, in a child, and says why', async () => {
  // No machine has so many cards; without CUDA the reason is that there is none.
  const first = probeDevice('cuda', 4095);
  expect(probeDevice('cuda', 4095)).toBe(first);
  const verdict = await first;
  expect(verdict.usable).toBe(false);
  expect((verdict as { reason: string }).reason.length).toBeGreaterThan(5);
});

test('WebGPU either computes or says why not', async () => {
  const verdict = await probeDevice('webgpu', 0);
  if (!verdict.usable) expect(verdict.reason).toMatch(/\w{3,}/);
  console.log(`WebGPU here: ${verdict.usable ? 'usable' : verdict.reason}`);
}, 40_000);

test('the models that try the runtime are what their comments say', () => {
  const value = (name: string, type: 'float32' | 'float16', size: number) => ({ name, type, shape: [size] });
  const add = { op: 'Add', inputs: ['x', 'x'], outputs: ['y'] };
  expect(deviceTestModel()).toEqual(tinyModel([value('x', 'float32', 2)], [add], [value('y', 'float32', 2)]));
  const cast = { op: 'Cast', inputs: ['x'], outputs: ['y'], attributes: { to: elementTypeOf('float32') } };
  expect(float16TestModel()).toEqual(tinyModel([value('x', 'float16', 3)], [cast], [value('y', 'float32', 3)]));
});
