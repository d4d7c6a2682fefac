import { type CallOptions, type Clock, FairleadError, throwIfAborted } from '@fairlead/core';
import type { Files } from '../files/files';
import { statusOf } from '../run-record';
import type { RunPage, RunQuery } from '../search/query';
import { searchRuns } from '../search/search-runs';
import type { ExperimentSummary, RunBatch, RunStart, RunStore, RunWriter } from '../store/run-store';
import { announcedWriter } from './announced-writer';
import { createAnswers } from './answers';
import { plainRun } from './index/index-page';
import { RunIndex } from './index/run-index';
import { markClosed, markOpened } from './index/run-marks';
import { claimResume, type ResumeLease } from './resume-claim';
import { RunReader, segmentSuffix } from './run-reader';
import { type OverflowPolicy, SegmentWriter } from './segment-writer';

/** How the runs of a folder are kept. */
export interface RunStoreOptions {
  readonly files: Files;
  /** The store's folder. */
  readonly dir: string;
  readonly clock: Clock;
  readonly maxBufferedBytes: number;
  readonly overflow: OverflowPolicy;
  /** Called before anything is written, so that a store of an older format can be upgraded first. */
  readonly beforeWrite: () => Promise<void>;
}

function randomMarker(): number {
  const [word] = crypto.getRandomValues(new Uint32Array(1));
  return word || 1;
}

/** A name that sorts behind those of the writers before it, those of format 1 included, which are hexadecimal digits. */
function newWriterName(at: number): string {
  const time = Math.max(0, Math.floor(at)).toString(16).padStart(12, '0');
  return `w${time}-${crypto.randomUUID().slice(0, 8)}`;
}

/** A {@link RunStore} that keeps what it found out for the next process when it is closed. */
export interface EmbeddedRunStore extends RunStore {
  readonly index: RunIndex;
  readonly reader: RunReader;
  close(): Promise<void>;
}

/** Runs in `runs/<id>/<writer>.seg`, one file a writer, so that no two ever write to the same. */
export function createRunStore(options: RunStoreOptions): EmbeddedRunStore {
  const { files, dir, clock } = options;
  const root = files.join(dir, 'runs');
  const reader = new RunReader(files, root, clock);
  const index = new RunIndex({ files, dir, root, clock, reader });

  const answers = createAnswers(() => index.version);

  /** A new segment of a run, and the name of its writer. */
  const addSegment = async (id: string, at: number): Promise<{ writer: SegmentWriter; name: string }> => {
    await options.beforeWrite();
    const folder = files.join(root, id);
    await files.makeFolder(folder);
    const name = newWriterName(at);
    const file = await files.open(files.join(folder, `${name}${segmentSuffix}`), 'create');
    if (file === undefined) throw new FairleadError('STORE_FAILED', `Could not create ${name} in ${folder}.`);
    const writer = new SegmentWriter({
      file,
      syncFolders: async () => {
        await files.syncFolder(folder);
        await files.syncFolder(root);
        // The folder of all runs may be new as well.
        await files.syncFolder(dir);
      },
      marker: randomMarker(),
      createdAt: at,
      maxBufferedBytes: options.maxBufferedBytes,
      overflow: options.overflow,
    });
    index.touch(id);
    return { writer, name };
  };

  const create = async (start: RunStart, batch?: RunBatch): Promise<RunWriter> => {
    const { writer, name } = await addSegment(start.id, start.at);
    if (batch === undefined) writer.append(start);
    else writer.appendBatch(batch);
    return announcedWriter(writer, {
      leaseUntil: start.leaseUntil,
      known: false,
      open: () => markOpened(files, root, start.id, name),
      close: async (known) => {
        if (known) await markClosed(files, root, start.id, name);
        index.touch(start.id);
      },
    });
  };

  const checkKnown = async (id: string): Promise<void> => {
    if ((await reader.segmentsOf(id)).length > 0) return;
    throw new FairleadError('NOT_FOUND', `There is no run "${id}" in this store. tracker.runs() lists what is.`, {
      details: { field: 'id', expected: 'the id of a run of this store', given: id },
    });
  };

  /** Another segment of a run that exists, made known. */
  const openSegment = async (id: string): Promise<{ writer: RunWriter; name: string }> => {
    const { writer, name } = await addSegment(id, clock.epochMs());
    await markOpened(files, root, id, name);
    const announced = announcedWriter(writer, {
      leaseUntil: Number.POSITIVE_INFINITY,
      known: true,
      open: () => markOpened(files, root, id, name),
      close: async () => {
        await markClosed(files, root, id, name);
        index.touch(id);
      },
    });
    return { writer: announced, name };
  };

  const open = async (id: string, call: CallOptions = {}): Promise<RunWriter> => {
    throwIfAborted(call.signal, 'Opening the run');
    await checkKnown(id);
    return (await openSegment(id)).writer;
  };

  const resume = async (id: string, lease: ResumeLease, call: CallOptions = {}): Promise<RunWriter> => {
    throwIfAborted(call.signal, 'Resuming the run');
    await checkKnown(id);
    await options.beforeWrite();
    const folder = files.join(root, id);
    const isMine = await claimResume(
      {
        files,
        folder,
        id,
        resumedAt: () => reader.resumedAt(id),
        isRunning: async () => {
          const run = await reader.read(id);
          return run !== undefined && statusOf(run, clock.epochMs()) === 'RUNNING';
        },
      },
      lease,
    );
    const { writer, name } = await openSegment(id);
    try {
      writer.append({ type: 'resume', ...lease });
      await writer.write();
      if (await isMine()) return writer;
    } catch (error) {
      await writer.close();
      throw error;
    }
    // This process was so slow that another took it for dead: what it wrote, which is nothing but that it resumed, goes again.
    await writer.close();
    await files.remove(files.join(folder, `${name}${segmentSuffix}`));
    throw new FairleadError('CONFLICT', `The run ${id} was resumed by another process while this one stood still.`, {
      details: { field: 'id', given: id },
    });
  };

  const search = async (query: RunQuery, call: CallOptions = {}): Promise<RunPage> => {
    await index.refresh(call);
    const { runs, ...page } =
      answers.get(query) ?? answers.keep(query, searchRuns(index.runs(), query, clock.epochMs()));
    return { ...page, runs: runs.map(plainRun) };
  };

  const experiments = async (call: CallOptions = {}): Promise<readonly ExperimentSummary[]> => {
    await index.refresh(call);
    const found = new Map<string, { name: string; runs: number; lastStartedAt: number }>();
    for (const { experiment: name, startedAt, deletedAt } of index.runs()) {
      if (deletedAt !== undefined) continue;
      const summary = found.get(name) ?? { name, runs: 0, lastStartedAt: 0 };
      summary.runs++;
      summary.lastStartedAt = Math.max(summary.lastStartedAt, startedAt);
      found.set(name, summary);
    }
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  };

  return {
    create,
    open,
    resume,
    search,
    experiments,
    read: async (id, call = {}) => {
      throwIfAborted(call.signal, 'Reading the run');
      return reader.read(id);
    },
    marks: async (id, call = {}) => {
      throwIfAborted(call.signal, 'Reading the run');
      return reader.marks(id);
    },
    history: (id, key, call) => reader.history(id, key, call),
    points: (id, call) => reader.points(id, call),
    index,
    reader,
    close: () => index.close(),
  };
}
