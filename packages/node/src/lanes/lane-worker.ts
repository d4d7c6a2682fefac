import { parentPort } from 'node:worker_threads';
import { FairleadError } from '@fairlead/core';
import { serveLane } from '@fairlead/core/lanes';

/* The script of a lane's worker: built to dist/lane-worker.js and started by the lane host. */

const port = parentPort;
if (port === null) {
  throw new FairleadError('UNSUPPORTED', 'lane-worker.js is the script of a worker thread and does nothing by itself.');
}
serveLane({
  post: (message, transfer = []) => port.postMessage(message, transfer),
  onMessage: (listener) => void port.on('message', listener),
});
