import { afterEach, describe, expect, it, vi } from 'vitest';
import { type DeviceFacts, rankVariants } from './choose-variant';
import { deviceFacts } from './device-facts';
import { modelBytes, setUp, sha256Of } from './test-kit.fixture';

afterEach(() => vi.unstubAllGlobals());

const facts: DeviceFacts = {
  device: 'wasm',
  shaderF16: false,
  memoryGiB: undefined,
  storageBytes: undefined,
  label: 'test',
};
const gibibyte = 2 ** 30;
const all = { fp32: { url: 'a' }, fp16: { url: 'b' }, int8: { url: 'c' } };

describe('rankVariants', () => {
  it.each<[string, Partial<DeviceFacts>, string[]]>([
    ['a GPU with float16', { device: 'webgpu', shaderF16: true }, ['fp16', 'fp32', 'int8']],
    ['a GPU without it', { device: 'webgpu' }, ['fp32', 'int8']],
    ['WebAssembly', {}, ['int8', 'fp32', 'fp16']],
  ])('prefers on %s what is best there', (_what, more, order) => {
    expect(rankVariants(all, { ...facts, ...more }).order).toEqual(order);
  });

  it('leaves out what does not fit into memory, and says why', () => {
    const sized = { fp32: { url: 'a', bytes: gibibyte }, int8: { url: 'c', bytes: gibibyte / 4 } };
    const small = rankVariants(sized, { ...facts, device: 'webgpu', memoryGiB: 4 });
    expect(small.order).toEqual(['int8']);
    expect(small.candidates).toMatchObject([
      { variant: 'fp32', eligible: false, reason: expect.stringContaining('some 3072 MiB') },
      { variant: 'int8', eligible: true },
    ]);
    // The smallest, where none fits.
    expect(rankVariants(sized, { ...facts, device: 'webgpu', memoryGiB: 0.5 })).toMatchObject({
      order: ['int8'],
      candidates: [{ eligible: false }, { eligible: false }],
    });
  });

  it('takes first what can be kept', () => {
    const sized = { fp32: { url: 'a', bytes: 400 }, int8: { url: 'c', bytes: 100 } };
    const ranking = rankVariants(sized, { ...facts, device: 'webgpu', storageBytes: 200 });
    expect(ranking.order).toEqual(['int8', 'fp32']);
    expect(ranking.candidates[0]?.reason).toContain('lets this site store');
  });
});

describe('deviceFacts', () => {
  const adapter = (features: string[], description = 'GeForce') => ({
    features: new Set(features),
    info: { vendor: 'nvidia', architecture: 'ada', description, isFallbackAdapter: false },
  });
  const stub = (found: unknown, more = {}) =>
    vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => found }, hardwareConcurrency: 8, ...more });

  it('finds a GPU and what it can do', async () => {
    stub(adapter(['shader-f16']), { deviceMemory: 8, storage: { estimate: async () => ({ quota: 100, usage: 30 }) } });
    expect(await deviceFacts(['webgpu', 'wasm'])).toEqual({
      device: 'webgpu',
      shaderF16: true,
      memoryGiB: 8,
      storageBytes: 70,
      label: 'webgpu nvidia ada f16',
    });
    expect(await deviceFacts(['wasm'])).toMatchObject({ device: 'wasm', shaderF16: false, label: 'wasm 8' });
  });

  it('takes no software adapter, and none that fails, for a GPU', async () => {
    stub(adapter(['shader-f16'], 'SwiftShader'));
    expect((await deviceFacts(['webgpu', 'wasm'])).device).toBe('wasm');
    stub(null);
    expect((await deviceFacts(['webgpu'])).device).toBe('wasm');
    vi.stubGlobal('navigator', { gpu: { requestAdapter: () => Promise.reject(new Error('lost')) } });
    expect((await deviceFacts(['webgpu', 'wasm'])).device).toBe('wasm');
  });
});

describe('a model with variants', () => {
  const base = 'https://models.test/digits.onnx';
  const files = { fp32: modelBytes(4000, 1), fp16: modelBytes(2000, 2), int8: modelBytes(1000, 3) };
  const variants = {
    fp16: { url: 'digits.fp16.onnx', digest: sha256Of(files.fp16), bytes: 2000 },
    int8: { url: 'digits.int8.onnx', digest: sha256Of(files.int8), bytes: 1000 },
  };

  function withVariants() {
    const kit = setUp();
    kit.server.files.set(base, { bytes: files.fp32 });
    kit.server.files.set('https://models.test/digits.fp16.onnx', { bytes: files.fp16 });
    kit.server.files.set('https://models.test/digits.int8.onnx', { bytes: files.int8 });
    const fetched = (): string[] => kit.server.requests.filter(({ status }) => status === 200).map(({ url }) => url);
    return { ...kit, fetched };
  }

  it('is the one for the device, told with the reason, and no other is fetched', async () => {
    const { model, tell, fetched } = withVariants();
    const loaded = await model(base, { variants, digest: sha256Of(files.fp32) }).resolve({});
    expect(loaded.digest).toBe(variants.int8.digest);
    expect(fetched()).toEqual(['https://models.test/digits.int8.onnx']);
    expect(tell('variant-choice')).toMatchObject([
      {
        url: 'https://models.test/digits.int8.onnx',
        variant: 'int8',
        reason: 'the best of 3 on wasm',
        candidates: [{ variant: 'int8' }, { variant: 'fp32' }, { variant: 'fp16' }],
      },
    ]);
  });

  it('is the cached one where the best cannot be had', async () => {
    const { model, server, tell } = withVariants();
    const digest = sha256Of(files.fp32);
    await model(base, { digest }).resolve({});
    server.offline = true;
    expect((await model(base, { digest, variants }).resolve({})).digest).toBe(digest);
    expect(tell('variant-choice')).toMatchObject([{ variant: 'fp32', reason: expect.stringContaining('is cached') }]);
  });

  it('is the fastest where that is measured, and is not measured again', async () => {
    const { model, server, tell, open } = withVariants();
    const times = { fp32: 5, fp16: 9, int8: 7 };
    const measured: string[] = [];
    const measure = async (_model: unknown, { variant }: { variant: keyof typeof times }): Promise<number> => {
      measured.push(variant);
      if (variant === 'fp16') throw new Error('no float16 here');
      return times[variant];
    };
    const digest = sha256Of(files.fp32);
    const options = { digest, variants, measure };
    expect((await model(base, options).resolve({})).digest).toBe(digest);
    expect(measured).toEqual(['int8', 'fp32', 'fp16']);
    expect(tell('variant-choice')).toMatchObject([
      {
        variant: 'fp32',
        reason: 'the fastest on this device, 5 ms',
        candidates: [
          { variant: 'int8', reason: 'measured at 7 ms' },
          { variant: 'fp32', reason: 'measured at 5 ms' },
          { variant: 'fp16', eligible: false, reason: expect.stringContaining('no float16 here') },
        ],
      },
    ]);
    server.offline = true;
    const { fp32, int8 } = { fp32: { url: base, digest }, ...variants };
    expect((await model(base, { variants: { fp32, int8 }, measure, cache: open() }).resolve({})).digest).toBe(digest);
    expect(measured).toHaveLength(3);
  });

  it('is chosen by the rules where nothing could be measured', async () => {
    const { model, tell } = withVariants();
    const measure = async (): Promise<number> => Number.NaN;
    expect((await model(base, { variants, measure }).resolve({})).digest).toBe(variants.int8.digest);
    expect(tell('variant-choice')).toMatchObject([{ variant: 'int8', reason: 'the best of 3 on wasm' }]);
  });
});
