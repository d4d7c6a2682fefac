import type { LoadedModel } from '@fairlead/core';
import * as ort from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { onnx } from './onnx-backend';
import type { OnnxOptions } from './options';
import { tinyModel, tinyUnary } from './tiny-onnx';

/* A graphics card is played by the CPU, whose answers are changed on their way; it passes the trial of a device. */

vi.mock('./probe', () => ({ probeDevice: async () => ({ usable: true }) }));

type Answer = ort.InferenceSession.OnnxValueMapType;

let opened: { readonly provider: unknown; readonly release: () => unknown }[];
/** What the card makes of the right answer. */
let corrupt: (answer: Answer) => Answer;

beforeEach(() => {
  opened = [];
  corrupt = (answer) => answer;
  const create = ort.InferenceSession.create.bind(ort.InferenceSession) as (
    bytes: Uint8Array,
    options: ort.InferenceSession.SessionOptions,
  ) => Promise<ort.InferenceSession>;
  vi.spyOn(ort.InferenceSession, 'create').mockImplementation(async (...args: unknown[]) => {
    const [bytes, options] = args as Parameters<typeof create>;
    const [provider] = options.executionProviders ?? [];
    const session = await create(bytes, { ...options, executionProviders: ['cpu'] });
    opened.push({ provider, release: vi.spyOn(session, 'release') });
    if (provider !== 'cpu') {
      const run = session.run.bind(session) as (feeds: ort.InferenceSession.FeedsType) => Promise<Answer>;
      vi.spyOn(session, 'run').mockImplementation(async (...[feeds]: unknown[]) =>
        corrupt(await run(feeds as ort.InferenceSession.FeedsType)),
      );
    }
    return session;
  });
});
afterEach(() => void vi.restoreAllMocks());

const card = { name: 'cuda', deviceId: 0 };
const relu = tinyUnary('Relu', { type: 'float32', shape: ['n', 2] });

const modelOf = (bytes: Uint8Array): LoadedModel => ({
  bytes,
  digest: '',
  name: 'tiny',
  version: '1',
  sidecar: async () => undefined,
});

const open = (bytes: Uint8Array, options: OnnxOptions) => onnx(options).doCreateSession(modelOf(bytes), {});

const zeros = (answer: Answer): Answer => {
  for (const value of Object.values(answer)) ((value as ort.Tensor).data as Float32Array).fill(0);
  return answer;
};

describe('the self-test of a device', () => {
  test('passes one that computes as the CPU does, and closes the session on the CPU', async () => {
    const session = await open(relu, { device: 'cuda' });
    expect(session.device).toBe('cuda');
    expect(opened.map(({ provider }) => provider)).toEqual([card, 'cpu']);
    expect(opened[0]?.release).not.toHaveBeenCalled();
    expect(opened[1]?.release).toHaveBeenCalledOnce();
    await session.close();
  });

  test('refuses one that does not, names the element, and leaves no session open', async () => {
    corrupt = zeros;
    await expect(open(relu, { device: 'cuda', deviceId: 3 })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(
        /\(cuda: tiny is not computed on cuda as on the CPU\. Element \[\d, \d\] of output "y": expected 0\.\d+, given 0\. .*selfTest: false.*\['cuda', 'cpu'\]/,
      ),
    });
    expect(opened.map(({ provider }) => provider)).toEqual([{ name: 'cuda', deviceId: 3 }, 'cpu']);
    for (const { release } of opened) expect(release).toHaveBeenCalledOnce();
  });

  test('makes a list fall back, with its finding as the reason', async () => {
    corrupt = zeros;
    const session = await open(relu, { device: ['cuda', 'cpu'] });
    expect(session).toMatchObject({
      device: 'cpu',
      fallbacks: [{ from: 'cuda', to: 'cpu', reason: expect.stringContaining('given 0') }],
    });
    await session.close();
    for (const { release } of opened) expect(release).toHaveBeenCalledOnce();
  });

  test('refuses one that answers another shape, or fails', async () => {
    corrupt = ({ y }) => ({ y: new ort.Tensor('float32', [1], [1]), extra: y as ort.Tensor });
    await expect(open(relu, { device: 'cuda' })).rejects.toMatchObject({
      message: expect.stringContaining('Output "y": expected float32 [2, 2], given float32 [1]'),
    });
    corrupt = () => {
      throw new Error('device lost');
    };
    await expect(open(relu, { device: 'cuda' })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining(
        'tiny fails on cuda with inputs that the CPU computes with: tiny failed on cuda: device lost',
      ),
    });
    for (const { release } of opened) expect(release).toHaveBeenCalledOnce();
  });

  test('is left out for the CPU, and where it is switched off', async () => {
    corrupt = zeros;
    const trusted = await open(relu, { device: 'cuda', selfTest: false });
    const cpu = await open(relu, { device: 'cpu' });
    expect(opened.map(({ provider }) => provider)).toEqual([card, 'cpu']);
    await trusted.close();
    await cpu.close();
  });

  test('that finds nothing to compare says so, and the device is used', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    // The second of two rows is asked for where there is one.
    const gather = tinyModel(
      [
        { name: 'x', type: 'float32', shape: [1] },
        { name: 'i', type: 'int64', shape: [8] },
      ],
      [{ op: 'Gather', inputs: ['x', 'i'], outputs: ['y'] }],
      [{ name: 'y', type: 'float32', shape: [8] }],
    );
    const session = await open(gather, { device: 'cuda' });
    expect(session.device).toBe('cuda');
    expect(warn).toHaveBeenCalledOnce();
    expect(warn).toHaveBeenCalledWith(
      expect.stringMatching(/^tiny runs on cuda without a self-test, since the CPU cannot .*out of/s),
      'FairleadWarning',
    );
    await session.close();
  });
});
