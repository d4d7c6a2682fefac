import { FairleadError, messageOf } from '@fairlead/core';
import { createDevices, makeBackend, type Tensorflow } from '@fairlead/core/tfjs';
import type * as Tf from '@tensorflow/tfjs-core';
import type { TfjsDevice } from './options';
import { loadPackage } from './runtime';

/**
 * Makes a device of this thread's engine ready. Where none is current yet it becomes so. Once in a thread; what failed
 * is tried again by the next call.
 * @throws FairleadError `BACKEND_UNAVAILABLE` when its package is missing or does not work here
 */
export const prepareDevice = createDevices<TfjsDevice>((device) => (device === 'wasm' ? prepareWasm() : prepareCpu()));

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
  if (tf.engine().registry.wasm !== undefined) return tf;
  const forget = rememberListeners();
  try {
    await makeBackend(tf, 'wasm');
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
