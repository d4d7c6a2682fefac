import {
  type CallOptions,
  type Clock,
  closeable,
  consoleLogger,
  createEvents,
  type EventListeners,
  FairleadError,
  type Logger,
  messageOf,
  parseOptions,
  systemClock,
} from '@fairlead/core';
import * as z from 'zod/mini';
import { platformFiles } from '#files';
import { boundArtifacts } from './artifacts/bounded-artifacts';
import { openEmbeddedStore } from './embedded/embedded-store';
import type { OverflowPolicy } from './embedded/segment-writer';
import { checkTitle, invalidArgument } from './names';
import { createRegistry } from './registry/create-registry';
import { LiveRun } from './run/live-run';
import type { Run } from './run/run';
import { checkParams, checkTags } from './run/values';
import { toRunRecord, toRunSummary } from './run-record';
import { createCompare } from './search/tracker-compare';
import { createSearch } from './search/tracker-search';
import type { ArtifactStore } from './store/artifact-store';
import type { StoredRun } from './store/run-store';
import type { TrackingStore } from './store/tracking-store';
import type { RunFilter, RunStartOptions, Tracker, TrackerEventMap } from './tracker';

/** Options of {@link openTracker} for any store. */
export interface CommonTrackerOptions {
  /** Milliseconds after which logged points are written in the background. 1 or more. @default 250 */
  readonly flushIntervalMs?: number;
  /** Milliseconds between two signs of life of a run. 1 or more, less than `leaseMs`. @default 10000 */
  readonly heartbeatMs?: number;
  /** Milliseconds without a sign of life after which a run counts as KILLED. 1 or more. @default 60000 */
  readonly leaseMs?: number;
  /** How artifacts are uploaded. */
  readonly uploads?: {
    /** Uploads at a time; others wait their turn. 1 to 64. @default 4 */
    readonly concurrency?: number;
  };
  /** Listeners, attached before anything happens. */
  readonly on?: EventListeners<TrackerEventMap>;
  /** Where warnings go. @default the console */
  readonly logger?: Logger;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** A tracker on the embedded store: a folder, no server. */
export interface EmbeddedTrackerOptions extends CommonTrackerOptions {
  /** Folder of the store; made where it is missing. Several processes may use it at once. */
  readonly dir: string;
  readonly store?: never;
  /**
   * Encoded bytes that a run may hold in memory, beside as many that are being written. 65,536 or more.
   * @default 8388608 (8 MiB)
   */
  readonly maxBufferedBytes?: number;
  /**
   * What happens when that is reached. `write`: the caller of `log` writes the buffer himself, which takes a few
   * milliseconds, and only what the file system refuses is dropped. `drop`: what comes is dropped. Drops are counted in
   * `run.health()`, and the next flush rejects. @default 'write'
   */
  readonly overflow?: OverflowPolicy;
  /**
   * Where artifacts are kept instead, such as `s3Artifacts` of `@fairlead/tracking/s3`; those that lie in the folder are not
   * found then. @default the folder
   */
  readonly artifacts?: ArtifactStore;
  /** Milliseconds between two looks for alias moves of other processes, beside the system's notices. @default 1000 */
  readonly pollMs?: number;
}

/** A tracker on a store of your own. */
export interface StoreTrackerOptions extends CommonTrackerOptions {
  /** The store; the tracker closes it. */
  readonly store: TrackingStore;
  readonly dir?: never;
}

/** Options of {@link openTracker}. */
export type TrackerOptions = EmbeddedTrackerOptions | StoreTrackerOptions;

const milliseconds = z.int().check(z.minimum(1), z.maximum(0x7fffffff));
const anObject = <T>() => z.custom<T>((value) => typeof value === 'object' && value !== null, 'an object');

/** Uploads at a time. */
const defaultUploads = 4;

const common = {
  flushIntervalMs: z._default(milliseconds, 250),
  heartbeatMs: z._default(milliseconds, 10_000),
  leaseMs: z._default(milliseconds, 60_000),
  uploads: z._default(
    z.strictObject({ concurrency: z._default(z.int().check(z.minimum(1), z.maximum(64)), defaultUploads) }),
    { concurrency: defaultUploads },
  ),
  on: z._default(anObject<EventListeners<TrackerEventMap>>(), {}),
  logger: z._default(anObject<Logger>(), consoleLogger),
  clock: z._default(anObject<Clock>(), systemClock),
};

const embeddedSchema = z.strictObject({
  ...common,
  dir: z.string().check(z.minLength(1)),
  maxBufferedBytes: z._default(z.int().check(z.minimum(65_536), z.maximum(0x7fffffff)), 8 * 1024 * 1024),
  overflow: z._default(z.enum(['write', 'drop']), 'write'),
  pollMs: z._default(milliseconds, 1000),
  artifacts: z.optional(
    z.custom<ArtifactStore>(
      (value) =>
        ['put', 'stat', 'stream', 'read'].every((name) => typeof Reflect.get(Object(value), name) === 'function'),
      'an artifact store, such as s3Artifacts makes one',
    ),
  ),
});

const storeSchema = z.strictObject({
  ...common,
  store: z.custom<TrackingStore>(
    (value) => (value as TrackingStore | undefined)?.specVersion === 'v1',
    'a tracking store of specVersion "v1"',
  ),
});

const startSchema = z.strictObject({
  experiment: z._default(z.string(), 'default'),
  name: z.optional(z.string()),
  params: z._default(anObject<NonNullable<RunStartOptions['params']>>(), {}),
  tags: z._default(anObject<NonNullable<RunStartOptions['tags']>>(), {}),
});

const filterSchema = z.strictObject({
  experiment: z.optional(z.string()),
  status: z.optional(z.enum(['RUNNING', 'KILLED', 'FINISHED', 'FAILED', 'INTERRUPTED'])),
  limit: z.optional(z.int().check(z.minimum(1))),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')),
});

/** Settings of the tracker itself, and its store. */
async function openStore(options: TrackerOptions) {
  if ((options as { store?: unknown } | undefined)?.store !== undefined) {
    return parseOptions(storeSchema, options, 'openTracker');
  }
  const settings = parseOptions(embeddedSchema, options, 'openTracker');
  checkLease(settings);
  const store = await openEmbeddedStore({ ...settings, files: platformFiles });
  return { ...settings, store: { ...store, artifacts: settings.artifacts ?? store.artifacts } };
}

function checkLease({ heartbeatMs, leaseMs }: { heartbeatMs: number; leaseMs: number }): void {
  if (heartbeatMs < leaseMs) return;
  throw new FairleadError('INVALID_OPTION', `openTracker: heartbeatMs must be less than leaseMs (${leaseMs}).`, {
    details: { field: 'heartbeatMs', expected: `less than ${leaseMs}`, given: String(heartbeatMs) },
  });
}

/** Ends a run whose work threw. That error is the one that counts, so trouble with the end goes to the log. */
async function failRun(run: Run, error: unknown, logger: Logger): Promise<void> {
  try {
    if (run.status === 'RUNNING') await run.fail(error);
  } catch (trouble) {
    logger.error({ id: run.id, error: trouble }, `The end of run ${run.id} may be lost: ${messageOf(trouble)}`);
  }
  try {
    await run.close();
  } catch (trouble) {
    logger.error({ id: run.id, error: trouble }, `The end of run ${run.id} is lost: ${messageOf(trouble)}`);
  }
}

/** 32 hexadecimal digits: 12 of the time, so that ids sort by it, and 20 of chance. */
function newRunId(epochMs: number): string {
  const random = crypto.getRandomValues(new Uint8Array(10));
  const tail = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return Math.floor(epochMs).toString(16).padStart(12, '0') + tail;
}

/**
 * Opens a tracker.
 *
 * @example
 * const tracker = await openTracker({ dir: '.fairlead' });
 * await tracker.withRun({ experiment: 'digits', params: { lr: 0.1 } }, async (run) => {
 *   run.log({ loss: 0.3 }, { step: 1 });
 * });
 * await tracker.close();
 *
 * @throws FairleadError `INVALID_OPTION`, `STORE_FAILED`, `STORE_CORRUPT`, `UNSUPPORTED` for a store of a later format
 */
export async function openTracker(options: TrackerOptions): Promise<Tracker> {
  const settings = await openStore(options);
  checkLease(settings);
  const { clock, logger } = settings;
  const events = createEvents<TrackerEventMap>(logger, settings.on);
  const store: TrackingStore = {
    ...settings.store,
    artifacts: boundArtifacts(settings.store.artifacts, {
      concurrency: settings.uploads.concurrency,
      onProgress: (place, progress) => events.emit('artifact-progress', { ...place, ...progress }),
    }),
  };
  const live = new Map<string, LiveRun>();
  let closed = false;

  const checkOpen = (): void => {
    if (closed) throw new FairleadError('CLOSED', 'The tracker was closed: open another.');
  };

  const startRun = async (given: RunStartOptions = {}): Promise<Run> => {
    checkOpen();
    const { experiment, name, params, tags } = parseOptions(startSchema, given, 'startRun');
    const at = clock.epochMs();
    const id = newRunId(at);
    const title = name ?? id.slice(-8);
    checkTitle('experiment', experiment);
    checkTitle('name', title);
    checkParams(params);
    checkTags(tags);
    const { leaseMs, heartbeatMs, flushIntervalMs } = settings;
    const start = { type: 'start', at, id, experiment, name: title, leaseUntil: at + leaseMs } as const;
    const writer = await store.runs.create(start);
    const run = new LiveRun({
      start,
      writer,
      artifacts: store.artifacts,
      durabilities: store.durabilities,
      clock,
      flushIntervalMs,
      heartbeatMs,
      leaseMs,
      onWriteFail: (error) => {
        const message = `Could not write run ${id}: ${messageOf(error)} What waits is written again soon.`;
        if (events.listenerCount('write-fail') === 0) logger.warn({ id, error }, message);
        events.emit('write-fail', { id, error });
      },
      onEnd: (status) => events.emit('run-end', { id, status }),
      onRelease: () => void live.delete(id),
    });
    live.set(id, run);
    run.logParams(params);
    run.setTags(tags);
    events.emit('run-start', { id, experiment, name: title });
    return run;
  };

  /** What is read of a run that is logged here includes what still waits in memory. */
  const writeOut = async (runs: Iterable<LiveRun>): Promise<void> => {
    await Promise.all(Array.from(runs, (run) => run.writeOut()));
  };

  const readRun = async (id: string, call: CallOptions): Promise<StoredRun | undefined> => {
    const mine = live.get(id);
    if (mine !== undefined) await writeOut([mine]);
    return /^[0-9a-f]{32}$/.test(id) ? store.runs.read(id, call) : undefined;
  };

  const closing = closeable(async () => {
    closed = true;
    const ended = await Promise.allSettled([...live.values()].map((run) => run.close()));
    await store.close();
    events.clear();
    const failed = ended.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  });

  const withRun = async <T>(given: RunStartOptions, work: (run: Run) => Promise<T> | T): Promise<T> => {
    if (typeof work !== 'function') throw invalidArgument('work', 'a function that takes the run', work);
    const run = await startRun(given);
    let result: T;
    try {
      result = await work(run);
    } catch (error) {
      await failRun(run, error, logger);
      throw error;
    }
    try {
      if (run.status === 'RUNNING') await run.complete();
    } finally {
      await run.close();
    }
    return result;
  };

  const searching = { store, clock, checkOpen, writeOut: () => writeOut(live.values()) };

  return {
    ...closing,
    events,
    search: createSearch(searching),
    compare: createCompare(searching),
    registry: createRegistry({ store, readRun, clock, logger, events, checkOpen }),
    withRun,
    startRun,
    async runs(filter: RunFilter = {}) {
      checkOpen();
      const { experiment, status, limit, signal } = parseOptions(filterSchema, filter, 'runs');
      await writeOut(live.values());
      const now = clock.epochMs();
      const page = await store.runs.search(
        { ...(experiment === undefined ? {} : { experiments: [experiment] }), limit: 50_000 },
        signal === undefined ? {} : { signal },
      );
      return page.runs
        .map((run) => toRunSummary(run, now))
        .filter((run) => experiment === undefined || run.experiment === experiment)
        .filter((run) => status === undefined || run.status === status)
        .slice(0, limit);
    },
    async getRun(id, call = {}) {
      checkOpen();
      const run = await readRun(id, call);
      if (run !== undefined) return toRunRecord(run, clock.epochMs(), store);
      throw new FairleadError('NOT_FOUND', `There is no run "${id}" in this store. tracker.runs() lists what is.`, {
        details: { field: 'id', expected: 'the id of a run of this store', given: String(id) },
      });
    },
  };
}
