import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { FairleadError, type LaneHost } from '@fairlead/core';
import { connectLane } from '@fairlead/core/lanes';
import { portOf } from './worker-port';

/** Every file of the build lies in one folder, the shared chunks too, so this holds whichever of them the code is in. */
const workerUrl = new URL('./lane-worker.js', import.meta.url);

/**
 * Opens sessions in worker threads, so that inference never blocks the event loop. A worker keeps the process alive
 * only while it owes an answer: a script that forgets to close its runner still ends, and so do its workers. Memory
 * goes with the worker when the session is closed.
 *
 * An error that nobody caught, `process.exit` in the worker and its memory limit end the worker alone (`LANE_LOST`); a
 * crash in native code ends the whole process, as it would without a worker.
 */
export const nodeLaneHost: LaneHost = {
  async openLane(module, model, options) {
    requireFile(workerUrl);
    const worker = new Worker(workerUrl, { name: 'fairlead-lane', execArgv: inheritableArgv(process.execArgv) });
    return connectLane(portOf(worker), module, model, options);
  },
};

/**
 * The arguments of this process that a worker can have too: what says that the program came from the command line would
 * make it refuse to start from a file.
 */
export function inheritableArgv(execArgv: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < execArgv.length; index++) {
    const argument = execArgv[index] as string;
    if (/^(-e|-p|-pe|--eval|--print|--input-type)$/.test(argument)) index++;
    else if (!/^(--eval|--print|--input-type)=/.test(argument)) kept.push(argument);
  }
  return kept;
}

function requireFile(url: URL): void {
  if (existsSync(fileURLToPath(url))) return;
  throw new FairleadError(
    'BACKEND_UNAVAILABLE',
    `The worker script ${fileURLToPath(url)} is missing. If a bundler put your program into one file, keep @fairlead/node out of the bundle (mark it as external); else install it again. With lanes: 'inline' no worker is needed.`,
  );
}
