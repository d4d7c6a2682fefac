import { type LoadedModel, messageOf } from '@fairlead/core';
import { type Cores, findCores } from '../machine/cores';
import { findGraphics } from '../machine/graphics';
import { installedVersion } from '../machine/installed';
import { findFloat16Way } from '../onnx/float16';
import { onnx } from '../onnx/onnx-backend';
import type { OnnxDevice } from '../onnx/options';
import { loadRuntime } from '../onnx/runtime';
import { deviceTestModel } from '../onnx/test-models';
import { type Trial, tryDevice } from '../onnx/trial';
import { installCommand, type Machine, remedyFor } from './remedies';

/** Whether something works here. */
export type Finding =
  | {
      readonly works: true;
      /** Milliseconds that it took to compute a model of one operator, start included. */
      readonly ms?: number;
      readonly note?: string;
    }
  | {
      readonly works: false;
      /** Why not, in a clause. */
      readonly reason: string;
      /** What to do, where the reason does not say it. */
      readonly advice?: string;
      /** The one command that mends it; left out where there is nothing to run. */
      readonly command?: string;
    };

/** What `fairlead-node doctor` found; plain data, and what `--json` prints. */
export interface Diagnosis {
  /** Version of `@fairlead/node`. */
  readonly fairlead: string;
  /** Version of Node. */
  readonly node: string;
  /** `linux-x64`, for example. */
  readonly platform: string;
  readonly cores: Cores;
  /** Version of onnxruntime-node; undefined when it is not installed. */
  readonly onnxruntime: string | undefined;
  readonly devices: Readonly<Record<OnnxDevice, Finding>>;
  /** Whether sessions work in worker threads. */
  readonly workerLanes: Finding;
  /** Whether float16 inputs reach the runtime on this version of Node. */
  readonly float16: Finding;
  /** Packages of TensorFlow.js that are installed, with their versions. */
  readonly tensorflow: Readonly<Record<string, string>>;
}

/** What {@link diagnose} asks; tests answer in the machine's place. */
export interface DiagnosisParts {
  readonly installedVersion: (name: string) => string | undefined;
  readonly tryDevice: (device: OnnxDevice) => Promise<Trial>;
  /** Computes a model of one operator in a worker lane; rejects when that does not work. */
  readonly tryLane: () => Promise<void>;
  /** How float16 inputs are handed over; rejects when there is no way. */
  readonly tryFloat16: () => Promise<'plain' | 'bits'>;
  readonly cores: () => Cores;
  readonly machine: Machine;
  /** Milliseconds of any clock that goes forward. */
  readonly now: () => number;
}

const laneTimeoutMs = 30_000;
const tensorflowPackages = ['core', 'converter', 'layers', 'backend-cpu', 'backend-wasm', 'node', 'node-gpu'].map(
  (part) => `@tensorflow/tfjs-${part}`,
);

/** Finds out what works here, by trying it: devices in child processes with a time limit, one after the other. */
export async function diagnose(given: Partial<DiagnosisParts> = {}): Promise<Diagnosis> {
  const parts = { ...partsOfThisMachine(), ...given };
  const onnxruntime = parts.installedVersion('onnxruntime-node');
  const devices = await diagnoseDevices(onnxruntime, parts);
  const base = devices.cpu.works;
  return {
    fairlead: parts.installedVersion('@fairlead/node') ?? 'of unknown version',
    node: process.versions.node,
    platform: `${parts.machine.platform}-${parts.machine.arch}`,
    cores: parts.cores(),
    onnxruntime,
    devices,
    workerLanes: base ? await diagnoseLanes(parts) : needsCpu,
    float16: base ? await diagnoseFloat16(parts) : needsCpu,
    tensorflow: installedOf(tensorflowPackages, parts),
  };
}

/** Whether a model can be run here at all. */
export function anyDeviceWorks({ devices }: Diagnosis): boolean {
  return Object.values(devices).some(({ works }) => works);
}

const needsCpu: Finding = { works: false, reason: 'not tried, since the cpu does not work' };

async function diagnoseDevices(onnxruntime: string | undefined, parts: DiagnosisParts): Promise<Diagnosis['devices']> {
  if (onnxruntime === undefined) {
    const reason = 'onnxruntime-node is not installed';
    const missing: Finding = { works: false, reason, advice: 'install it', command: installCommand };
    return { cpu: missing, cuda: { works: false, reason }, webgpu: { works: false, reason } };
  }
  const diagnoseOne = async (device: OnnxDevice): Promise<Finding> => {
    const trial = await parts.tryDevice(device);
    if (trial.usable) return { works: true, ms: trial.ms };
    return { works: false, ...remedyFor(device, trial, parts.machine) };
  };
  const cpu = await diagnoseOne('cpu');
  if (!cpu.works) return { cpu, cuda: needsCpu, webgpu: needsCpu };
  return { cpu, cuda: await diagnoseOne('cuda'), webgpu: await diagnoseOne('webgpu') };
}

async function diagnoseLanes({ tryLane, now }: DiagnosisParts): Promise<Finding> {
  const startedAt = now();
  try {
    await tryLane();
    return { works: true, ms: now() - startedAt };
  } catch (error) {
    // It says what to do.
    return { works: false, reason: withoutStop(messageOf(error)) };
  }
}

async function diagnoseFloat16({ tryFloat16 }: DiagnosisParts): Promise<Finding> {
  try {
    const way = await tryFloat16();
    return way === 'plain'
      ? { works: true }
      : { works: true, note: "handed over as bits, since this Node's Float16Array is read wrongly" };
  } catch (error) {
    return { works: false, reason: withoutStop(messageOf(error)) };
  }
}

function installedOf(names: readonly string[], { installedVersion }: DiagnosisParts): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const name of names) {
    const version = installedVersion(name);
    if (version !== undefined) versions[name] = version;
  }
  return versions;
}

function withoutStop(message: string): string {
  return message.replace(/\.$/, '');
}

function partsOfThisMachine(): DiagnosisParts {
  return {
    installedVersion: (name) => installedVersion(name),
    tryDevice: (device) => tryDevice(device, 0),
    tryLane: computeInLane,
    tryFloat16: async () => findFloat16Way(await loadRuntime()),
    cores: findCores,
    machine: {
      platform: process.platform,
      arch: process.arch,
      isRoot: process.getuid?.() === 0,
      graphics: findGraphics(),
    },
    now: () => performance.now(),
  };
}

async function computeInLane(): Promise<void> {
  const signal = AbortSignal.timeout(laneTimeoutMs);
  const model: LoadedModel = {
    bytes: deviceTestModel(),
    digest: '',
    name: 'the model of one operator',
    version: '1',
    sidecar: async () => undefined,
  };
  const { laneHost, worker } = onnx({ threads: 1 });
  const session = await laneHost?.openLane(worker as NonNullable<typeof worker>, model, { signal });
  try {
    await session?.doRun({ x: { dtype: 'float32', shape: [2], data: Float32Array.of(1.5, -2) } }, { signal });
  } finally {
    await session?.close();
  }
}
