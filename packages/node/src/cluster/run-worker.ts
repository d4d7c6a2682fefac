import cluster from 'node:cluster';
import { type Closeable, describeValue, FairleadError } from '@fairlead/core';
import { clusterMembership } from '../machine/cluster-membership';
import { shareMetrics } from '../metrics/share-metrics';
import { onEndSignal } from '../server/signals';
import { type FailedMessage, fromPrimary, type LeavingMessage, type ReadyMessage } from './messages';
import type { ClusterSettings } from './options';
import { scrapeAll } from './scrape-all';
import type { ClusterProcess, ClusterService } from './service';
import { describeFailure } from './start-failure';

type Told = ReadyMessage | FailedMessage | LeavingMessage;

/** The life of a worker: it starts what serves, closes it when it is asked to or its primary process is gone, and ends. Never resolves. */
export function runWorker(
  start: (process: ClusterProcess) => Promise<ClusterService>,
  settings: ClusterSettings,
): Promise<never> {
  const shared: Closeable[] = [];
  const membership = clusterMembership();
  const place: ClusterProcess = {
    number: membership?.number ?? 1,
    shareMetrics(registry) {
      // The cluster of somebody else has nobody who would collect them.
      if (membership === undefined) return registry;
      shared.push(shareMetrics(registry, { clock: settings.clock }));
      // The primary process waits for the other workers as long as it may, and answers then.
      return scrapeAll(2 * settings.scrapeTimeoutMs, settings.clock);
    },
  };

  let isStarting = true;
  const starting = (async () => serviceOf(await start(place)))().finally(() => {
    isStarting = false;
  });
  let closing: Promise<void> | undefined;
  const close = (handsOver: boolean): Promise<void> => {
    closing ??= end(handsOver);
    return closing;
  };
  const end = async (handsOver: boolean): Promise<void> => {
    try {
      const service = await starting;
      await service.close({ handsOver });
    } catch (error) {
      settings.logger.error(
        { error },
        `A process of the cluster ends, but could not close: ${describeFailure(error).message}`,
      );
    }
    await Promise.all(shared.map((each) => each.close()));
    process.exit();
  };

  process.on('message', (given) => {
    const message = fromPrimary(given);
    if (message?.fairlead === 'cluster-close') void close(message.handsOver === true);
  });
  const { worker } = cluster;
  worker?.once('disconnect', () => {
    // Node ends a worker at once whose primary process is gone, unless it meant to leave; this one has requests to answer.
    worker.exitedAfterDisconnect = true;
    void close(false);
  });
  onEndSignal(
    async () => {
      // By the signal: there is nothing yet that could be closed.
      if (isStarting) return;
      // Another process first, so that somebody listens all the time.
      if (membership !== undefined && process.connected) tell({ fairlead: 'cluster-leaving' });
      else void close(false);
      await new Promise<never>(() => {});
    },
    () => {},
  );

  starting.then(
    ({ port, url }) => {
      tell({
        fairlead: 'cluster-ready',
        ...(typeof port === 'number' && { port }),
        ...(typeof url === 'string' && { url: url.slice(0, 1024) }),
      });
    },
    (error: unknown) => {
      const failure = describeFailure(error);
      if (membership === undefined)
        settings.logger.error({ error }, `startCluster: this process could not start: ${failure.message}`);
      tell({ fairlead: 'cluster-failed', failure }, () => process.exit(1));
    },
  );
  return new Promise<never>(() => {});
}

function serviceOf(made: ClusterService | undefined): ClusterService {
  if (typeof made?.close === 'function') return made;
  const expected = 'the server, or an object with its close()';
  const given = describeValue(made);
  const message = `startCluster: "start" is wrong: expected that it returns ${expected}, and it returned ${given}.`;
  throw new FairleadError('INVALID_OPTION', message, { details: { field: 'start', expected, given } });
}

function tell(message: Told, then: () => void = () => {}): void {
  if (process.send === undefined || !process.connected) then();
  else process.send(message, undefined, undefined, then);
}
