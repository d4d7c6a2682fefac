import { expect, it } from 'vitest';
import { benchDevice } from './device';

it('is the CPU unless another one is named', () => {
  expect(benchDevice(undefined)).toBe('cpu');
  expect(benchDevice('')).toBe('cpu');
  expect(benchDevice('cuda')).toBe('cuda');
});

it('refuses what cannot be measured', () => {
  expect(() => benchDevice('webgpu')).toThrow('FAIRLEAD_BENCH_DEVICE is "webgpu"; expected cpu or cuda.');
});
