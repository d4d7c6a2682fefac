import { availableParallelism } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { FairleadError, messageOf, type SessionUsage } from '@fairlead/core';
import { type LanePort, serveLane } from '@fairlead/core/lanes';
import { yieldToOtherThreads } from './thread-priority';

/*
 * The script of a worker, built to dist/lane-worker.js and started by the lane hosts. It serves one lane to its owner;
 * or, when it is started to be shared, a lane over each port that its owner sends.
 */

const owner = parentPort;
if (owner === null) {
  throw new FairleadError('UNSUPPORTED', 'lane-worker.js is the script of a worker thread and does nothing by itself.');
}
// What comes in goes first: a lane that has to wait for a core finds more in its next batch, and one that a core had to wait for delays
// every request that is being read.
yieldToOtherThreads();
if ((workerData as { readonly shared: boolean }).shared) owner.on('message', serveOver);
else serveLane(ownPortOf(owner), { measure });

function serveOver(port: MessagePort): void {
  const lane = serveLane(lanePortOf(port));
  port.on('close', () => {
    lane.close().catch((error: unknown) => {
      // The owner of the lane has gone; the other lanes of this worker must not suffer for it.
      process.emitWarning(`A session could not be released: ${messageOf(error)}`, 'FairleadWarning');
    });
  });
}

/** The port of a worker that serves one lane: it can wait for its next batch awake, where its owner has another core. */
function ownPortOf(port: MessagePort): LanePort {
  if (availableParallelism() === 1) return lanePortOf(port);
  return { ...lanePortOf(port), poll: () => receiveMessageOnPort(port)?.message };
}

/** The heap of this thread alone, and the buffers that it holds. */
function measure(): SessionUsage {
  const { total_physical_size, external_memory } = getHeapStatistics();
  return { memoryBytes: total_physical_size + external_memory };
}

function lanePortOf(port: MessagePort): LanePort {
  return {
    post: (message, transfer = []) => port.postMessage(message, transfer),
    onMessage: (listener) => void port.on('message', listener),
  };
}
