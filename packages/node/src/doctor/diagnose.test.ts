import { describe, expect, test } from 'vitest';
import type { OnnxDevice } from '../onnx/options';
import type { Trial } from '../onnx/trial';
import { anyDeviceWorks, type DiagnosisParts, diagnose } from './diagnose';

const machine: DiagnosisParts['machine'] = {
  platform: 'linux',
  arch: 'x64',
  isRoot: true,
  graphics: { nvidiaDriver: false, card: true, packageManager: 'apt-get' },
};
const works: Trial = { usable: true, ms: 12 };
const noAdapter: Trial = { usable: false, reason: 'no adapter' };

/** A machine on which everything works but CUDA. */
function partsWith(
  trials: Partial<Record<OnnxDevice, Trial>> = {},
  given: Partial<DiagnosisParts> = {},
): DiagnosisParts & { readonly tried: OnnxDevice[] } {
  const tried: OnnxDevice[] = [];
  const versions: Record<string, string> = {
    '@fairlead/node': '1.2.3',
    'onnxruntime-node': '1.30.0',
    '@tensorflow/tfjs-core': '4.22.0',
  };
  let time = 100;
  return {
    tried,
    installedVersion: (name) => versions[name],
    tryDevice: async (device) => {
      tried.push(device);
      return trials[device] ?? works;
    },
    tryLane: async () => {
      time += 34;
    },
    tryFloat16: async () => 'plain',
    cores: () => ({ count: 2, affinity: 8, quota: 2.5, sharers: 1 }),
    machine,
    now: () => time,
    ...given,
  };
}

describe('diagnose', () => {
  test('tells what works, in what time, and what mends the rest', async () => {
    const parts = partsWith({ webgpu: noAdapter, cuda: noAdapter });
    const diagnosis = await diagnose(parts);
    expect(diagnosis).toEqual({
      fairlead: '1.2.3',
      node: process.versions.node,
      platform: 'linux-x64',
      cores: { count: 2, affinity: 8, quota: 2.5, sharers: 1 },
      onnxruntime: '1.30.0',
      devices: {
        cpu: { works: true, ms: 12 },
        cuda: {
          works: false,
          reason: 'there is no NVIDIA driver here',
          advice: expect.stringContaining('nothing to run'),
        },
        webgpu: {
          works: false,
          reason: 'no adapter',
          advice: 'install a Vulkan driver',
          command: 'apt-get install mesa-vulkan-drivers',
        },
      },
      workerLanes: { works: true, ms: 34 },
      float16: { works: true },
      tensorflow: { '@tensorflow/tfjs-core': '4.22.0' },
    });
    expect(parts.tried).toEqual(['cpu', 'cuda', 'webgpu']);
    expect(anyDeviceWorks(diagnosis)).toBe(true);
  });

  test('tries nothing without a runtime, and gives one command for all', async () => {
    const parts = partsWith({}, { installedVersion: () => undefined });
    const diagnosis = await diagnose(parts);
    expect(diagnosis.onnxruntime).toBeUndefined();
    expect(diagnosis.devices).toEqual({
      cpu: {
        works: false,
        reason: 'onnxruntime-node is not installed',
        advice: 'install it',
        command: 'npm install @fairlead/core @fairlead/node onnxruntime-node',
      },
      cuda: { works: false, reason: 'onnxruntime-node is not installed' },
      webgpu: { works: false, reason: 'onnxruntime-node is not installed' },
    });
    expect(diagnosis.workerLanes).toMatchObject({ works: false });
    expect(parts.tried).toEqual([]);
    expect(anyDeviceWorks(diagnosis)).toBe(false);
  });

  test('goes no further when the CPU does not work', async () => {
    const never = (): never => {
      throw new Error('must not be tried');
    };
    const parts = partsWith(
      { cpu: { usable: false, reason: 'its trial crashed with SIGILL' } },
      { tryLane: never, tryFloat16: never },
    );
    const diagnosis = await diagnose(parts);
    expect(parts.tried).toEqual(['cpu']);
    const notTried = { works: false, reason: 'not tried, since the cpu does not work' };
    expect(diagnosis).toMatchObject({
      devices: { cpu: { reason: 'its trial crashed with SIGILL' }, cuda: notTried, webgpu: notTried },
      workerLanes: notTried,
      float16: notTried,
    });
    expect(anyDeviceWorks(diagnosis)).toBe(false);
  });

  test('tells of worker threads and float16 that do not work, or in another way', async () => {
    const failing = (message: string) => () => Promise.reject(new Error(message));
    const broken = { tryLane: failing('The worker script is missing.'), tryFloat16: failing('No way works.') };
    expect(await diagnose(partsWith({}, broken))).toMatchObject({
      workerLanes: { works: false, reason: 'The worker script is missing' },
      float16: { works: false, reason: 'No way works' },
    });
    expect(await diagnose(partsWith({}, { tryFloat16: async () => 'bits' }))).toMatchObject({
      float16: { works: true, note: expect.stringContaining('bits') },
    });
  });
});

test('this machine computes on its CPU', async () => {
  // Worker lanes need the build, which another test starts.
  const diagnosis = await diagnose({ tryLane: async () => undefined });
  expect(diagnosis).toMatchObject({
    node: process.versions.node,
    onnxruntime: expect.stringMatching(/^1\./),
    devices: { cpu: { works: true, ms: expect.any(Number) } },
    float16: { works: true },
  });
  expect(JSON.parse(JSON.stringify(diagnosis)).devices.cpu.works).toBe(true);
  for (const finding of Object.values(diagnosis.devices)) {
    if (!finding.works) expect(finding).toMatchObject({ reason: expect.any(String), advice: expect.any(String) });
  }
}, 90_000);
