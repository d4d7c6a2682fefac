import cluster from 'node:cluster';
import { FairleadError } from '@fairlead/core';
import { membershipEnvironment } from '../machine/cluster-membership';
import { type CloseRequest, fromWorker, type ReadyMessage } from './messages';
import type { ClusterSettings } from './options';
import { toError } from './start-failure';

/** How a process ended, in words: `exit code 1`, `SIGKILL`. */
export type Ending = string;

/** A worker, as the primary process knows it. */
export interface WorkerProcess {
  readonly number: number;
  readonly pid: number | undefined;
  /** Resolves when it serves; rejects when it cannot, ends before, or takes too long. */
  readonly ready: Promise<ReadyMessage>;
  /** Resolves when the process is gone. */
  readonly ended: Promise<Ending>;
  /**
   * Lets it answer what it accepted, and end; kills it when it takes too long, and at once when it accepts nothing yet.
   * @param handsOver whether others go on serving the port
   */
  close(handsOver: boolean): Promise<void>;
  kill(): void;
}

/**
 * Starts a worker.
 * @param onLeaving called when the worker asks for another one in its place
 */
export function forkWorker(number: number, settings: ClusterSettings, onLeaving: () => void): WorkerProcess {
  const { clock, logger, processes, startTimeoutMs, closeTimeoutMs } = settings;
  const worker = cluster.fork(membershipEnvironment({ number, processes }));
  const { pid } = worker.process;
  /** Whether a client may have been accepted: it listens before it says that it is ready. */
  let mayHaveAccepted = false;
  worker.once('listening', () => {
    mayHaveAccepted = true;
  });

  const ended = new Promise<Ending>((resolve) => {
    worker.once('exit', (code: number | null, signal: string | null) => resolve(signal ?? `exit code ${code}`));
    worker.on('error', (error) => {
      // A process that could not be made has no exit. Any other error is of a message that came too late, and its process ends.
      if (pid === undefined) resolve(`no process: ${error.message}`);
    });
  });
  const ready = new Promise<ReadyMessage>((resolve, reject) => {
    const timer = clock.setTimer(() => {
      const message = `startCluster: process ${number} was not ready within ${startTimeoutMs} ms. Raise option "startTimeoutMs" if its model takes longer to load.`;
      reject(new FairleadError('DEADLINE_EXCEEDED', message, { details: { process: number } }));
    }, startTimeoutMs);
    worker.on('message', (given: unknown) => {
      const message = fromWorker(given);
      if (message?.fairlead === 'cluster-ready') {
        timer.clear();
        resolve(message);
      } else if (message?.fairlead === 'cluster-failed') {
        timer.clear();
        reject(toError(number, message.failure));
      } else if (message?.fairlead === 'cluster-leaving') onLeaving();
    });
    void ended.then((how) => {
      timer.clear();
      const message = `startCluster: process ${number} ended before it was ready (${how}). What it wrote to its standard error may say why.`;
      reject(new FairleadError('LANE_LOST', message, { details: { process: number } }));
    });
  });
  void ready.then(
    () => {
      mayHaveAccepted = true;
    },
    // Whoever waits for it hears of it.
    () => {},
  );

  const kill = (): void => void worker.process.kill('SIGKILL');
  return {
    number,
    pid,
    ready,
    ended,
    kill,
    async close(handsOver) {
      if (!mayHaveAccepted) kill();
      else {
        const request: CloseRequest = { fairlead: 'cluster-close', handsOver };
        // A worker whose channel is gone closes by itself.
        if (worker.isConnected()) worker.send(request, () => {});
      }
      const timer = clock.setTimer(() => {
        const details = { process: number, pid, closeTimeoutMs };
        logger.warn(
          details,
          `Process ${number} had not ended ${closeTimeoutMs} ms after it was asked to, and is killed.`,
        );
        kill();
      }, closeTimeoutMs);
      await ended;
      timer.clear();
    },
  };
}
