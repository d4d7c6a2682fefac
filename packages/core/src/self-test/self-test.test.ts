import { describe, expect, test } from 'vitest';
import type { Session } from '../backend';
import { FairleadError } from '../errors';
import { closeable } from '../lifecycle';
import type { ModelSignature } from '../signature';
import type { Tensors } from '../tensor/tensor';
import { selfTest } from './self-test';

type Compute = (inputs: Tensors, call: number) => Tensors;

interface FakeSession extends Session {
  readonly calls: Tensors[];
  closed: boolean;
}

const plain: ModelSignature = {
  inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 3] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['n', 3] }],
  batchAxis: 0,
};

function fakeSession(compute: Compute, signature = plain): FakeSession {
  const calls: Tensors[] = [];
  const session: FakeSession = {
    ...signature,
    device: 'fake',
    fallbacks: [],
    calls,
    closed: false,
    doRun: async (inputs) => {
      calls.push(inputs);
      return compute(inputs, calls.length);
    },
    ...closeable(() => {
      session.closed = true;
    }),
  };
  return session;
}

/** Answers a constant for every element that came in, as float32. */
const constant =
  (value: number): Compute =>
  ({ x }) => ({
    y: { dtype: 'float32', shape: x?.shape ?? [], data: new Float32Array(x?.data.length ?? 0).fill(value) },
  });
const failing =
  (message: string): Compute =>
  () => {
    throw new FairleadError('RUN_FAILED', message);
  };

async function findingOf(device: FakeSession, cpu: FakeSession, signal?: AbortSignal) {
  const finding = await selfTest(device, async () => cpu, signal === undefined ? {} : { signal });
  expect(cpu.closed).toBe(true);
  expect(device.closed).toBe(false);
  return finding;
}

describe('a device', () => {
  test('that answers like the CPU agrees, after one run of two rows on each', async () => {
    const [device, cpu] = [fakeSession(constant(1.001)), fakeSession(constant(1))];
    expect(await findingOf(device, cpu)).toEqual({ verdict: 'agrees' });
    expect(device.calls).toEqual(cpu.calls);
    expect(cpu.calls).toMatchObject([{ x: { dtype: 'float32', shape: [2, 3] } }]);
  });

  test('that answers otherwise disagrees, where the first inputs showed it', async () => {
    const wrong: Compute = (inputs, call) => constant(call === 1 ? Number.NaN : 7)(inputs, call);
    const [device, cpu] = [fakeSession(wrong), fakeSession(constant(1))];
    expect(await findingOf(device, cpu)).toEqual({
      verdict: 'disagrees',
      difference: { output: 'y', element: '[0, 0]', expected: '1', given: 'NaN' },
    });
    // Two draws that differ, and the CPU a second time on the first.
    expect(device.calls).toHaveLength(2);
    expect(cpu.calls).toHaveLength(3);
    expect(device.calls[1]).not.toEqual(device.calls[0]);
  });

  test('is believed when one answer of three tips over, not when two do', async () => {
    const tipping =
      (...wrong: number[]): Compute =>
      (inputs, call) =>
        constant(wrong.includes(call) ? 2 : 1)(inputs, call);
    const cpu = (): FakeSession => fakeSession(constant(1));
    expect(await findingOf(fakeSession(tipping(1)), cpu())).toEqual({ verdict: 'agrees' });
    expect(await findingOf(fakeSession(tipping(1, 2)), cpu())).toMatchObject({ verdict: 'disagrees' });
    expect(await findingOf(fakeSession(tipping(1, 3)), cpu())).toMatchObject({ verdict: 'disagrees' });
  });

  test('that fails where the CPU computes has failed, at first or while it is outvoted', async () => {
    expect(await findingOf(fakeSession(failing('out of memory')), fakeSession(constant(1)))).toMatchObject({
      verdict: 'failed',
      cause: { message: 'out of memory' },
    });
    const later: Compute = (inputs, call) => (call === 1 ? constant(2) : failing('lost'))(inputs, call);
    expect(await findingOf(fakeSession(later), fakeSession(constant(1)))).toMatchObject({
      verdict: 'disagrees',
      difference: { given: '2' },
    });
  });
});

describe('nothing is compared', () => {
  test('when the CPU does not load the model', async () => {
    const device = fakeSession(constant(1));
    const finding = await selfTest(device, () => Promise.reject(new Error('no kernel for it')), {});
    expect(finding).toEqual({ verdict: 'skipped', reason: 'the CPU does not load it: no kernel for it' });
    expect(device.calls).toEqual([]);
  });

  test('when the CPU fails, or answers nothing, to made-up inputs', async () => {
    const device = fakeSession(constant(1));
    expect(await findingOf(device, fakeSession(failing('index 1 is out of bounds')))).toEqual({
      verdict: 'skipped',
      reason: 'the CPU cannot compute with made-up inputs: index 1 is out of bounds',
    });
    const empty: Compute = () => ({ y: { dtype: 'float32', shape: [0, 3], data: new Float32Array() } });
    expect(await findingOf(device, fakeSession(empty))).toMatchObject({
      reason: expect.stringContaining('nothing comes out'),
    });
    expect(device.calls).toEqual([]);
  });

  test('when the inputs would be too large', async () => {
    const inputs = [{ name: 'x', dtype: 'float32', shape: ['n', 2 ** 22] }] as const;
    const cpu = fakeSession(constant(1), { ...plain, inputs });
    expect(await findingOf(fakeSession(constant(1)), cpu)).toMatchObject({
      verdict: 'skipped',
      reason: expect.stringContaining('too large'),
    });
    expect(cpu.calls).toEqual([]);
  });

  test('when the model rolls dice', async () => {
    const dice: Compute = (inputs, call) => constant(call)(inputs, call);
    expect(await findingOf(fakeSession(constant(0)), fakeSession(dice))).toEqual({
      verdict: 'skipped',
      reason: 'on the CPU it does not answer the same inputs twice in the same way',
    });
  });
});

describe('symbolic axes', () => {
  const picture: ModelSignature = { ...plain, inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 'h', 'w'] }] };

  test('are tried with several sizes until the CPU can compute', async () => {
    const atLeast64: Compute = (inputs, call) =>
      ((inputs.x?.shape[1] ?? 0) < 64 ? failing('too small') : constant(1))(inputs, call);
    const [device, cpu] = [fakeSession(constant(5), picture), fakeSession(atLeast64, picture)];
    expect(await findingOf(device, cpu)).toMatchObject({ verdict: 'disagrees' });
    expect(cpu.calls.slice(0, 2)).toMatchObject([{ x: { shape: [2, 16, 16] } }, { x: { shape: [2, 64, 64] } }]);
    expect(device.calls).toMatchObject([{ x: { shape: [2, 64, 64] } }, { x: { shape: [2, 64, 64] } }]);
  });

  test('that fit no guess are a reason', async () => {
    const cpu = fakeSession(failing('the mask is as long as the past'), picture);
    expect(await findingOf(fakeSession(constant(1), picture), cpu)).toEqual({
      verdict: 'skipped',
      reason:
        'the CPU cannot compute with made-up inputs, with sizes 16, 64, 256, 1 for its symbolic axes: the mask is as long as the past',
    });
    expect(cpu.calls.map(({ x }) => x?.shape[2])).toEqual([16, 64, 256, 1]);
  });
});

test('a caller who leaves ends it, and the CPU session is closed', async () => {
  const controller = new AbortController();
  const leaving: Compute = (inputs, call) => {
    controller.abort();
    return constant(1)(inputs, call);
  };
  const cpu = fakeSession(leaving);
  const device = fakeSession(constant(1));
  await expect(selfTest(device, async () => cpu, { signal: controller.signal })).rejects.toMatchObject({
    code: 'ABORTED',
  });
  expect(cpu.closed).toBe(true);
  expect(device.calls).toEqual([]);
});
