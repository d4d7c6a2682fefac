import { consoleLogger, type LoadedModel, type Session, type Tensor } from '@fairlead/core';
import { createMockBackend, mockModel } from '@fairlead/core/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { mustComputeRight } from './must-compute-right';

afterEach(() => vi.restoreAllMocks());

/** A session whose answers are so many times its inputs. */
const times = (factor: number, device: string): Promise<Session> =>
  createMockBackend({
    device,
    compute(inputs) {
      const x = inputs.x as Tensor<'float32'>;
      return { y: { ...x, data: x.data.map((value) => value * factor) } };
    },
  }).doCreateSession(mockModel(), {});

const check = async (factor: number, model: LoadedModel = mockModel(), openReference = () => times(2, 'wasm')) =>
  mustComputeRight(await times(factor, 'webgpu'), model, openReference, {});

const goldenOf = (answer: number): Uint8Array => {
  const tensor = (data: number[]) => ({ dtype: 'float32', shape: [1, 2], data });
  const cases = [{ inputs: { x: tensor([1, 3]) }, outputs: { y: tensor([answer, 3 * answer]) } }];
  return new TextEncoder().encode(JSON.stringify({ format: 'fairlead-golden', version: 1, cases }));
};

describe('a GPU', () => {
  it('that answers golden rows is trusted, and the CPU not asked', async () => {
    const never = vi.fn(() => times(2, 'wasm'));
    await check(2, mockModel('1', { golden: goldenOf(2) }), never);
    expect(never).not.toHaveBeenCalled();
  });

  it('that answers them otherwise is refused, with where and what', async () => {
    await expect(check(2, mockModel('1', { golden: goldenOf(5) }))).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(
        /not computed rightly on webgpu: cases\[0\]\.outputs\.y\[0, 0\]: expected 5 .* given 2/,
      ),
    });
  });

  it('without golden rows is compared with the CPU; NaN never agrees', async () => {
    await check(2);
    for (const factor of [3, Number.NaN]) {
      await expect(check(factor)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', details: { device: 'webgpu' } });
    }
  });

  it('that fails where the CPU computes is refused', async () => {
    const backend = createMockBackend({ device: 'webgpu' });
    backend.failNext(new Error('no float16'));
    const session = await backend.doCreateSession(mockModel(), {});
    await expect(mustComputeRight(session, mockModel(), () => times(2, 'wasm'), {})).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('no float16'),
    });
  });

  it('that can be compared with nothing is used, and a line in the console says so', async () => {
    const warn = vi.spyOn(consoleLogger, 'warn').mockImplementation(() => undefined);
    await check(2, mockModel(), () => Promise.reject(new Error('out of memory')));
    expect(warn).toHaveBeenCalledWith({ model: 'mock', device: 'webgpu' }, expect.stringContaining('out of memory'));
  });
});
