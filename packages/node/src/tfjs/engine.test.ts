import { onDevice, onDeviceInTurn, tidily } from '@fairlead/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, expect, test, vi } from 'vitest';
import { prepareDevice } from './engine';

afterEach(() => vi.restoreAllMocks());

test('a device is made ready in silence, without leaving listeners in the process', async () => {
  const events = ['uncaughtException', 'unhandledRejection'];
  const before = events.map((event) => process.rawListeners(event));
  const printed = (['log', 'warn', 'error', 'info'] as const).map((method) => vi.spyOn(console, method));
  expect(tf.getBackend()).toBeUndefined();
  await prepareDevice('wasm');
  await Promise.all([prepareDevice('cpu'), prepareDevice('wasm')]);
  // The first one is current where none was, and the next one leaves it so.
  expect(tf.getBackend()).toBe('wasm');
  onDevice(tf, 'cpu', () => tf.ones([1]).dispose());
  for (const print of printed) expect(print).not.toHaveBeenCalled();
  expect(events.map((event) => process.rawListeners(event))).toEqual(before);
  expect(tf.env().getBool('IS_TEST')).toBe(false);
});

test('work in one go finds its device and puts the one before it back, also when it throws', async () => {
  await prepareDevice('wasm');
  await tf.setBackend('cpu');
  const inside = onDevice(tf, 'wasm', () => {
    const nested = onDevice(tf, 'cpu', () => tf.getBackend());
    return [tf.getBackend(), nested, tidily(tf, () => Array.from(tf.add([1, 2], 1).dataSync()))];
  });
  expect(inside).toEqual(['wasm', 'cpu', [2, 3]]);
  expect(tf.getBackend()).toBe('cpu');
  const failing = (): void =>
    onDevice(tf, 'wasm', () => {
      throw new Error('no');
    });
  expect(failing).toThrow('no');
  expect(tf.getBackend()).toBe('cpu');
});

test('work in several steps goes one after the other, undisturbed by work in one go', async () => {
  await Promise.all([prepareDevice('wasm'), prepareDevice('cpu')]);
  await tf.setBackend('cpu');
  const seen: string[] = [];
  const steps = (name: string, device: 'cpu' | 'wasm') =>
    onDeviceInTurn(tf, device, async () => {
      seen.push(`${name} ${tf.getBackend()}`);
      await new Promise(setImmediate);
      seen.push(`${name} ${tf.getBackend()}`);
      if (name === 'b') throw new Error('b fails');
      return name;
    });
  const runs = Promise.allSettled([steps('a', 'wasm'), steps('b', 'cpu'), steps('c', 'wasm')]);
  await Promise.resolve();
  await Promise.resolve();
  onDevice(tf, 'cpu', () => seen.push('between'));
  expect(await runs).toMatchObject([{ value: 'a' }, { reason: { message: 'b fails' } }, { value: 'c' }]);
  expect(seen.filter((entry) => entry !== 'between')).toEqual([
    'a wasm',
    'a wasm',
    'b cpu',
    'b cpu',
    'c wasm',
    'c wasm',
  ]);
  expect(seen.indexOf('between')).toBe(1);
  expect(tf.getBackend()).toBe('cpu');
});

test('what is not kept is disposed of, and an answer of many elements is not searched', async () => {
  await prepareDevice('cpu');
  const before = tf.memory().numTensors;
  const data = tidily(tf, () => onDevice(tf, 'cpu', () => tf.zeros([1_000_000]).dataSync()));
  expect(data.length).toBe(1_000_000);
  expect(tf.memory().numTensors).toBe(before);
});

test('a device that somebody removed says so, and takes nothing', async () => {
  await Promise.all([prepareDevice('wasm'), prepareDevice('cpu')]);
  await tf.setBackend('wasm');
  tf.removeBackend('cpu');
  expect(() => onDevice(tf, 'cpu', () => 1)).toThrowError(
    expect.objectContaining({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('removeBackend("cpu")') }),
  );
  expect(tf.getBackend()).toBe('wasm');
});
