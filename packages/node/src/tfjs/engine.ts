import { FairleadError, messageOf } from '@fairlead/core';
import type * as Tf from '@tensorflow/tfjs-core';
import type { TfjsDevice } from './options';
import { loadPackage, type Tensorflow } from './runtime';

/*
 * The engine of TensorFlow.js is one for the whole thread, and so is the device it computes on. Work that is done in one
 * go takes the device that it needs and gives the engine back as it was before anybody else can see it; work that waits
 * in between is done one after the other. Where another device was current, taking `wasm` costs some tenths of a
 * millisecond, since the runtime looks up all of its kernels again.
 */

const prepared = new Map<TfjsDevice, Promise<Tensorflow>>();

/**
 * Makes a device of this thread's engine ready. Where none is current yet it becomes so, since the engine would choose
 * one when it is first asked, and could not wait for WebAssembly. Once in a thread; what failed is tried again by the
 * next call.
 * @throws FairleadError `BACKEND_UNAVAILABLE` when its package is missing or does not work here
 */
export function prepareDevice(device: TfjsDevice): Promise<Tensorflow> {
  let ready = prepared.get(device);
  if (ready === undefined) {
    ready = (device === 'wasm' ? prepareWasm() : prepareCpu()).then((tf) => {
      if (!tf.getBackend()) makeCurrent(tf, device);
      return tf;
    });
    prepared.set(device, ready);
    ready.catch(() => prepared.delete(device));
  }
  return ready;
}

/**
 * Calls a function with a device as the current one, and makes the one before it current again.
 * @param compute must not wait for anything: others would find the wrong device
 */
export function onDevice<T>(tf: Tensorflow, device: TfjsDevice, compute: () => T): T {
  const before = tf.getBackend();
  makeCurrent(tf, device);
  try {
    return compute();
  } finally {
    restore(tf, before);
  }
}

let last: Promise<unknown> = Promise.resolve();

/**
 * The same as {@link onDevice} for work that waits in between. One such work at a time in this thread; those that come
 * later wait. What is done in one go meanwhile does not disturb it.
 */
export function onDeviceInTurn<T>(tf: Tensorflow, device: TfjsDevice, compute: () => Promise<T>): Promise<T> {
  const turn = last.then(async () => {
    const before = tf.getBackend();
    makeCurrent(tf, device);
    try {
      return await compute();
    } finally {
      if (tf.getBackend() === device) restore(tf, before);
    }
  });
  last = turn.catch(() => undefined);
  return turn;
}

/**
 * Calls a function and disposes of every tensor that it made and did not `tf.keep`.
 * @param compute must answer no tensors
 */
export function tidily<T>(tf: Tensorflow, compute: () => T): T {
  let answer: T | undefined;
  // What `tf.tidy` is answered it searches for tensors, element by element, so it is answered nothing.
  tf.tidy(() => {
    answer = compute();
  });
  return answer as T;
}

function makeCurrent(tf: Tensorflow, device: string): void {
  if (tf.getBackend() === device) return;
  if (tf.engine().registry[device] === undefined) {
    throw new FairleadError(
      'BACKEND_UNAVAILABLE',
      `The backend "${device}" of TensorFlow.js has been removed from its engine by tf.removeBackend("${device}").`,
    );
  }
  // Of a backend that is ready this is done when the call returns; the promise says nothing more.
  void tf.setBackend(device);
}

/** One that is not ready yet is its owner's to set. */
function restore(tf: Tensorflow, before: string): void {
  if (tf.engine().registry[before] !== undefined) makeCurrent(tf, before);
}

async function prepareCpu(): Promise<Tensorflow> {
  const tf = await loadPackage('core');
  await loadPackage('backend-cpu');
  const backend = tf.findBackend('cpu') as Tf.KernelBackend | null;
  if (backend === null) {
    throw new FairleadError('BACKEND_UNAVAILABLE', 'TensorFlow.js cannot make its backend "cpu" here.');
  }
  // With its first tensor it recommends another package to the console, unless it believes itself tested.
  const wasTest = tf.env().getBool('IS_TEST');
  tf.env().set('IS_TEST', true);
  try {
    backend.disposeData(backend.write(new Float32Array(1), [1], 'float32'));
  } finally {
    tf.env().set('IS_TEST', wasTest);
  }
  return tf;
}

async function prepareWasm(): Promise<Tensorflow> {
  const tf = await loadPackage('core');
  await loadPackage('backend-wasm');
  const { registry } = tf.engine();
  if (registry.wasm !== undefined) return tf;
  // Not by tf.setBackend, which leaves the engine without any backend until the module is compiled.
  const create = tf.findBackendFactory('wasm');
  const forget = rememberListeners();
  try {
    const backend = await create();
    registry.wasm ??= backend;
  } catch (cause) {
    const reason = messageOf((cause as { message?: unknown } | undefined)?.message ?? cause);
    throw new FairleadError('BACKEND_UNAVAILABLE', `The WebAssembly of TensorFlow.js does not start here: ${reason}`, {
      cause,
    });
  } finally {
    forget();
  }
  return tf;
}

/**
 * The listeners that its WebAssembly module, made by Emscripten, adds to the process: they throw what went uncaught once
 * more, and so undo what the user's own listeners decided. The second one says what Node does without any listener, so
 * that nothing is lost where it is somebody else's.
 */
const strayListeners = {
  uncaughtException: /instanceof ExitStatus/,
  unhandledRejection: /^function\s*\((\w+)\)\s*\{\s*throw \1;?\s*\}$/,
} as const;

/** Answers a function that takes away those of them that were added since. */
function rememberListeners(): () => void {
  type Listener = (...args: unknown[]) => void;
  const listenersOf = (event: string): Listener[] => process.rawListeners(event) as Listener[];
  const stray = Object.entries(strayListeners).map(([event, source]) => ({
    event,
    source,
    before: listenersOf(event),
  }));
  return () => {
    for (const { event, source, before } of stray) {
      for (const listener of listenersOf(event)) {
        if (!before.includes(listener) && source.test(String(listener))) process.removeListener(event, listener);
      }
    }
  };
}
