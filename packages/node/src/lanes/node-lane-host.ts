import type { LaneHost } from '@fairlead/core';
import { connectLane } from '@fairlead/core/lanes';
import { portOf } from './worker-port';
import { startWorker } from './worker-script';

/**
 * Opens sessions in worker threads, one each, so that inference never blocks the event loop. A worker keeps the process
 * alive only while it owes an answer: a script that forgets to close its runner still ends, and so do its workers. Memory
 * goes with the worker when the session is closed.
 *
 * An error that nobody caught, `process.exit` in the worker and its memory limit end the worker alone (`LANE_LOST`); a
 * crash in native code ends the whole process, as it would without a worker.
 */
export const nodeLaneHost: LaneHost = {
  async openLane(module, model, options) {
    return connectLane(portOf(startWorker(false)), module, model, options);
  },
};
