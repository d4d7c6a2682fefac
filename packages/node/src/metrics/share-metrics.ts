import cluster from 'node:cluster';
import { type Clock, type Closeable, closeable, parseOptions, systemClock } from '@fairlead/core';
import type { Registry } from '@fairlead/core/metrics';
import * as z from 'zod/mini';
import { isSnapshotRequest, type SnapshotAnswer } from './messages';

/** Options of {@link shareMetrics}. */
export interface ShareMetricsOptions {
  /**
   * Milliseconds between two snapshots that are sent unasked, so that little is lost with a worker that is killed between
   * two scrapes; 0 for none. 0 or more. @default 5000
   */
  readonly pushIntervalMs?: number;
  /** @default systemClock */
  readonly clock?: Clock;
}

const schema = z.strictObject({
  pushIntervalMs: z.optional(z.number().check(z.gte(0), z.lte(2 ** 31 - 1))),
  clock: z.optional(z.custom<Clock>((value) => typeof value === 'object' && value !== null, 'a clock')),
});

/**
 * Called in a worker of `node:cluster`: lets its primary process, by `collectClusterMetrics`, have the metrics of this one.
 * It sends a snapshot when asked, every so often, and when the worker exits by itself. In a process that is no such worker
 * it does nothing.
 *
 * @returns closing it sends a last snapshot, and waits until that is written. Close it before `worker.disconnect()`, which
 * takes the channel away unannounced, and before `process.exit()` where there are many thousand series, more than a pipe takes
 * @throws FairleadError `INVALID_OPTION`
 */
export function shareMetrics(registry: Registry, options: ShareMetricsOptions = {}): Closeable {
  const { pushIntervalMs = 5000, clock = systemClock } = parseOptions(schema, options, 'shareMetrics');
  const { worker } = cluster;
  // A process that `fork` made has a channel too, but nobody at its end who would know what to do.
  if (worker === undefined) return closeable(() => {});

  /** Resolves once the snapshot is written, or the channel is found closed, which takes nobody down. */
  const send = (about: { readonly id?: number }): Promise<void> =>
    new Promise((resolve) => {
      if (process.send === undefined || !process.connected) return resolve();
      const answer: SnapshotAnswer = {
        fairlead: 'metrics-answer',
        ...about,
        snapshot: registry.snapshot({ process: String(worker.id) }),
      };
      process.send(answer, undefined, undefined, () => resolve());
    });
  const push = (): void => void send({});
  const onMessage = (message: unknown): void => {
    if (!isSnapshotRequest(message)) return;
    const { id } = message;
    void registry.refresh().then(() => send({ id }));
  };

  let timer = { clear() {} };
  const pushLater = (): void => {
    timer = clock.setTimer(() => {
      push();
      pushLater();
    }, pushIntervalMs);
  };
  if (pushIntervalMs > 0) pushLater();
  process.on('message', onMessage);
  process.on('exit', push);
  return closeable(() => {
    timer.clear();
    process.off('message', onMessage);
    process.off('exit', push);
    return send({});
  });
}
