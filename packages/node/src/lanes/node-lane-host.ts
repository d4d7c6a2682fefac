import type { LaneHost } from '@fairlead/core';
import { connectLane } from '@fairlead/core/lanes';
import { portOf } from './worker-port';
import { startWorker } from './worker-script';

/** Options of a lane host of worker threads. */
export interface NodeLaneHostOptions {
  /** Most MiB of each worker's JavaScript heap. @default what Node allows a worker */
  readonly memoryMb?: number | undefined;
}

/** Makes a host like {@link nodeLaneHost} whose workers have a limit of memory. */
export function createNodeLaneHost({ memoryMb }: NodeLaneHostOptions = {}): LaneHost {
  return {
    async openLane(module, model, options) {
      return connectLane(portOf(startWorker(false, memoryMb)), module, model, options);
    },
  };
}

/**
 * Opens sessions in worker threads, one each, so that inference never blocks the event loop. A worker keeps the process
 * alive only while it owes an answer: a script that forgets to close its runner still ends, and so do its workers. Memory
 * goes with the worker when the session is closed.
 *
 * An error that nobody caught, `process.exit` in the worker and its memory limit end the worker alone (`LANE_LOST`); a
 * crash in native code ends the whole process, as it would without a worker.
 */
export const nodeLaneHost: LaneHost = createNodeLaneHost();
