import type { KernelBackend } from '@tensorflow/tfjs-core';
import { FairleadError } from '../errors';
import type { Tensorflow, TfjsDevice } from './packages';

/*
 * The engine of TensorFlow.js is one for the whole thread, and so is the device it computes on. Work that is done in one
 * go takes the device that it needs and gives the engine back as it was before anybody else can see it; work that waits
 * in between is done one after the other. Where another device was current, taking `wasm` costs some tenths of a
 * millisecond, since the runtime looks up all of its kernels again.
 */

/**
 * Remembers which devices of this thread's engine are ready. Where none is current yet the first becomes so, since the
 * engine would choose one when it is first asked, and could not wait for WebAssembly. What failed is tried again by the
 * next call.
 *
 * @param prepare makes one ready
 */
export function createDevices<Device extends TfjsDevice>(
  prepare: (device: Device) => Promise<Tensorflow>,
): (device: Device) => Promise<Tensorflow> {
  const prepared = new Map<Device, Promise<Tensorflow>>();
  return (device) => {
    let ready = prepared.get(device);
    if (ready === undefined) {
      ready = prepare(device).then((tf) => {
        if (!tf.getBackend()) makeCurrent(tf, device);
        return tf;
      });
      prepared.set(device, ready);
      ready.catch(() => prepared.delete(device));
    }
    return ready;
  };
}

/**
 * Makes the runtime's backend of a device, unless the engine has one. Not by `tf.setBackend`, which leaves the engine
 * without any backend until it is made.
 * @throws what the runtime throws where it does not work
 */
export async function makeBackend(tf: Tensorflow, device: TfjsDevice): Promise<KernelBackend> {
  const { registry } = tf.engine();
  const known = registry[device];
  if (known !== undefined) return known;
  const create = tf.findBackendFactory(device) as (() => KernelBackend | Promise<KernelBackend>) | null;
  if (create === null) throw new Error(`it has no backend "${device}" here`);
  const backend = await create();
  registry[device] ??= backend;
  return registry[device] as KernelBackend;
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
 * @param compute must answer no tensors but kept ones
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
