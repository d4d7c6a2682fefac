import type { LoadedModel, Tensors } from '@fairlead/core';
import { describe, expect, it } from 'vitest';
import { openOrtSession } from './ort-session';
import type { Runtime } from './runtime';
import { SerialQueue } from './serial-queue';

const model: LoadedModel = {
  bytes: new Uint8Array(4),
  digest: '0'.repeat(64),
  name: 'digits',
  version: '1',
  sidecar: async () => undefined,
};
const x: Tensors = { x: { dtype: 'float32', shape: [1], data: Float32Array.of(1) } };

/** A runtime that answers what it is given, and notes what is asked of it. */
function fakeRuntime() {
  const log: string[] = [];
  const losses: ((info: { reason: string; message: string }) => void)[] = [];
  const failures: { run?: Error; create?: Error } = {};
  let created = 0;
  const runtime = {
    queue: new SerialQueue(),
    ort: {
      Tensor: class {
        constructor(
          readonly type: string,
          readonly data: Float32Array,
          readonly dims: readonly number[],
        ) {}
      },
      env: {
        webgpu: {
          get device() {
            return Promise.resolve({ lost: new Promise((resolve) => void losses.push(resolve)) });
          },
        },
      },
      InferenceSession: {
        async create(_bytes: Uint8Array, { executionProviders: [provider] }: { executionProviders: string[] }) {
          const { create } = failures;
          if (create !== undefined) throw create;
          const number = created++;
          log.push(`create ${number} on ${provider}`);
          return {
            inputMetadata: [],
            outputMetadata: [],
            async run(feeds: Record<string, unknown>) {
              const { run } = failures;
              delete failures.run;
              if (run !== undefined) throw run;
              log.push(`run ${number}`);
              return { y: feeds.x };
            },
            release: async () => void log.push(`release ${number}`),
          };
        },
      },
    },
  };
  return { runtime: runtime as unknown as Runtime, log, losses, failures };
}

describe('openOrtSession', () => {
  it('computes on WebAssembly as before after a run that failed', async () => {
    const { runtime, log, failures } = fakeRuntime();
    const session = await openOrtSession(runtime, 'wasm', model);
    failures.run = new Error('no such row');
    await expect(session.run(x)).rejects.toThrow('no such row');
    expect(await session.run(x)).toMatchObject({ y: { shape: [1] } });
    await session.release();
    expect(log).toEqual(['create 0 on wasm', 'run 0', 'release 0']);
  });

  it('is opened again on WebGPU after a run that failed, before the next has its turn', async () => {
    const { runtime, log, losses, failures } = fakeRuntime();
    const session = await openOrtSession(runtime, 'webgpu', model);
    failures.run = new Error('no such row');
    const outcomes = await Promise.allSettled([session.run(x), session.run(x)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(log).toEqual(['create 0 on webgpu', 'release 0', 'create 1 on webgpu', 'run 1']);
    // Releasing it destroyed its device, and that is no loss; the end of the new one is.
    losses[0]?.({ reason: 'destroyed', message: 'Device was destroyed.' });
    losses[1]?.({ reason: 'unknown', message: 'the driver was reset' });
    expect(await session.lost).toMatchObject({
      code: 'LANE_LOST',
      message: 'digits lost its GPU (the driver was reset).',
      details: { device: 'webgpu', reason: 'device' },
    });
    await expect(session.run(x)).rejects.toMatchObject({ code: 'LANE_LOST' });
    expect(log).toHaveLength(4);
  });

  it('is lost where it cannot be opened again', async () => {
    const { runtime, failures } = fakeRuntime();
    const session = await openOrtSession(runtime, 'webgpu', model);
    failures.run = new Error('no such row');
    failures.create = new Error('no adapter');
    await expect(session.run(x)).rejects.toMatchObject({ code: 'LANE_LOST' });
    expect(await session.lost).toMatchObject({
      message: expect.stringContaining('no adapter'),
      details: { reason: 'run' },
    });
  });
});
