import { FairleadError } from '@fairlead/core';
import type { WorkerPort } from '@fairlead/core/lanes';

/** What a lane needs of a Web Worker. */
export type WebWorker = Pick<Worker, 'postMessage' | 'addEventListener' | 'terminate'>;

/** The line to a Web Worker. */
export function portOf(worker: WebWorker): WorkerPort {
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    onMessage: (listener) => worker.addEventListener('message', (event) => listener((event as MessageEvent).data)),
    onExit(listener) {
      // A browser keeps a worker alive after an error in it; what state its runtime is in, nobody knows.
      const end = (error: FairleadError): void => {
        worker.terminate();
        listener(error);
      };
      worker.addEventListener('error', (event) => end(errorOf(event as ErrorEvent)));
      worker.addEventListener('messageerror', () =>
        end(new FairleadError('PROTOCOL_ERROR', 'a message did not arrive whole')),
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
