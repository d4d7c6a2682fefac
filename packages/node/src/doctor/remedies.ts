import type { Graphics } from '../machine/graphics';
import type { OnnxDevice } from '../onnx/options';
import type { Trial } from '../onnx/trial';

/** What is known about the machine. */
export interface Machine {
  /** As in `process.platform`. */
  readonly platform: string;
  /** As in `process.arch`. */
  readonly arch: string;
  /** Whether this user may install packages without `sudo`. */
  readonly isRoot: boolean;
  readonly graphics: Graphics;
}

/** Why something does not work, and what to do about it; clauses without a full stop. */
export interface Remedy {
  readonly reason: string;
  readonly advice: string;
  /** The one command that mends it; undefined when there is nothing to run. */
  readonly command?: string;
}

type FailedTrial = Extract<Trial, { usable: false }>;

/** Installs this package and what it runs on, also where it was itself fetched for this one call only. */
export const installCommand = 'npm install @fairlead/core @fairlead/node onnxruntime-node';
/** Lets onnxruntime-node's install script download what its package is too small for. */
const downloadCommand = 'npm rebuild onnxruntime-node --ignore-scripts=false';

/** What mends a device whose trial failed. */
export function remedyFor(device: OnnxDevice, trial: FailedTrial, machine: Machine): Remedy {
  switch (device) {
    case 'cpu':
      return mendCpu(trial, machine);
    case 'cuda':
      return mendCuda(trial, machine);
    case 'webgpu':
      return mendWebgpu(trial, machine);
  }
}

function mendCpu({ reason }: FailedTrial, { platform, arch }: Machine): Remedy {
  // Alpine's C library is musl; the loader of glibc is what is missing then.
  if (/ld-linux|ld-musl|Error relocating/.test(reason)) {
    return { reason, advice: 'Alpine Linux lacks glibc: use an image based on Debian, such as `node:22-slim`' };
  }
  if (/Cannot find module .*onnxruntime_binding/.test(reason)) {
    return { reason, advice: `this release of onnxruntime-node has no build for ${platform}-${arch}` };
  }
  return { reason, advice: `install it anew on this machine (${platform}-${arch})`, command: installCommand };
}

function mendCuda({ reason, missingLibrary }: FailedTrial, machine: Machine): Remedy {
  const { platform, arch, graphics } = machine;
  if (platform !== 'linux' || arch !== 'x64') {
    return {
      reason: `onnxruntime-node has no CUDA for ${platform}-${arch}`,
      advice: 'nothing to run: it has CUDA for Linux on x64; here webgpu uses the graphics card',
    };
  }
  if (!graphics.nvidiaDriver) {
    return {
      reason: 'there is no NVIDIA driver here',
      advice: 'nothing to run without a card of NVIDIA; a container gets one by `docker run --gpus all`',
    };
  }
  if (missingLibrary?.startsWith('libonnxruntime_providers') || /Failed to load shared library/.test(reason)) {
    return { reason, advice: "download onnxruntime-node's CUDA libraries", command: downloadCommand };
  }
  if (missingLibrary === 'libcuda.so.1') {
    return { reason, advice: 'the driver is incomplete here; a container gets it by `docker run --gpus all`' };
  }
  if (missingLibrary !== undefined) return mendCudaLibrary(reason, missingLibrary, machine);
  if (/driver version is insufficient/i.test(reason)) {
    return { reason, advice: 'update the NVIDIA driver; `nvidia-smi` shows its version' };
  }
  return { reason, advice: 'see whether `nvidia-smi` lists the card, and whether others use up its memory' };
}

function mendCudaLibrary(reason: string, library: string, machine: Machine): Remedy {
  const install = installWith(machine, { 'apt-get': cudaPackages(library), dnf: cudaPackages(library) });
  const advice = "install CUDA and cuDNN from NVIDIA's package repository, or add their folder to LD_LIBRARY_PATH";
  return { reason, advice, ...install };
}

/** NVIDIA's packages for the release of CUDA that a library belongs to, where its name tells, else for CUDA 12. */
function cudaPackages(library: string): string {
  const release = /^lib(?:cudart|cublas|cublasLt)\.so\.(\d+)/.exec(library)?.[1] ?? '12';
  return `cuda-toolkit-${release} cudnn9-cuda-${release}`;
}

function mendWebgpu({ reason, missingLibrary }: FailedTrial, machine: Machine): Remedy {
  const { platform, graphics } = machine;
  if (platform !== 'linux') {
    const interfaceName = platform === 'darwin' ? 'Metal' : 'Direct3D 12';
    return { reason, advice: `nothing to install: webgpu uses ${interfaceName}; update the system and its drivers` };
  }
  if (!graphics.card) {
    return {
      reason: `there is no graphics card here (${reason})`,
      advice: 'nothing to run: without one the CPU is faster; a container gets one by `docker run --device /dev/dri`',
    };
  }
  if (!graphics.nvidiaDriver) {
    const install = installWith(machine, { 'apt-get': 'mesa-vulkan-drivers', dnf: 'mesa-vulkan-drivers' });
    return { reason, advice: 'install a Vulkan driver', ...install };
  }
  if (missingLibrary !== undefined) {
    const install = installWith(machine, { 'apt-get': 'libvulkan1', dnf: 'vulkan-loader' });
    return { reason, advice: "install Vulkan's loader; NVIDIA's driver brings the rest", ...install };
  }
  return {
    reason,
    advice:
      "NVIDIA's driver gives a container Vulkan by `docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=all`; elsewhere, update it",
  };
}

function installWith(
  { isRoot, graphics: { packageManager } }: Machine,
  packages: Readonly<Record<'apt-get' | 'dnf', string>>,
): { readonly command?: string } {
  if (packageManager === undefined) return {};
  return { command: `${isRoot ? '' : 'sudo '}${packageManager} install ${packages[packageManager]}` };
}
