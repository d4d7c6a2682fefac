import cluster from 'node:cluster';
import { FairleadError } from '@fairlead/core';
import { optionError } from '../option-error';
import { type ClusterOptions, parseClusterOptions } from './options';
import { runWorker } from './run-worker';
import type { ClusterProcess, ClusterService } from './service';
import { type Cluster, supervise } from './supervise';

/**
 * Serves one port by several processes, so that requests are read by more than one thread. The script runs again in each of them,
 * by `node:cluster`: there `start` is called, and this function never returns. In the process that was started first, `start` is
 * not called; it resolves when all serve, and from then on starts another one where one dies. So what stands before the call runs in
 * every process, and what stands behind it in the first alone.
 *
 * Each process has runners, batches, caches and limits of its own, and reads API keys, audits and watches for itself.
 *
 * @param start makes what a process serves, as `serve` does
 * @throws FairleadError `INVALID_OPTION`; `CONFLICT` where this process has workers already; why a process could not start, with the code
 * that it failed with there, `LANE_LOST` where that was no error of Fairlead's or the process died, `DEADLINE_EXCEEDED` where it took too
 * long; `CLOSED` when a signal came meanwhile. The others are ended then
 */
export async function startCluster(
  start: (process: ClusterProcess) => Promise<ClusterService>,
  options?: ClusterOptions,
): Promise<Cluster> {
  if (typeof start !== 'function') throw optionError('startCluster', 'start', 'a function', start);
  const settings = parseClusterOptions(options);
  if (cluster.isWorker) return runWorker(start, settings);
  if (Object.keys(cluster.workers ?? {}).length > 0) {
    const message =
      'startCluster: this process has workers of a cluster already. Close that one first; one process has one cluster.';
    throw new FairleadError('CONFLICT', message);
  }
  return supervise(settings);
}
