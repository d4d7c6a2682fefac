import type { Tensorflow } from '@fairlead/core/tfjs';
import { describe, expect, it, vi } from 'vitest';
import { watchGpu } from './watch-gpu';

/** A GPU, and what happens to it. */
function gpu() {
  let lose: (info: object) => void = () => undefined;
  const refusals: ({ readonly message: string } | null)[] = [];
  const device = {
    lost: new Promise<object>((resolve) => {
      lose = resolve;
    }),
    pushErrorScope: vi.fn(),
    popErrorScope: vi.fn(async () => refusals.shift() ?? null),
  };
  const tf = { findBackend: () => ({ device }) } as unknown as Pick<Tensorflow, 'findBackend'>;
  return { tf, device, refusals, lose: (info: object) => lose(info) };
}

/** A context of WebGL, and what happens to it. */
function context() {
  const canvas = new EventTarget();
  const gl = { canvas, isContextLost: vi.fn(() => false) };
  const tf = { findBackend: () => ({ gpgpu: { gl } }) } as unknown as Pick<Tensorflow, 'findBackend'>;
  return { tf, gl, lose: () => canvas.dispatchEvent(new Event('webglcontextlost')) };
}

const failing = (message: string) => async (): Promise<number> => {
  throw new Error(message);
};

describe('a GPU by WebGPU', () => {
  it('is asked for what it refused, and each question is taken back', async () => {
    const { tf, device, refusals } = gpu();
    const onLost = vi.fn();
    expect(await watchGpu(tf, 'webgpu', async () => 1, onLost)).toBe(1);
    refusals.push(null, { message: 'too many invocations' });
    await expect(watchGpu(tf, 'webgpu', async () => 0, onLost)).rejects.toMatchObject({
      code: 'RUN_FAILED',
      message: 'The GPU refused a part of the model: too many invocations',
    });
    await expect(watchGpu(tf, 'webgpu', failing('no kernel'), onLost)).rejects.toThrow('no kernel');
    expect(device.popErrorScope).toHaveBeenCalledTimes(device.pushErrorScope.mock.calls.length);
    expect(onLost).not.toHaveBeenCalled();
  });

  it('that is lost fails the run at hand and all later ones, and is told of once', async () => {
    const { tf, device, lose } = gpu();
    const onLost = vi.fn();
    device.popErrorScope.mockRejectedValue(new Error('lost'));
    const running = watchGpu(
      tf,
      'webgpu',
      () => {
        lose({ reason: 'unknown', message: 'The driver crashed.' });
        return failing('mapAsync failed')();
      },
      onLost,
    );
    const error = { code: 'RUN_FAILED', message: expect.stringContaining('lost (The driver crashed), and with it') };
    await expect(running).rejects.toMatchObject(error);
    await expect(watchGpu(tf, 'webgpu', async () => 1, onLost)).rejects.toMatchObject(error);
    expect(onLost).toHaveBeenCalledExactlyOnceWith(expect.objectContaining(error));
  });
});

describe('a GPU by WebGL', () => {
  it('whose context is lost fails, even when the browser gives it back', async () => {
    const { tf, gl, lose } = context();
    const onLost = vi.fn();
    expect(await watchGpu(tf, 'webgl', async () => 1, onLost)).toBe(1);
    gl.isContextLost.mockReturnValue(true);
    lose();
    gl.isContextLost.mockReturnValue(false);
    await expect(watchGpu(tf, 'webgl', async () => 0, onLost)).rejects.toMatchObject({ code: 'RUN_FAILED' });
    expect(onLost).toHaveBeenCalledTimes(1);
  });

  it('that was lost before anybody watched is noticed', async () => {
    const { tf, gl } = context();
    gl.isContextLost.mockReturnValue(true);
    await expect(watchGpu(tf, 'webgl', async () => 0, vi.fn())).rejects.toMatchObject({ code: 'RUN_FAILED' });
  });

  it('passes on why a run failed', async () => {
    const { tf } = context();
    await expect(watchGpu(tf, 'webgl', failing('no kernel'), vi.fn())).rejects.toThrow('no kernel');
  });
});

it('leaves other devices alone', async () => {
  const tf = { findBackend: vi.fn() } as unknown as Pick<Tensorflow, 'findBackend'>;
  expect(await watchGpu(tf, 'cpu', async () => 1, vi.fn())).toBe(1);
  expect(tf.findBackend).not.toHaveBeenCalled();
});
