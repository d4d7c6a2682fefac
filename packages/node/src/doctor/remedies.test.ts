import { describe, expect, test } from 'vitest';
import type { Graphics } from '../machine/graphics';
import type { OnnxDevice } from '../onnx/options';
import { type Machine, type Remedy, remedyFor } from './remedies';

const noCard: Graphics = { nvidiaDriver: false, card: false, packageManager: 'apt-get' };
const nvidia: Graphics = { nvidiaDriver: true, card: true, packageManager: 'apt-get' };
const otherCard: Graphics = { nvidiaDriver: false, card: true, packageManager: 'apt-get' };

interface Case {
  readonly graphics?: Graphics;
  readonly platform?: string;
  readonly arch?: string;
  readonly isRoot?: boolean;
  readonly library?: string;
  readonly reason?: string;
}

function remedyOf(device: OnnxDevice, given: Case): Remedy {
  const { graphics = noCard, platform = 'linux', arch = 'x64', isRoot = false, library } = given;
  const machine: Machine = { platform, arch, isRoot, graphics };
  const reason = given.reason ?? (library === undefined ? 'it failed' : `the library ${library} is missing`);
  const trial = { usable: false, reason, ...(library === undefined ? {} : { missingLibrary: library }) } as const;
  return remedyFor(device, trial, machine);
}

const download = 'npm rebuild onnxruntime-node --ignore-scripts=false';

describe('cuda', () => {
  test.each<[string, Case, string | undefined, RegExp]>([
    ['where there is none', { platform: 'darwin', arch: 'arm64' }, undefined, /no CUDA for darwin-arm64.*webgpu/],
    ['on ARM', { arch: 'arm64', graphics: nvidia }, undefined, /no CUDA for linux-arm64/],
    [
      'without a driver',
      { library: 'libonnxruntime_providers_shared.so' },
      undefined,
      /no NVIDIA driver.*nothing to run/,
    ],
    [
      'without its libraries',
      { graphics: nvidia, library: 'libonnxruntime_providers_shared.so' },
      download,
      /download/,
    ],
    [
      'without them, in other words',
      { graphics: nvidia, reason: 'Failed to load shared library' },
      download,
      /download/,
    ],
    ['without libcuda', { graphics: nvidia, library: 'libcuda.so.1' }, undefined, /incomplete/],
    [
      'without cuDNN',
      { graphics: nvidia, library: 'libcudnn.so.9' },
      'sudo apt-get install cuda-toolkit-12 cudnn9-cuda-12',
      /NVIDIA's package repository/,
    ],
    [
      'without a library whose name tells the release',
      { graphics: { ...nvidia, packageManager: 'dnf' }, library: 'libcublasLt.so.13', isRoot: true },
      'dnf install cuda-toolkit-13 cudnn9-cuda-13',
      /NVIDIA's package repository/,
    ],
    [
      'where nobody knows how packages are installed',
      { graphics: { ...nvidia, packageManager: undefined }, library: 'libcudnn.so.9' },
      undefined,
      /NVIDIA's package repository/,
    ],
    [
      'with an old driver',
      { graphics: nvidia, reason: 'CUDA failure 35: CUDA driver version is insufficient' },
      undefined,
      /update the NVIDIA driver/,
    ],
    ['for any other reason', { graphics: nvidia, reason: 'out of memory' }, undefined, /out of memory.*nvidia-smi/],
  ])('%s', (_what, given, command, words) => {
    const remedy = remedyOf('cuda', given);
    expect(remedy.command).toBe(command);
    expect(`${remedy.reason}: ${remedy.advice}`).toMatch(words);
  });
});

describe('webgpu', () => {
  test.each<[string, Case, string | undefined, RegExp]>([
    ['on macOS', { platform: 'darwin' }, undefined, /nothing to install.*Metal/],
    ['on Windows', { platform: 'win32' }, undefined, /nothing to install.*Direct3D 12/],
    ['without a card', { library: 'libvulkan.so.1' }, undefined, /no graphics card.*libvulkan\.so\.1.*nothing to run/],
    [
      'with a card and no driver',
      { graphics: otherCard, library: 'libvulkan.so.1' },
      'sudo apt-get install mesa-vulkan-drivers',
      /Vulkan driver/,
    ],
    [
      'with a card and a driver that does not do',
      { graphics: { ...otherCard, packageManager: 'dnf' }, isRoot: true },
      'dnf install mesa-vulkan-drivers',
      /Vulkan driver/,
    ],
    [
      'with a card of NVIDIA and no loader',
      { graphics: nvidia, library: 'libvulkan.so.1' },
      'sudo apt-get install libvulkan1',
      /loader/,
    ],
    ['with a card of NVIDIA, in a container', { graphics: nvidia }, undefined, /NVIDIA_DRIVER_CAPABILITIES=all/],
  ])('%s', (_what, given, command, words) => {
    const remedy = remedyOf('webgpu', given);
    expect(remedy.command).toBe(command);
    expect(`${remedy.reason}: ${remedy.advice}`).toMatch(words);
  });
});

describe('cpu', () => {
  test.each<[string, string, string | undefined, RegExp]>([
    ['on Alpine', 'Error loading shared library ld-linux-x86-64.so.2', undefined, /node:22-slim/],
    [
      'without a build',
      "Cannot find module '../bin/darwin/x64/onnxruntime_binding.node'",
      undefined,
      /no build for linux-x64/,
    ],
    [
      'for any other reason',
      'invalid ELF header',
      'npm install @fairlead/core @fairlead/node onnxruntime-node',
      /install it anew on this machine \(linux-x64\)/,
    ],
  ])('%s', (_what, reason, command, words) => {
    const remedy = remedyOf('cpu', { reason });
    expect(remedy).toMatchObject({ reason, advice: expect.stringMatching(words) });
    expect(remedy.command).toBe(command);
  });
});
