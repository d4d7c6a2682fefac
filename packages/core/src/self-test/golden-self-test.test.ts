import { describe, expect, test } from 'vitest';
import { FairleadError } from '../errors';
import { recordGolden } from '../golden/record-golden';
import { createRunner } from '../runner/create-runner';
import type { Tensors } from '../tensor/tensor';
import { createMockBackend, type MockBackendOptions, mockModel } from '../testing/mock-backend';
import { inputOf } from '../testing/test-kit.fixture';
import { goldenSelfTest } from './golden-self-test';

/** Golden rows of the mock, which doubles. */
async function goldenOf(): Promise<Uint8Array> {
  const runner = await createRunner({ model: '1', backend: createMockBackend() });
  try {
    const file = await recordGolden(runner, [inputOf(1, 2), inputOf(...new Array<number>(40).fill(3))]);
    return file instanceof Uint8Array ? file : new TextEncoder().encode(JSON.stringify(file));
  } finally {
    await runner.close();
  }
}

async function findingOf(mock: MockBackendOptions, golden?: Uint8Array, signal?: AbortSignal) {
  const model = mockModel('1', golden === undefined ? {} : { golden });
  const session = await createMockBackend({ device: 'webgpu', ...mock }).doCreateSession(model, {});
  return goldenSelfTest(session, model, signal === undefined ? {} : { signal });
}

const times = (factor: number) => (inputs: Tensors) => {
  const x = inputs.x as { dtype: 'float32'; shape: readonly number[]; data: Float32Array };
  return { y: { ...x, data: x.data.map((value) => value * factor) } } as Tensors;
};

describe('golden rows', () => {
  test('that a device answers within their tolerance prove it', async () => {
    expect(await findingOf({ compute: times(2.0001) }, await goldenOf())).toEqual({ verdict: 'agrees' });
  });

  test('that it answers otherwise, be it with NaN, show where', async () => {
    for (const factor of [3, Number.NaN]) {
      expect(await findingOf({ compute: times(factor) }, await goldenOf())).toMatchObject({
        verdict: 'disagrees',
        difference: { output: 'cases[0].outputs.y[0, 0]', given: String(factor) },
      });
    }
  });

  test('on which it fails have failed it', async () => {
    const compute = (): never => {
      throw new FairleadError('RUN_FAILED', 'no kernel');
    };
    expect(await findingOf({ compute }, await goldenOf())).toMatchObject({ verdict: 'failed' });
  });

  test('prove nothing where there are none, or none that can be read', async () => {
    expect(await findingOf({})).toEqual({ verdict: 'skipped', reason: 'no golden rows travel with it' });
    expect(await findingOf({}, new TextEncoder().encode('{}'))).toMatchObject({
      verdict: 'skipped',
      reason: expect.stringContaining('cannot be used'),
    });
  });

  test('of a caller who leaves are left alone', async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(findingOf({}, await goldenOf(), controller.signal)).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
