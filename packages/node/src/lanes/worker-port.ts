import type { Worker } from 'node:worker_threads';
import { FairleadError } from '@fairlead/core';
import type { WorkerPort } from '@fairlead/core/lanes';

/** The owner's end of the line to a worker thread. */
export function portOf(worker: Worker): WorkerPort {
  let ended: Promise<void> | undefined;
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    onMessage: (listener) => void worker.on('message', listener),
    onExit(listener) {
      let told = false;
      const tell = (error: unknown): void => {
        if (!told) listener(error);
        told = true;
      };
      worker.on('error', tell);
      worker.on('messageerror', (error) => {
        tell(error);
        // Without its answer the lane can make no sense of the worker any more.
        void worker.terminate();
      });
      worker.on('exit', (code) => {
        tell(code === 0 ? undefined : new FairleadError('LANE_LOST', `The worker exited with code ${code}.`));
      });
    },
    terminate() {
      ended ??= worker.terminate().then(() => undefined);
      return ended;
    },
    hold(busy) {
      if (busy) worker.ref();
      else worker.unref();
    },
  };
}
