import { type Clock, closeable, FairleadError, type Logger, messageOf } from '@fairlead/core';
import { mergeRun, SegmentFold } from '../embedded/segment-fold';
import type { RunWriter } from '../store/run-store';
import type { TrackingStore } from '../store/tracking-store';
import { createDrain } from './drain';
import { openIndexedQueue } from './indexed-queue';
import { createMemoryQueue } from './memory-queue';
import { createPageArtifacts, onlySends } from './page-artifacts';
import { currentPlatform, type PagePlatform } from './page-platform';
import type { PageQueue, QueuedBatch } from './page-queue';
import { PageWriter } from './page-writer';
import { parseRelay, type RelayOptions } from './relay-options';
import { createTransport, lastBytes } from './transport';

/** How a page's store is opened. */
export interface RelayStoreOptions {
  readonly relay: string | RelayOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Encoded bytes that a run may hold in memory. */
  readonly maxBufferedBytes: number;
  /** @default the browser that this runs in */
  readonly platform?: PagePlatform;
}

/** A store that sends, and what a tracker does with it when the page goes. */
export interface RelayStore {
  readonly store: TrackingStore;
  /** Has the tracker hand over what it holds whenever the page may go. Call it once. */
  watchPage(writeOut: () => void): void;
}

/** Runs of which the page remembers what it logged. */
const mostRemembered = 256;

async function openQueue(name: string, platform: PagePlatform, logger: Logger): Promise<PageQueue> {
  if (!platform.hasDatabase) return createMemoryQueue();
  try {
    return await openIndexedQueue(name);
  } catch (error) {
    logger.warn(
      { error },
      `${messageOf(error)} What is logged waits in memory, and goes with the page unless it was sent.`,
    );
    return createMemoryQueue();
  }
}

const refuse = (what: string) => async (): Promise<never> => {
  throw onlySends(what);
};

/**
 * Opens a store that queues in the browser what is logged and sends it to a relay. Without a database, as on Node, the
 * queue lies in memory, and only what the relay has is promised.
 * @throws FairleadError `INVALID_OPTION`
 */
export async function openRelayStore(options: RelayStoreOptions): Promise<RelayStore> {
  const { clock, logger, maxBufferedBytes, platform = currentPlatform() } = options;
  const settings = parseRelay(options.relay, platform.base);
  const name = `fairlead-relay:${settings.queue}:${settings.url}`;
  const queue = await openQueue(name, platform, logger);
  const transport = createTransport(settings, clock);
  const drain = createDrain({ name, queue, transport, platform, clock });
  const artifacts = createPageArtifacts(queue, clock);
  const folds = new Map<string, SegmentFold>();
  const writers = new Set<PageWriter>();
  const ignore: (() => void)[] = [];
  let closed = false;

  const openWriter = (run: string): RunWriter => {
    if (closed) throw new FairleadError('CLOSED', 'The tracker was closed: open another.');
    const fold = folds.get(run) ?? new SegmentFold();
    folds.delete(run);
    folds.set(run, fold);
    for (const oldest of folds.keys()) {
      if (folds.size <= mostRemembered) break;
      folds.delete(oldest);
    }
    const uploadOf = (artifact: string, digest: string) => artifacts.uploadOf(run, artifact, digest);
    const onRelease = (): void => void writers.delete(writer);
    const writer = new PageWriter({ run, queue, drain, fold, maxBufferedBytes, uploadOf, onRelease });
    writers.add(writer);
    return writer;
  };

  /** What the relay may not have yet, as much of it as a browser lets a page send in its last moment. */
  const sendLast = (): void => {
    const last: QueuedBatch[] = [];
    let size = 0;
    for (const writer of writers) {
      const batches = writer.unsent();
      size += batches.reduce((sum, batch) => sum + batch.bytes.byteLength, 0);
      if (size > lastBytes) break;
      last.push(...batches);
    }
    transport.sendLast(last);
  };

  const store: TrackingStore = {
    specVersion: 'v1',
    name: 'relay',
    durabilities: queue.durabilities,
    runs: {
      async create(start) {
        const writer = openWriter(start.id);
        writer.append(start);
        return writer;
      },
      open: async (id) => openWriter(id),
      read: async (id) => {
        const fold = folds.get(id);
        return fold === undefined ? undefined : mergeRun(id, [fold], []);
      },
      search: refuse('runs cannot be searched'),
      experiments: refuse('experiments cannot be listed'),
      history: refuse('no points can be read'),
    },
    artifacts: artifacts.store,
    registry: {
      names: refuse('there are no models'),
      read: refuse('no model can be read'),
      commit: refuse('no model can be changed'),
      watch() {
        throw onlySends('no model can be watched');
      },
    },
    ...closeable(async () => {
      closed = true;
      for (const end of ignore) end();
      await drain.close();
      queue.close();
    }),
  };

  return {
    store,
    watchPage(writeOut) {
      ignore.push(
        platform.listen('hide', writeOut),
        platform.listen('leave', () => {
          writeOut();
          sendLast();
        }),
      );
    },
  };
}
