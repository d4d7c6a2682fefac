import { readFileSync } from 'node:fs';
import type { LoadedModel, Session, Tensor } from '@fairlead/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createSession } from './create-session';
import type { SessionPlace } from './devices';
import { type OnnxSettings, parseOnnxOptions } from './options';

// The WebAssembly build runs on Node too, so all of this but the GPU is the real runtime.

const models = new URL('../../../../examples/models/', import.meta.url);
interface GoldenCase {
  readonly inputs: { readonly pixels: { shape: number[]; data: number[] } };
  readonly outputs: { readonly probabilities: { shape: number[]; data: number[] } };
}
const [golden] = JSON.parse(readFileSync(new URL('digits-v1.golden.json', models), 'utf8')).cases as [GoldenCase];
const pixels = (): Tensor<'float32'> => ({
  dtype: 'float32',
  shape: golden.inputs.pixels.shape,
  data: Float32Array.from(golden.inputs.pixels.data),
});

function modelOf(bytes: Uint8Array): LoadedModel {
  return { bytes, digest: '0'.repeat(64), name: 'digits', version: '1', sidecar: async () => undefined };
}
const digits = modelOf(new Uint8Array(readFileSync(new URL('digits-v1.onnx', models))));
const wasm = parseOnnxOptions({ device: 'wasm' });

const create = (settings: OnnxSettings, model = digits, place: SessionPlace = 'lane') =>
  createSession({ model, settings, place }, {});

afterEach(() => vi.unstubAllGlobals());

async function withSession(use: (session: Session) => Promise<void>): Promise<void> {
  const session = await create(wasm);
  try {
    await use(session);
  } finally {
    await session.close();
  }
}

function expectClose(actual: Float32Array, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  for (const [index, value] of actual.entries()) worst = Math.max(worst, Math.abs(value - (expected[index] as number)));
  expect(worst).toBeLessThan(1e-4);
}

describe('createSession', () => {
  it('tells what goes in, what comes out and where it computes', () =>
    withSession(async (session) => {
      expect(session).toMatchObject({
        inputs: [{ name: 'pixels', dtype: 'float32', shape: ['batch', 64] }],
        outputs: [
          { name: 'label', dtype: 'int64', shape: ['batch'] },
          { name: 'probabilities', dtype: 'float32', shape: ['batch', 10] },
        ],
        batchAxis: 0,
        device: 'wasm',
        fallbacks: [],
        concurrency: 1,
      });
    }));

  it('computes what the golden rows say', () =>
    withSession(async (session) => {
      const { probabilities, label } = await session.doRun({ pixels: pixels() }, {});
      expect(probabilities).toMatchObject({ dtype: 'float32', shape: golden.outputs.probabilities.shape });
      expectClose(probabilities?.data as Float32Array, golden.outputs.probabilities.data);
      expect(label?.data).toBeInstanceOf(BigInt64Array);
    }));

  it('answers overlapping calls each with its own rows, and a failed one harms no other', () =>
    withSession(async (session) => {
      const row = (index: number): Tensor<'float32'> => ({
        dtype: 'float32',
        shape: [1, 64],
        data: pixels().data.slice(index * 64, index * 64 + 64),
      });
      const wrong: Tensor = { dtype: 'float32', shape: [1, 63], data: new Float32Array(63) };
      const calls = [
        session.doRun({ pixels: row(0) }, {}),
        session.doRun({ pixels: wrong }, {}),
        session.doRun({ pixels: row(1) }, {}),
      ];
      const [first, failed, last] = await Promise.allSettled(calls);
      expect(failed).toMatchObject({ reason: { code: 'RUN_FAILED', message: expect.stringContaining('digits') } });
      const expected = golden.outputs.probabilities.data;
      if (first?.status !== 'fulfilled' || last?.status !== 'fulfilled') throw new Error('a good call failed');
      expectClose(first.value.probabilities?.data as Float32Array, expected.slice(0, 10));
      expectClose(last.value.probabilities?.data as Float32Array, expected.slice(10, 20));
    }));

  it('drains on close, and then refuses to run', async () => {
    const session = await create(wasm);
    const running = session.doRun({ pixels: pixels() }, {});
    const closing = session.close();
    await expect(session.doRun({ pixels: pixels() }, {})).rejects.toMatchObject({ code: 'CLOSED' });
    expect((await running).probabilities?.shape).toEqual(golden.outputs.probabilities.shape);
    await closing;
    await session.close();
  });

  it('falls back audibly from a GPU that is not there', async () => {
    const session = await create(parseOnnxOptions({}));
    expect(session.device).toBe('wasm');
    expect(session.fallbacks).toEqual([
      { from: 'webgpu', to: 'wasm', reason: expect.stringContaining('navigator.gpu') },
    ]);
    await session.close();
  });

  it('reports threads that cannot be had as a fallback', async () => {
    const session = await create({ ...wasm, threads: 4 });
    expect(session.fallbacks).toEqual([
      { from: 'wasm with 4 threads', to: 'wasm', reason: expect.stringContaining('cross-origin isolated') },
    ]);
    await session.close();
  });

  it('fails when the one device that was asked for cannot be had', async () => {
    await expect(create(parseOnnxOptions({ device: 'webgpu' }))).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('navigator.gpu'),
    });
    vi.stubGlobal('WebAssembly', undefined);
    await expect(create(wasm)).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('no WebAssembly'),
    });
  });

  it('refuses bytes that are no model, and loads the next one all the same', async () => {
    for (const bytes of [new Uint8Array(), Uint8Array.of(1, 2, 3, 4), digits.bytes.slice(0, 1000)]) {
      await expect(create(wasm, modelOf(bytes))).rejects.toMatchObject({
        code: 'MODEL_INVALID',
        message: expect.stringContaining('digits'),
      });
    }
    await withSession(async (session) => expect(session.inputs.length).toBe(1));
  });

  it('creates sessions that are asked for at the same time one after the other', async () => {
    const sessions = await Promise.all([1, 2, 3].map(() => create(wasm)));
    const answers = await Promise.all(sessions.map((session) => session.doRun({ pixels: pixels() }, {})));
    for (const { probabilities } of answers) {
      expectClose(probabilities?.data as Float32Array, golden.outputs.probabilities.data);
    }
    await Promise.all(sessions.map((session) => session.close()));
  });

  it('refuses other settings for a runtime that is loaded already', async () => {
    await withSession(async () => {
      const other = parseOnnxOptions({ device: 'wasm', wasmPaths: 'https://example.com/ort/' });
      await expect(create(other)).rejects.toMatchObject({ code: 'CONFLICT' });
    });
  });

  it('stops for a caller who left', async () => {
    await expect(
      createSession({ model: digits, settings: wasm, place: 'lane' }, { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});
