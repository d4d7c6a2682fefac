import cluster, { type Worker } from 'node:cluster';
import {
  type Clock,
  type Closeable,
  closeable,
  consoleLogger,
  type Logger,
  messageOf,
  parseOptions,
  systemClock,
} from '@fairlead/core';
import {
  createRegistry,
  type MetricFamily,
  type MetricsSource,
  mergeSnapshots,
  type Registry,
  type RegistrySnapshot,
  restoreSnapshot,
} from '@fairlead/core/metrics';
import * as z from 'zod/mini';
import { cumulativeOf, mergeWhatFits } from './merge-what-fits';
import { isSnapshotAnswer, type SnapshotRequest } from './messages';

/** Options of {@link collectClusterMetrics}. */
export interface ClusterMetricsOptions {
  /** Metrics of the primary process itself, added as those of one more process, called `primary`. @default none */
  readonly registry?: Registry;
  /** Milliseconds that a worker has to answer before a scrape goes on without it. 1 or more. @default 1000 */
  readonly timeoutMs?: number;
  /** Hears of workers that are left out. @default consoleLogger */
  readonly logger?: Logger;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** The metrics of all workers as one source, for `answerScrape`, `pullMetrics` and the writers. */
export interface ClusterMetrics extends MetricsSource, Closeable {
  /** Asks all workers. Never rejects: what is left out is counted in `fairlead_cluster_left_out_total`, and logged. */
  refresh(): Promise<void>;
  /** The families as the last `refresh()` found them. */
  collect(): readonly MetricFamily[];
  /** The same as plain data. */
  snapshot(): RegistrySnapshot;
}

const object = (value: unknown): boolean => typeof value === 'object' && value !== null;

const schema = z.strictObject({
  registry: z.optional(z.custom<Registry>(object, 'a metrics registry')),
  timeoutMs: z.optional(z.number().check(z.gte(1), z.lte(2 ** 31 - 1))),
  logger: z.optional(z.custom<Logger>(object, 'a logger')),
  clock: z.optional(z.custom<Clock>(object, 'a clock')),
});

/** A scrape that waits for its workers. */
interface Round {
  readonly id: number;
  readonly waitingFor: Set<number>;
  readonly done: () => void;
}

const nothing: RegistrySnapshot = { version: 1, families: [] };

/**
 * Called in the primary process of `node:cluster`: makes one exposition of the registries that the workers share by
 * `shareMetrics`, merged by `mergeSnapshots`.
 *
 * - What a worker counted stays counted when it dies or disconnects: what it last told is added for ever, its gauges and
 *   states go.
 * - A worker that does not answer in time counts with what it last told; its gauges and states are left out of that scrape.
 *   So the sum of a counter never falls because somebody is busy, and no alert takes it for a restart.
 * - A family that two processes define otherwise is shown as the younger ones define it.
 *
 * Its own families: `fairlead_cluster_workers`, those that answered, and `fairlead_cluster_left_out_total{reason}` with the
 * reasons `timeout`, `conflict` and `invalid`.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function collectClusterMetrics(options: ClusterMetricsOptions = {}): ClusterMetrics {
  const parsed = parseOptions(schema, options, 'collectClusterMetrics');
  const { registry, timeoutMs = 1000, logger = consoleLogger, clock = systemClock } = parsed;
  const own = createRegistry({ clock, logger });
  const answering = own
    .gauge({ name: 'fairlead_cluster_workers', help: 'Workers that answered the last scrape.' })
    .bind();
  const leftOut = own.counter({
    name: 'fairlead_cluster_left_out',
    help: 'Workers that a scrape went on without, wholly or in part, by reason.',
    labels: ['reason'],
  });
  /** What each living worker told last. */
  const told = new Map<number, RegistrySnapshot>();
  let departed = nothing;
  let merged = nothing;
  let families: readonly MetricFamily[] = [];
  let rounds = 0;
  let round: Round | undefined;
  let refreshing: Promise<void> | undefined;

  const leaveOut = (reason: 'timeout' | 'conflict' | 'invalid', worker: string, why: string): void => {
    leftOut.bind({ reason }).inc();
    logger.warn({ reason, worker }, `The metrics of worker ${worker} are left out, wholly or in part: ${why}`);
  };
  const answered = (worker: number): void => {
    round?.waitingFor.delete(worker);
    if (round?.waitingFor.size === 0) round.done();
  };
  const onMessage = ({ id: worker }: Worker, message: unknown): void => {
    if (!isSnapshotAnswer(message)) return;
    try {
      told.set(worker, mergeSnapshots([message.snapshot]));
    } catch (error) {
      leaveOut('invalid', String(worker), messageOf(error));
    }
    if (message.id !== undefined && message.id === round?.id) answered(worker);
  };
  // Not at its exit, which may come while its last words are still on their way; told after it, they would count twice.
  const onDisconnect = ({ id: worker }: Worker): void => {
    const last = told.get(worker);
    told.delete(worker);
    if (last !== undefined) {
      departed = mergeWhatFits([departed, cumulativeOf(last)], (error) => {
        leaveOut('conflict', String(worker), messageOf(error));
      });
    }
    answered(worker);
  };
  cluster.on('message', onMessage);
  cluster.on('disconnect', onDisconnect);

  /** Asks everybody; answers who did not say anything in time. */
  const ask = async (): Promise<ReadonlySet<number>> => {
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected() === true) as Worker[];
    const waitingFor = new Set(workers.map(({ id }) => id));
    if (waitingFor.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(resolve, timeoutMs);
        const done = (): void => {
          timer.clear();
          resolve();
        };
        round = { id: ++rounds, waitingFor, done };
        const request: SnapshotRequest = { fairlead: 'metrics-request', id: rounds };
        for (const worker of workers) worker.send(request, (error) => void (error && answered(worker.id)));
      });
    }
    round = undefined;
    return waitingFor;
  };

  const refresh = async (): Promise<void> => {
    const late = await ask();
    for (const worker of late) leaveOut('timeout', String(worker), `it did not answer within ${timeoutMs} ms.`);
    answering.set([...told.keys()].filter((worker) => !late.has(worker)).length);
    await registry?.refresh();
    // The youngest first, since of two definitions the first one counts.
    const living = [...told]
      .sort(([a], [b]) => b - a)
      .map(([worker, snapshot]) => (late.has(worker) ? cumulativeOf(snapshot) : snapshot));
    const primary = registry === undefined ? [] : [registry.snapshot({ process: 'primary' })];
    const conflicts: unknown[] = [];
    const all = mergeWhatFits([...living, ...primary, departed], (error) => conflicts.push(error));
    for (const error of conflicts) leaveOut('conflict', 'with other definitions', messageOf(error));
    merged = mergeWhatFits([all, own.snapshot()], () => {});
    families = restoreSnapshot(merged).collect();
  };

  return {
    refresh() {
      refreshing ??= refresh()
        .catch((error: unknown) =>
          logger.error({ error }, `The metrics of the cluster are as before: ${messageOf(error)}`),
        )
        .finally(() => {
          refreshing = undefined;
        });
      return refreshing;
    },
    collect: () => families,
    snapshot: () => merged,
    ...closeable(() => {
      cluster.off('message', onMessage);
      cluster.off('disconnect', onDisconnect);
      round?.done();
    }),
  };
}
