import type { Worker } from 'node:worker_threads';
import { FairleadError } from '@fairlead/core';
import type { WorkerPort } from '@fairlead/core/lanes';
import { createVigil } from './vigil';

/** The owner's end of the line to a worker that serves one lane. */
export function portOf(worker: Worker): WorkerPort {
  const vigil = createVigil();
  let ended: Promise<void> | undefined;
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    onMessage: (listener) => void worker.on('message', listener),
    onExit: (listener) => onEnd(worker, listener),
    terminate() {
      ended ??= worker.terminate().then(() => undefined);
      return ended;
    },
    hold(busy) {
      if (busy) {
        worker.ref();
        vigil.begin();
      } else {
        worker.unref();
        vigil.end();
      }
    },
  };
}

/** Calls the listener once when a worker has ended or can no longer be understood. */
export function onEnd(worker: Worker, listener: (error: unknown) => void): void {
  let told = false;
  const tell = (error: unknown): void => {
    if (!told) listener(error);
    told = true;
  };
  worker.on('error', tell);
  worker.on('messageerror', (error) => {
    tell(error);
    // What it said is lost, and nobody will ask again.
    void worker.terminate();
  });
  worker.on('exit', (code) => {
    tell(code === 0 ? undefined : new FairleadError('LANE_LOST', `The worker exited with code ${code}.`));
  });
}
