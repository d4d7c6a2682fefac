import { isMainThread } from 'node:worker_threads';
import {
  type Backend,
  FairleadError,
  type LaneHost,
  type LoadedModel,
  type Session,
  type Threading,
} from '@fairlead/core';
import { createNodeLaneHost } from '../lanes/node-lane-host';
import { createSharedLaneHost } from '../lanes/shared-lane-host';
import { type CoresOptions, findCores } from '../machine/cores';
import { readModelFile } from '../models/model-file';
import { openOnFirstDevice } from './first-device';
import { openHere } from './open-here';
import { type OnnxDevice, type OnnxOptions, type OnnxSettings, parseOnnxOptions } from './options';
import { supportOf } from './support';

/** What a worker needs to make the same backend, on the device that its owner chose. */
interface WorkerOptions {
  readonly settings: OnnxSettings;
  readonly device: OnnxDevice;
}

/** This module as it is built: dist/onnx-lane.js. All files of the build lie in one folder, the shared chunks too. */
const moduleUrl = new URL('./onnx-lane.js', import.meta.url).href;

/** The runtime's WebGPU sessions share one context, which crashes the process when two threads use it at once. */
const webgpuLanes = createSharedLaneHost();

/**
 * Makes a backend on onnxruntime-node, a peer dependency that is loaded when it is first used: ONNX models on the CPU, on
 * CUDA or on WebGPU, which comes with the package and needs a Vulkan, Metal or Direct3D 12 driver.
 *
 * A model may be given as a path or a `file:` URL. Its name is the file's without `.onnx`, its version the first 12 digits
 * of its SHA-256. What travels with `digits.onnx` lies beside it: `digits.reference.json`, `digits.golden.json`, and
 * `digits.card.md` or `digits.md`.
 *
 * GPU providers are tried once a process, in a child, before this process touches them, and must then compute each model
 * as the CPU does (`selfTest`). All WebGPU sessions of a process live in one worker, also those that a runner opens
 * inline, since the runtime crashes when two threads use it; outside the main thread WebGPU is therefore refused.
 *
 * Rows of several callers are joined (`batchAxis` 0) when the first axis of every input and output is symbolic and they
 * agree on its name; where names differ or are missing, a run on three rows of zeros decides when the session is opened.
 *
 * The threads of its sessions on the CPU are the runner's to choose (`Backend.threading`) unless `threads` is given. The
 * cores are counted when the backend is made.
 *
 * float16 tensors are bits in a Uint16Array; on Node 23 and later, where the runtime has a defect, a self-test finds a
 * way around it when a model with float16 inputs is opened, or says that there is none. int64 is a BigInt64Array, bool
 * one byte an element. A model with an input or output that is no tensor, such as the maps of scikit-learn's classifiers,
 * is refused by the name and type of it (`UNSUPPORTED`).
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function onnx(options: OnnxOptions = {}): Backend {
  return onnxOn({}, options);
}

/**
 * The backend of {@link onnx}, with the facts about the machine given by a test.
 * @param machine where the cores are counted: in this thread, since a worker thread does not know of the cluster that its
 * process may belong to
 */
export function onnxOn(machine: CoresOptions, options: OnnxOptions = {}): Backend {
  const choices = parseOnnxOptions(options);
  const { count: cores } = findCores(machine);
  const withThreads = (threads: number): Backend =>
    backendOf({ ...choices, threads, hostThreads: cores }, { cores, threads, withThreads });
  const { threads } = choices;
  if (threads === undefined) return withThreads(cores);
  return backendOf({ ...choices, threads, hostThreads: threads }, { cores, threads });
}

function backendOf(settings: OnnxSettings, threading: Threading): Backend {
  const workerOptions: WorkerOptions = { settings, device: settings.devices[0] ?? 'cpu' };
  return {
    ...commonOf(settings),
    threading,
    doCreateSession: (model, call) =>
      openOnFirstDevice(settings, call, (device) =>
        device === 'webgpu' ? openLane(settings, device, model, call) : openHere(settings, device, model, call),
      ),
    worker: { moduleUrl, options: workerOptions },
    laneHost: {
      openLane: (module, model, call) =>
        module.moduleUrl === moduleUrl
          ? openOnFirstDevice(settings, call, (device) => openLane(settings, device, model, call))
          : workersOf(settings).openLane(module, model, call),
    },
  };
}

/** What worker lanes call: the same backend on the one device that its owner chose and tried. */
export function createBackend(options: unknown): Backend {
  const { settings, device } = options as WorkerOptions;
  return {
    ...commonOf(settings),
    doCreateSession: (model, call) => openHere(settings, device, model, call),
  };
}

function commonOf(
  settings: OnnxSettings,
): Pick<Backend, 'specVersion' | 'name' | 'isSupported'> & Required<Pick<Backend, 'doResolve'>> {
  return {
    specVersion: 'v1',
    name: 'onnxruntime-node',
    isSupported: () => supportOf(settings),
    doResolve: (reference, call) => readModelFile(reference, { ...call, maxBytes: settings.maxModelBytes }),
  };
}

async function openLane(
  settings: OnnxSettings,
  device: OnnxDevice,
  model: LoadedModel,
  call: Parameters<LaneHost['openLane']>[2],
): Promise<Session> {
  if (device === 'webgpu' && !isMainThread) {
    throw new FairleadError(
      'BACKEND_UNAVAILABLE',
      'WebGPU sessions are opened from the main thread only, since the runtime crashes when two threads use it.',
    );
  }
  const options: WorkerOptions = { settings, device };
  return (device === 'webgpu' ? webgpuLanes : workersOf(settings)).openLane({ moduleUrl, options }, model, call);
}

function workersOf({ laneMemoryMb }: OnnxSettings): LaneHost {
  return createNodeLaneHost({ memoryMb: laneMemoryMb });
}
