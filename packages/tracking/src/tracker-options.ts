import {
  type Clock,
  consoleLogger,
  describeValue,
  type EventListeners,
  FairleadError,
  type Logger,
  parseOptions,
  type StandardSchema,
  systemClock,
} from '@fairlead/core';
import * as z from 'zod/mini';
import type { RelayOptions } from './browser/relay-options';
import type { OverflowPolicy } from './embedded/segment-writer';
import type { MlflowClientOptions } from './mlflow/client-options';
import type { AdoptedVersions } from './mlflow/registry/adoption';
import type { RunStartOptions } from './run/run-options';
import type { EndSignal } from './run/signals';
import type { ArtifactStore } from './store/artifact-store';
import type { TrackingStore } from './store/tracking-store';
import type { TrackerEventMap } from './tracker';

/** Options of `openTracker` for any store. */
export interface CommonTrackerOptions {
  /** Milliseconds after which logged points are written in the background. 1 or more. @default 250 */
  readonly flushIntervalMs?: number;
  /** Milliseconds between two signs of life of a run. 1 or more, less than `leaseMs`. @default 10000 */
  readonly heartbeatMs?: number;
  /** Milliseconds without a sign of life after which a run counts as KILLED. 1 or more. @default 60000 */
  readonly leaseMs?: number;
  /**
   * Signals at which open runs are ended as KILLED and written out, blocking, before the signal takes its course: the
   * handlers of others run, and where there are none the process ends as it would have. Node only. @default none
   */
  readonly signals?: readonly EndSignal[];
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
   * The server that `sync()` sends runs to, and `flush({ durability: 'remote' })`; `true`: as the environment says,
   * `MLFLOW_TRACKING_URI` and what goes with it. Nothing is asked of it before. @default none
   */
  readonly mlflow?: true | MlflowClientOptions;
  readonly relay?: never;
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
  readonly mlflow?: never;
  readonly relay?: never;
}

/** A tracker on an MLflow server, which keeps the runs, the artifacts and the models. */
export interface MlflowTrackerOptions extends CommonTrackerOptions {
  /**
   * The server and who asks, as `createMlflowClient` of `@fairlead/tracking/mlflow` takes them; `true`: as the environment
   * says, `MLFLOW_TRACKING_URI` and what goes with it.
   */
  readonly mlflow: true | MlflowClientOptions;
  readonly relay?: never;
  readonly dir?: never;
  readonly store?: never;
  /**
   * Bytes that a run may hold in memory until the server has acknowledged them. What comes when they are used up is
   * dropped and counted in `run.health()`, and the next flush rejects. 65,536 or more. @default 8388608 (8 MiB)
   */
  readonly maxBufferedBytes?: number;
  /** Milliseconds between two looks for changes of a model that is watched. 1 or more. @default 5000 */
  readonly pollMs?: number;
  /**
   * Which versions that other clients registered on the server become part of the registry: those that an alias points to,
   * all, or none. Their bytes are read once. @default 'aliased'
   */
  readonly adopt?: AdoptedVersions;
}

/**
 * A tracker in a page, or on a device, that sends what it logs to the relay on your own server. In a browser it waits in a
 * queue that survives a reload and being offline; elsewhere the queue lies in memory, and `flush` waits for the relay. It
 * only sends: runs are searched, and models kept, by the tracker on the server.
 */
export interface RelayTrackerOptions extends CommonTrackerOptions {
  /** Where `createRelayHandler` of `@fairlead/tracking/relay` answers, such as `/tracking`. */
  readonly relay: string | RelayOptions;
  readonly dir?: never;
  readonly store?: never;
  readonly mlflow?: never;
  /**
   * Bytes that a run may hold in memory until the queue has taken them. What comes when they are used up, because the
   * browser's storage is full, is dropped and counted in `run.health()`, and the next flush rejects. 65,536 or more.
   * @default 8388608 (8 MiB)
   */
  readonly maxBufferedBytes?: number;
}

/** Options of `openTracker`. */
export type TrackerOptions = EmbeddedTrackerOptions | StoreTrackerOptions | MlflowTrackerOptions | RelayTrackerOptions;

const milliseconds = z.int().check(z.minimum(1), z.maximum(0x7fffffff));
const anObject = <T>() => z.custom<T>((value) => typeof value === 'object' && value !== null, 'an object');

/** Uploads at a time. */
const defaultUploads = 4;

const common = {
  flushIntervalMs: z._default(milliseconds, 250),
  heartbeatMs: z._default(milliseconds, 10_000),
  leaseMs: z._default(milliseconds, 60_000),
  signals: z._default(z.array(z.enum(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK'])), []),
  uploads: z._default(
    z.strictObject({ concurrency: z._default(z.int().check(z.minimum(1), z.maximum(64)), defaultUploads) }),
    { concurrency: defaultUploads },
  ),
  on: z._default(anObject<EventListeners<TrackerEventMap>>(), {}),
  logger: z._default(anObject<Logger>(), consoleLogger),
  clock: z._default(anObject<Clock>(), systemClock),
};

const maxBufferedBytes = z._default(z.int().check(z.minimum(65_536), z.maximum(0x7fffffff)), 8 * 1024 * 1024);

// The client checks its own options, with no credential in an error.
const mlflowOption = z.custom<true | MlflowClientOptions>(
  (value) => value === true || (typeof value === 'object' && value !== null),
  'options of createMlflowClient such as { url }, or true for those of the environment',
);

const embeddedSchema = z.strictObject({
  ...common,
  mlflow: z.optional(mlflowOption),
  dir: z.string().check(z.minLength(1)),
  maxBufferedBytes,
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

const mlflowSchema = z.strictObject({
  ...common,
  mlflow: mlflowOption,
  maxBufferedBytes,
  pollMs: z._default(milliseconds, 5000),
  adopt: z._default(z.enum(['aliased', 'all', 'none']), 'aliased'),
});

const relaySchema = z.strictObject({
  ...common,
  // Checked where it is used, which a process with a folder does not load.
  relay: z.custom<string | RelayOptions>(
    (value) => typeof value === 'string' || (typeof value === 'object' && value !== null),
    'the address of a relay such as "/tracking", or { url, headers }',
  ),
  maxBufferedBytes,
});

function isStandardSchema(value: unknown): boolean {
  const standard = (value as { '~standard'?: { validate?: unknown } } | null | undefined)?.['~standard'];
  return typeof standard?.validate === 'function';
}

const startSchema = z.strictObject({
  experiment: z.optional(z.string()),
  name: z.optional(z.string()),
  parent: z.optional(
    z.custom<NonNullable<RunStartOptions['parent']>>(
      (value) => typeof (typeof value === 'object' ? (value as { id?: unknown } | null)?.id : value) === 'string',
      'a run or its id',
    ),
  ),
  schema: z.optional(z.custom<StandardSchema>(isStandardSchema, 'a Standard Schema, such as one of zod')),
  params: z.optional(z.unknown()),
  tags: z._default(anObject<NonNullable<RunStartOptions['tags']>>(), {}),
});

const filterSchema = z.strictObject({
  experiment: z.optional(z.string()),
  status: z.optional(z.enum(['RUNNING', 'KILLED', 'FINISHED', 'FAILED', 'INTERRUPTED'])),
  parent: z.optional(z.string()),
  deleted: z._default(z.enum(['exclude', 'only', 'include']), 'exclude'),
  limit: z.optional(z.int().check(z.minimum(1))),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')),
});

function checkLease({ heartbeatMs, leaseMs }: { heartbeatMs: number; leaseMs: number }): void {
  if (heartbeatMs < leaseMs) return;
  throw new FairleadError('INVALID_OPTION', `openTracker: heartbeatMs must be less than leaseMs (${leaseMs}).`, {
    details: { field: 'heartbeatMs', expected: `less than ${leaseMs}`, given: String(heartbeatMs) },
  });
}

/** The options of `openTracker` with their defaults. @throws FairleadError `INVALID_OPTION` */
export function parseTrackerOptions(options: TrackerOptions) {
  const settings = parseByStore(options);
  checkLease(settings);
  return settings;
}

function parseByStore(options: TrackerOptions) {
  const given: { store?: unknown; mlflow?: unknown; relay?: unknown; dir?: unknown } = options ?? {};
  const { store, mlflow, relay, dir } = given;
  if (store !== undefined) return parseOptions(storeSchema, options, 'openTracker');
  if (mlflow !== undefined && dir === undefined) return parseOptions(mlflowSchema, options, 'openTracker');
  if (relay !== undefined) return parseOptions(relaySchema, options, 'openTracker');
  if (dir === undefined) throw nowhere(options);
  return parseOptions(embeddedSchema, options, 'openTracker');
}

/** The error for a tracker that has no place for what it logs. */
function nowhere(options: unknown): FairleadError {
  const expected = "a folder, as in { dir: '.fairlead' }, or else { mlflow }, { relay } or { store }";
  return new FairleadError('INVALID_OPTION', `openTracker: where does it log to? Give ${expected}.`, {
    details: { field: 'dir', expected, given: describeValue(options) },
  });
}

/** The options of `startRun`. @throws FairleadError `INVALID_OPTION` */
export const parseStartOptions = (options: unknown) => parseOptions(startSchema, options, 'startRun');

/** The filter of `runs`. @throws FairleadError `INVALID_OPTION` */
export const parseRunFilter = (filter: unknown) => parseOptions(filterSchema, filter, 'runs');
