import { FairleadError } from '@fairlead/core';
import type { WorkerPort } from '@fairlead/core/lanes';

/** What a lane needs of a Web Worker. */
export type WebWorker = Pick<Worker, 'postMessage' | 'addEventListener' | 'terminate'>;

/** The line to a Web Worker, which can be ended with a reason. */
export interface WebWorkerPort extends WorkerPort {
  /** Ends the worker at once and tells its owner why, as if it had died of it. */
  readonly kill: (error: FairleadError) => void;
}

/** The line to a Web Worker. */
export function portOf(worker: WebWorker): WebWorkerPort {
  let tellOwner: ((error: unknown) => void) | undefined;
  // A browser keeps a worker alive after an error in it; what state its runtime is in, nobody knows.
  const kill = (error: FairleadError): void => {
    worker.terminate();
    tellOwner?.(error);
  };
  return {
    kill,
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    onMessage: (listener) => worker.addEventListener('message', (event) => listener((event as MessageEvent).data)),
    onExit(listener) {
      if (tellOwner !== undefined) return;
      tellOwner = listener;
      worker.addEventListener('error', (event) => kill(errorOf(event as ErrorEvent)));
      worker.addEventListener('messageerror', () =>
        kill(new FairleadError('PROTOCOL_ERROR', 'a message did not arrive whole')),
      );
    },
    terminate: async () => worker.terminate(),
  };
}

/** The event of a script that could not be loaded has no message. */
function errorOf({ message, error }: ErrorEvent): FairleadError {
  if (typeof message !== 'string' || message === '') {
    return new FairleadError(
      'BACKEND_UNAVAILABLE',
      'its script could not be loaded; check in the network log that lane-worker.js is served, and that the Content-Security-Policy allows it as a worker',
    );
  }
  return new FairleadError('LANE_LOST', message, { cause: error });
}
