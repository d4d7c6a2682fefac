import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { FairleadError } from '@fairlead/core';

/** Every file of the build lies in one folder, the shared chunks too, so this holds whichever of them the code is in. */
const scriptUrl = new URL('./lane-worker.js', import.meta.url);

/**
 * Starts a worker that runs lane-worker.js.
 * @param shared whether it serves a lane over each port that it is sent, or one lane to its owner
 * @param memoryMb most MiB of its JavaScript heap; without it, what Node allows
 * @throws FairleadError `BACKEND_UNAVAILABLE` when the script is not where the build put it
 */
export function startWorker(shared: boolean, memoryMb?: number): Worker {
  const path = fileURLToPath(scriptUrl);
  if (!existsSync(path)) {
    throw new FairleadError(
      'BACKEND_UNAVAILABLE',
      `The worker script ${path} is missing. If a bundler put your program into one file, keep @fairlead/node out of the bundle (mark it as external); else install it again. With lanes: 'inline' the CPU needs no worker.`,
    );
  }
  // A worker inherits the arguments of the process, and refuses to be given them: V8's, such as --max-old-space-size, in any
  // case; and with --input-type, which a program from the command line may have, it refuses to start from a file.
  return new Worker(`import(${JSON.stringify(scriptUrl.href)})`, {
    eval: true,
    name: shared ? 'fairlead-lanes' : 'fairlead-lane',
    workerData: { shared },
    ...(memoryMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memoryMb } }),
  });
}
