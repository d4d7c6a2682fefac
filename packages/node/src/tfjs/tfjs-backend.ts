import { setImmediate } from 'node:timers/promises';
import {
  type Backend,
  type CallOptions,
  type LoadedModel,
  messageOf,
  type Session,
  type Support,
  throwIfAborted,
} from '@fairlead/core';
import { openOnFirstDevice, openTfjsSession, type TfjsPlatform } from '@fairlead/core/tfjs';
import { nodeLaneHost } from '../lanes/node-lane-host';
import { prepareDevice } from './engine';
import { parseTfjsOptions, type TfjsDevice, type TfjsOptions, type TfjsSettings } from './options';
import { readTfjsModel } from './read-model';
import { loadPackage } from './runtime';

/** What a worker needs to make the same backend, on the device that its owner chose. */
interface WorkerOptions {
  readonly settings: TfjsSettings;
  readonly device: TfjsDevice;
}

const platform: TfjsPlatform = {
  loadPackage,
  prepareDevice: (device) => prepareDevice(device as TfjsDevice),
  async inTurn(work, signal) {
    // The run itself lets nobody else in; without a turn of the event loop between two of them no timer would fire.
    await setImmediate();
    throwIfAborted(signal, 'The batch');
    return work();
  },
};

/** This module as it is built: dist/tfjs-lane.js. All files of the build lie in one folder, the shared chunks too. */
const moduleUrl = new URL('./tfjs-lane.js', import.meta.url).href;

/**
 * Makes a backend on TensorFlow.js, whose packages are peer dependencies that are loaded when they are first used: layers
 * models (of Keras) and graph models (of TensorFlow), by WebAssembly or in plain JavaScript.
 *
 * A model may be given as a path or `file:` URL of its model.json, beside which its weights lie, or of a tar archive of
 * both (`tar -cf digits.tar -C digits .`); such an archive is also what `bytes` of a loaded model must be, for example one
 * from a registry. Its digest covers the weights. `digits/model.json` is called `digits`; its version is the first 12
 * digits of the digest. What travels with it lies beside it: `model.reference.json`, `model.golden.json`, and
 * `model.card.md` or `model.md`.
 *
 * Tensors are float32, int32, bool (one byte an element) or string, for TensorFlow.js has no other: int64, int8 and the
 * like of a TensorFlow graph are int32 here, float64 and float16 are float32. Complex numbers are refused.
 *
 * When it is opened, a model runs once on zeros, where its sizes are known or can be found by trying. Where it shows that
 * `wasm` lacks an operation, the next device is taken. Rows of several callers are joined (`batchAxis` 0) when the first
 * axis of every input and output is open and three rows in come as three rows out. A layers model that keeps state
 * between batches is reset before each run.
 *
 * The current backend of TensorFlow.js is one for each thread. Sessions set it for each run and put back the one before,
 * so those of several devices, and TensorFlow.js in code of your own, do not disturb each other. Two exceptions: where you
 * have set none, the device of the first session becomes current; and while a graph with branches or loops computes
 * inline, which takes several turns of the event loop, your own code finds the backend of that session.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function tfjs(options: TfjsOptions = {}): Backend {
  const settings = parseTfjsOptions(options);
  const { devices } = settings;
  const workerOptions: WorkerOptions = { settings, device: devices[0] ?? 'cpu' };
  return {
    ...commonOf(settings),
    doCreateSession: (model, call) => openOnFirstDevice(devices, call, (device) => openHere(device, model, call)),
    worker: { moduleUrl, options: workerOptions },
    laneHost: {
      openLane: (module, model, call) =>
        module.moduleUrl === moduleUrl
          ? openOnFirstDevice(devices, call, (device) => openLane(settings, device, model, call))
          : nodeLaneHost.openLane(module, model, call),
    },
  };
}

/** What worker lanes call: the same backend on the one device that its owner chose. */
export function createBackend(options: unknown): Backend {
  const { settings, device } = options as WorkerOptions;
  return { ...commonOf(settings), doCreateSession: (model, call) => openHere(device, model, call) };
}

function openHere(device: TfjsDevice, model: LoadedModel, call: CallOptions): Promise<Session> {
  return openTfjsSession(platform, device, model, call);
}

function commonOf(
  settings: TfjsSettings,
): Pick<Backend, 'specVersion' | 'name' | 'isSupported'> & Required<Pick<Backend, 'doResolve'>> {
  return {
    specVersion: 'v1',
    name: 'tensorflow.js',
    isSupported: () => supportOf(settings),
    doResolve: (reference, call) => readTfjsModel(reference, { ...call, maxBytes: settings.maxModelBytes }),
  };
}

function openLane(
  settings: TfjsSettings,
  device: TfjsDevice,
  model: LoadedModel,
  call: Parameters<typeof nodeLaneHost.openLane>[2],
): Promise<Session> {
  const options: WorkerOptions = { settings, device };
  return nodeLaneHost.openLane({ moduleUrl, options }, model, call);
}

/** Which of the devices that were asked for work here. */
async function supportOf({ devices }: TfjsSettings): Promise<Support> {
  const working: string[] = [];
  const reasons: string[] = [];
  for (const device of devices) {
    try {
      await prepareDevice(device);
      working.push(device);
    } catch (error) {
      reasons.push(messageOf(error));
    }
  }
  return working.length > 0
    ? { supported: true, devices: working }
    : { supported: false, reason: [...new Set(reasons)].join(' ') };
}
