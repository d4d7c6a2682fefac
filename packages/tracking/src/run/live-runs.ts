import { type CallOptions, type Clock, type EventSource, FairleadError, type Logger, messageOf } from '@fairlead/core';
import { checkTitle } from '../names';
import { statusOf } from '../run-record';
import type { ModelUse, ParamValue, RunWriter, StoredRun } from '../store/run-store';
import type { TrackingStore } from '../store/tracking-store';
import type { TrackerEventMap } from '../tracker';
import { parseStartOptions } from '../tracker-options';
import type { HashFile } from './dataset-draft';
import { flattenParams, parseParams } from './flatten-params';
import { LiveRun } from './live-run';
import type { LiveRunOptions } from './live-run-options';
import type { RunStartOptions, TypedRunStartOptions } from './run-options';
import { checkParams, checkTags } from './values';

/** What the live runs of a tracker stand on. */
export interface LiveRunsOptions {
  readonly store: TrackingStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventSource<TrackerEventMap>;
  readonly flushIntervalMs: number;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  readonly checkOpen: () => void;
  readonly resolveModel: (reference: string, call: CallOptions) => Promise<ModelUse>;
  readonly hashFile: HashFile;
}

/** The runs that a tracker logs. */
export interface LiveRuns {
  start<Params>(given: RunStartOptions | TypedRunStartOptions<unknown, Params>): Promise<LiveRun<Params>>;
  resume(id: string, call: CallOptions): Promise<LiveRun>;
  get(id: string): LiveRun<unknown> | undefined;
  /** Writes what waits in memory, of all runs or of one, so that a reader in this process sees it. */
  writeOut(id?: string): Promise<void>;
  /** A run of the store, with what waits in memory. */
  read(id: string, call?: CallOptions): Promise<StoredRun | undefined>;
  /** The same. @throws FairleadError `NOT_FOUND` */
  find(id: string, call?: CallOptions): Promise<StoredRun>;
  /** Ends all as INTERRUPTED, flushed. @throws the first error */
  closeAll(): Promise<void>;
  /** Ends all as KILLED, written before it returns where the store can. @throws the first error */
  killAll(): void | Promise<void>;
}

/** 32 hexadecimal digits: 12 of the time, so that ids sort by it, and 20 of chance. */
function newRunId(epochMs: number): string {
  const random = crypto.getRandomValues(new Uint8Array(10));
  const tail = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return Math.floor(epochMs).toString(16).padStart(12, '0') + tail;
}

/** The error for something that must not happen to a run as it stands. */
export function runConflict(id: string, why: string): FairleadError {
  return new FairleadError('CONFLICT', `The run ${id} ${why}`, { details: { field: 'id', given: id } });
}

/** Starts runs, keeps them, and knows them by their ids. */
export function createLiveRuns(options: LiveRunsOptions): LiveRuns {
  const { store, clock, logger, events, leaseMs, checkOpen } = options;
  const live = new Map<string, LiveRun<unknown>>();

  const read = async (id: string, call: CallOptions = {}): Promise<StoredRun | undefined> => {
    await live.get(id)?.writeOut();
    return /^[0-9a-f]{32}$/.test(id) ? store.runs.read(id, call) : undefined;
  };

  const find = async (id: string, call: CallOptions = {}, field = 'id'): Promise<StoredRun> => {
    const run = await read(id, call);
    if (run !== undefined) return run;
    throw new FairleadError('NOT_FOUND', `There is no run "${id}" in this store. tracker.runs() lists what is.`, {
      details: { field, expected: 'the id of a run of this store', given: String(id) },
    });
  };

  type Own = 'id' | 'experiment' | 'name' | 'parent' | 'params' | 'knownParams' | 'openedAt' | 'writer';
  const keep = <Params>(own: Pick<LiveRunOptions<Params>, Own>): LiveRun<Params> => {
    const { id } = own;
    const run = new LiveRun<Params>({
      ...options,
      ...own,
      artifacts: store.artifacts,
      durabilities: store.durabilities,
      limits: store.limits,
      startChild: start,
      onRedact: (field) => {
        logger.warn({ id, field }, `"${field}" of run ${id} looks like a secret: its value is not kept.`);
      },
      onLose: (names) => {
        const shown = `${names.slice(0, 20).join(', ')}${names.length > 20 ? ` and ${names.length - 20} more` : ''}`;
        logger.warn({ id, artifacts: names }, `A signal ended run ${id} before these artifacts were kept: ${shown}.`);
      },
      onWriteFail: (error) => {
        const message = `Could not write run ${id}: ${messageOf(error)} What waits is written again soon.`;
        if (events.listenerCount('write-fail') === 0) logger.warn({ id, error }, message);
        events.emit('write-fail', { id, error });
      },
      onEnd: (status) => events.emit('run-end', { id, status }),
      onRelease: () => void live.delete(id),
    });
    live.set(id, run);
    return run;
  };

  /** The run that another is to be part of. */
  const findParent = async (
    parent: NonNullable<RunStartOptions['parent']>,
  ): Promise<{ id: string; experiment: string }> => {
    const id = typeof parent === 'string' ? parent : parent.id;
    const mine = live.get(id);
    if (mine !== undefined) return mine;
    const run = await find(id, {}, 'parent');
    if (run.deletedAt !== undefined)
      throw runConflict(id, 'was deleted: restore it before another becomes part of it.');
    return run;
  };

  async function start<Params>(
    given: RunStartOptions | TypedRunStartOptions<unknown, Params>,
  ): Promise<LiveRun<Params>> {
    checkOpen();
    const { experiment, name, parent, schema, params, tags } = parseStartOptions(given);
    for (const [field, title] of Object.entries({ experiment, name })) {
      if (title !== undefined) checkTitle(field, title);
    }
    checkTags(tags, store.limits);
    const parsed = schema === undefined ? (params ?? {}) : await parseParams(schema, params);
    // Without a schema parameters are flat, and `logParams` says what is wrong with others.
    const flat = schema === undefined ? (parsed as Readonly<Record<string, ParamValue>>) : flattenParams(parsed);
    checkParams(flat);
    const above = parent === undefined ? undefined : await findParent(parent);
    checkOpen();
    const at = clock.epochMs();
    const id = newRunId(at);
    const own = {
      id,
      experiment: experiment ?? above?.experiment ?? 'default',
      name: name ?? id.slice(-8),
      ...(above === undefined ? {} : { parent: above.id }),
    };
    const writer = await store.runs.create({ type: 'start', at, ...own, leaseUntil: at + leaseMs });
    const run = keep({ ...own, params: parsed as Params, knownParams: {}, openedAt: at, writer });
    run.logParams(flat);
    run.setTags(tags);
    events.emit('run-start', { id, experiment: run.experiment, name: run.name });
    return run;
  }

  /** Resumes a run of a store that cannot tell whether somebody else does. */
  const openAnew = async (
    id: string,
    lease: { readonly at: number; readonly leaseUntil: number },
    call: CallOptions,
  ): Promise<RunWriter> => {
    const writer = await store.runs.open(id, call);
    try {
      writer.append({ type: 'resume', ...lease });
      await writer.write();
      return writer;
    } catch (error) {
      await writer.close();
      throw error;
    }
  };

  const resuming = new Set<string>();

  const reopen = async (id: string, call: CallOptions): Promise<LiveRun> => {
    const run = await find(id, call);
    if (run.deletedAt !== undefined) throw runConflict(id, 'was deleted: restore it with restoreRun() first.');
    const now = clock.epochMs();
    if (statusOf(run, now) === 'RUNNING') {
      const seconds = Math.ceil((run.leaseUntil - now) / 1000);
      throw runConflict(
        id,
        `is still being logged, by another process or tracker. Should that have died, its lease is over in ${seconds} s.`,
      );
    }
    // Later than the end that it undoes, even where that was written by a clock that runs ahead.
    const at = Math.max(now, (run.end?.at ?? Number.NEGATIVE_INFINITY) + 1);
    const lease = { at, leaseUntil: at + leaseMs };
    const writer = await (store.runs.resume?.(id, lease, call) ?? openAnew(id, lease, call));
    const { experiment, name, parent, params } = run;
    const resumed = keep({
      id,
      experiment,
      name,
      ...(parent === undefined ? {} : { parent }),
      params,
      knownParams: params,
      openedAt: at,
      writer,
    });
    events.emit('run-resume', { id, experiment, name });
    return resumed;
  };

  return {
    start,
    async resume(id, call) {
      checkOpen();
      if (live.has(id) || resuming.has(id)) throw runConflict(id, 'is being logged by this tracker already.');
      resuming.add(id);
      try {
        return await reopen(id, call);
      } finally {
        resuming.delete(id);
      }
    },
    get: (id) => live.get(id),
    async writeOut(id) {
      const runs = id === undefined ? [...live.values()] : [live.get(id)];
      await Promise.all(runs.map((run) => run?.writeOut()));
    },
    read,
    find,
    async closeAll() {
      const ended = await Promise.allSettled([...live.values()].map((run) => run.close()));
      const failed = ended.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
    killAll() {
      const failures: unknown[] = [];
      const pending: Promise<void>[] = [];
      for (const run of live.values()) {
        try {
          const promise = run.kill();
          if (promise !== undefined) pending.push(promise);
        } catch (error) {
          failures.push(error); // the others must be ended all the same
        }
      }
      if (pending.length > 0) return Promise.all(pending).then(() => undefined);
      if (failures.length > 0) throw failures[0];
    },
  };
}
