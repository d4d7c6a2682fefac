import { FairleadError, messageOf } from '@fairlead/core';
import { connectLane } from '@fairlead/core/lanes';
import type { OpenWorkerLane } from '../recovery/worker-lane';
import { portOf } from './worker-port';

/** Starts a worker and opens a session in it. See `LaneHost.openLane`. */
export const openWorkerLane: OpenWorkerLane = async (module, model, options) => {
  const port = portOf(startWorker());
  return { session: await connectLane(port, module, model, options), kill: port.kill };
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
