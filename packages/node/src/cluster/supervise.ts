import { type Closeable, closeable, FairleadError, messageOf } from '@fairlead/core';
import { createRegistry, type MetricsSource } from '@fairlead/core/metrics';
import { collectClusterMetrics } from '../metrics/collect-cluster-metrics';
import { onEndSignal } from '../server/signals';
import { answerScrapes } from './answer-scrapes';
import type { ClusterSettings } from './options';
import { createRestartPolicy, type RestartPolicy } from './restart-policy';
import { forkWorker, type WorkerProcess } from './worker-process';

/** A port that several processes serve. */
export interface Cluster extends Closeable {
  /** How many of them there are. */
  readonly processes: number;
  /** The port that they share, where what they started tells one. */
  readonly port: number | undefined;
  /** Where a client on this machine reaches them, where what they started tells it. */
  readonly url: string | undefined;
  /** The metrics of all processes, for a server of this process's own. */
  readonly metrics: MetricsSource;
  /**
   * Replaces one process after another: the next one starts, serves, and only then the one before answers what it accepted, and
   * ends. So no request is lost, and a changed script, model or configuration is taken up. For the moment there is one process more.
   * @throws FairleadError why a process could not start: those that were not replaced go on; `CLOSED` when the cluster closes
   */
  reload(): Promise<void>;
  /** All processes answer what they accepted, each as its server's `close` does, readiness first; resolves when they are gone. */
  close(): Promise<void>;
}

/** One of the processes that there should be. */
interface Place {
  worker: WorkerProcess | undefined;
  /** Whether another one is on its way anyhow. */
  isReplacing: boolean;
  readonly policy: RestartPolicy;
}

/** The life of a primary process: starts the workers, starts another one where one dies, and closes all. */
export async function supervise(settings: ClusterSettings): Promise<Cluster> {
  const { processes, clock, logger, maxRestarts, restartWindowMs, scrapeTimeoutMs: timeoutMs } = settings;
  const registry = settings.registry ?? createRegistry({ clock, logger });
  registry.gauge({ name: 'fairlead_cluster_processes', help: 'Processes that there should be.' }).bind().set(processes);
  const restarts = registry
    .counter({ name: 'fairlead_cluster_restarts', help: 'Processes that were started in place of one that had died.' })
    .bind();
  const metrics = collectClusterMetrics({ registry, timeoutMs, logger, clock });
  const stopAnswering = answerScrapes(metrics);
  // Between a death and the next start there may be nothing else that keeps this process.
  const alive = setInterval(() => {}, 2 ** 31 - 1);

  const living = new Set<WorkerProcess>();
  const places: Place[] = Array.from({ length: processes }, () => ({
    worker: undefined,
    isReplacing: false,
    policy: createRestartPolicy(maxRestarts, restartWindowMs, clock),
  }));
  let isClosing = false;
  /** Fails the start; undefined once it has succeeded. */
  let failStart: ((error: FairleadError) => void) | undefined;
  let stopWaiting = (): void => {};
  const closed = new Promise<void>((resolve) => {
    stopWaiting = resolve;
  });

  const fork = (place: Place): WorkerProcess => {
    const taken = new Set([...living].map(({ number }) => number));
    let number = 1;
    while (taken.has(number)) number++;
    const worker = forkWorker(number, settings, () => void leave(place, worker));
    living.add(worker);
    let wasReady = false;
    void worker.ready.then(
      () => {
        wasReady = true;
      },
      () => {},
    );
    void worker.ended.then((how) => {
      living.delete(worker);
      if (isClosing || place.worker !== worker || place.isReplacing) return;
      if (failStart !== undefined) {
        // One that was not ready yet fails the start by that.
        if (wasReady) failStart(diedEarly(number, how));
        return;
      }
      place.worker = undefined;
      void revive(place, worker, how);
    });
    return worker;
  };

  /** Starts a process in place of one that died, until one stays or too many have died. */
  const revive = async (
    place: Place,
    { number, pid }: Pick<WorkerProcess, 'number' | 'pid'>,
    how: string,
  ): Promise<void> => {
    const waitMs = place.policy.died();
    const died = { process: number, pid, how };
    if (waitMs === undefined) return giveUp(died);
    logger.warn(
      { ...died, waitMs },
      `Process ${number} (pid ${pid}) died: ${how}. Another one is started in ${waitMs} ms.`,
    );
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(resolve, waitMs);
      void closed.then(() => {
        timer.clear();
        resolve();
      });
    });
    if (isClosing) return;
    place.isReplacing = true;
    const next = fork(place);
    try {
      await next.ready;
    } catch (error) {
      await next.close(false);
      place.isReplacing = false;
      if (!isClosing) await revive(place, next, messageOf(error));
      return;
    }
    place.isReplacing = false;
    place.worker = next;
    restarts.inc();
    logger.info(
      { process: next.number, pid: next.pid },
      `Process ${next.number} (pid ${next.pid}) serves in place of the one that died.`,
    );
  };

  const giveUp = async (died: {
    readonly process: number;
    readonly pid: number | undefined;
    readonly how: string;
  }): Promise<void> => {
    logger.error(
      { ...died, maxRestarts, restartWindowMs },
      `Process ${died.process} died (${died.how}), after ${maxRestarts} restarts within ${restartWindowMs} ms. The cluster closes, and this process ends with status 1.`,
    );
    await close();
    process.exit(1);
  };

  /** Another process takes the place, and serves before the old one leaves. */
  const replace = async (place: Place): Promise<void> => {
    if (isClosing) throw closedError();
    const old = place.worker;
    // It has just died, and another one is on its way.
    if (old === undefined || place.isReplacing) return;
    place.isReplacing = true;
    const next = fork(place);
    try {
      await next.ready;
    } catch (error) {
      await next.close(false);
      place.isReplacing = false;
      if (isClosing) throw closedError();
      if (!living.has(old)) {
        place.worker = undefined;
        void revive(place, old, 'while another one was started in its place');
      }
      throw error;
    }
    place.worker = next;
    place.isReplacing = false;
    await old.close(true);
  };

  /** One replacement at a time. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const done = turn.then(task);
    turn = done.catch(() => {});
    return done;
  };

  /** A worker was told to end by somebody else. */
  const leave = (place: Place, worker: WorkerProcess): Promise<void> =>
    inTurn(async () => {
      if (isClosing || place.worker !== worker) return;
      logger.info(
        { process: worker.number, pid: worker.pid },
        `Process ${worker.number} (pid ${worker.pid}) was asked to end; another one is started.`,
      );
      try {
        await replace(place);
      } catch (error) {
        if (isClosing || place.worker !== worker) return;
        logger.error(
          { error },
          `Process ${worker.number} ends, and none could be started in its place: ${messageOf(error)}`,
        );
        await worker.close(processes > 1);
      }
    });

  const { close, ...disposal } = closeable(async () => {
    isClosing = true;
    stopWaiting();
    await Promise.all([...living].map((worker) => worker.close(false)));
    stopAnswering();
    await metrics.close();
    stopSignals();
    clearInterval(alive);
  });
  const stopSignals = settings.handleSignals
    ? onEndSignal(close, () => {
        for (const worker of living) worker.kill();
      })
    : (): void => {};

  try {
    const died = new Promise<never>((_, reject) => {
      failStart = reject;
    });
    const workers = places.map((place) => {
      place.worker = fork(place);
      return place.worker;
    });
    const [first] = await Promise.race([died, Promise.all(workers.map(({ ready }) => ready))]);
    failStart = undefined;
    return {
      processes,
      port: first?.port,
      url: first?.url,
      metrics,
      reload: () =>
        inTurn(async () => {
          for (const place of places) await replace(place);
        }),
      close,
      ...disposal,
    };
  } catch (error) {
    const wasClosing = isClosing;
    await close();
    throw wasClosing ? closedError() : error;
  }
}

function diedEarly(number: number, how: string): FairleadError {
  const message = `startCluster: process ${number} ended (${how}) while the others started.`;
  return new FairleadError('LANE_LOST', message, { details: { process: number } });
}

function closedError(): FairleadError {
  return new FairleadError('CLOSED', 'startCluster: the cluster was closed.');
}
