import { type CallOptions, type Clock, FairleadError, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import type { Files } from '../files/files';
import type { RunWriter } from '../store/run-store';
import type { TrackingStore } from '../store/tracking-store';
import { copyRuns } from './copy-runs';
import type { SyncServer } from './open-sync-server';
import { createSyncFolder } from './sync-folder';
import type { SyncOptions, SyncReport } from './sync-report';

const names = z.array(z.string().check(z.minLength(1))).check(z.minLength(1));

const schema = z.strictObject({
  runs: z.optional(names),
  experiments: z.optional(names),
  verify: z._default(z.boolean(), false),
  onProgress: z.optional(
    z.custom<NonNullable<SyncOptions['onProgress']>>((value) => typeof value === 'function', 'a function'),
  ),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')),
});

/** The options of `sync` with their defaults. @throws FairleadError `INVALID_OPTION` */
function parseSyncOptions(options: SyncOptions) {
  const parsed = parseOptions(schema, options, 'sync');
  if (parsed.runs === undefined || parsed.experiments === undefined) return parsed;
  throw new FairleadError('INVALID_OPTION', 'sync: give "runs" or "experiments", not both.', {
    details: { field: 'experiments', expected: 'nothing beside "runs"', given: 'both' },
  });
}

type ParsedSyncOptions = ReturnType<typeof parseSyncOptions>;

/** What a tracker with a folder and a server can do. */
export interface Sync {
  /** The store in the folder, whose runs can be flushed to the server as well. */
  readonly store: TrackingStore;
  /** The options of a call, checked. @throws FairleadError `INVALID_OPTION` */
  parse(options: SyncOptions): ParsedSyncOptions;
  /** @throws FairleadError as `Tracker.sync` */
  run(options: ParsedSyncOptions): Promise<SyncReport>;
}

/** Joins a store in a folder to a server. */
export function createSync(
  store: TrackingStore,
  server: SyncServer,
  { files, dir, clock }: { readonly files: Files; readonly dir: string; readonly clock: Clock },
): Sync {
  const { marks, alone } = createSyncFolder(files, dir, 'to', server.url, clock);

  const send = (options: ParsedSyncOptions, waits: boolean): Promise<SyncReport> => {
    const { runs, experiments, verify, onProgress, signal } = options;
    const target = { store: server.store, durability: 'remote', isLocal: false } as const;
    const selection = { runs, experiments, verify, onProgress, signal, artifacts: 'new' } as const;
    const work = () => copyRuns({ source: store, target, marks, clock, ...selection });
    return alone(work, { waits, ...(signal === undefined ? {} : { signal }) });
  };

  /** Runs that are being logged here. */
  const open = new Set<RunWriter>();

  /** Sends a run, and everything of it that is on disk. */
  const sendRun = async (id: string): Promise<void> => {
    // Those that it is part of have to be seen. What cannot be written is theirs to tell.
    await Promise.allSettled([...open].map((writer) => writer.write()));
    const { failed } = await send({ runs: [id], verify: false }, true);
    const failure = failed.find((each) => each.id === id);
    if (failure !== undefined) throw failure.error;
  };

  /** A writer whose run can be flushed to the server. */
  const withRemote = (writer: RunWriter, id: string): RunWriter => {
    open.add(writer);
    return {
      append: (event) => writer.append(event),
      appendPoints: (points) => writer.appendPoints(points),
      write: () => writer.write(),
      ...(writer.writeSync === undefined ? {} : { writeSync: () => writer.writeSync?.() }),
      async flush(durability) {
        if (durability !== 'remote') return writer.flush(durability);
        await writer.flush('disk');
        await sendRun(id);
      },
      health: () => writer.health(),
      close() {
        open.delete(writer);
        return writer.close();
      },
    };
  };

  const { runs } = store;
  return {
    store: {
      ...store,
      durabilities: [...store.durabilities, 'remote'],
      ...(server.store.limits === undefined ? {} : { limits: server.store.limits }),
      runs: {
        ...runs,
        create: async (start) => withRemote(await runs.create(start), start.id),
        open: async (id, call?: CallOptions) => withRemote(await runs.open(id, call), id),
      },
    },
    parse: parseSyncOptions,
    run: (options) => send(options, false),
  };
}
