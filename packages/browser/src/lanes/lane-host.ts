import { FairleadError, type LaneHost, messageOf } from '@fairlead/core';
import { connectLane } from '@fairlead/core/lanes';
import { portOf } from './worker-port';

/** Whether this thread can start Web Workers. On Node, onnxruntime-web gives the name `Worker` to another class. */
export function hasWebWorkers(): boolean {
  const { Worker: found } = globalThis as { Worker?: { readonly prototype?: object } };
  return found?.prototype !== undefined && 'addEventListener' in found.prototype;
}

/** Opens sessions in Web Workers, each in one of its own. */
export const webWorkerLanes: LaneHost = {
  staysInWorker: true,
  async openLane(module, model, options) {
    return connectLane(portOf(startWorker()), module, model, options);
  },
};

function startWorker(): Worker {
  try {
    // Bundlers look for these very words to find the worker's entry.
    return new Worker(new URL('./lane-worker.js', import.meta.url), { type: 'module', name: 'fairlead-lane' });
  } catch (cause) {
    throw new FairleadError(
      'BACKEND_UNAVAILABLE',
      `The browser refused to start a worker (${messageOf(cause)}). Serve the page's scripts from its own origin, allow them by \`worker-src\` in the Content-Security-Policy, or create the runner with lanes: 'inline'.`,
      { cause },
    );
  }
}
