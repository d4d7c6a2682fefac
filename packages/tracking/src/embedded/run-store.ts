import { type CallOptions, type Clock, FairleadError, throwIfAborted } from '@fairlead/core';
import type { Files } from '../files/files';
import type { RunPage, RunQuery } from '../search/query';
import { searchRuns } from '../search/search-runs';
import type {
  ExperimentSummary,
  HistoryOptions,
  MetricHistory,
  RunStart,
  RunStore,
  RunWriter,
  StoredRun,
} from '../store/run-store';
import { thinHistory } from '../thin-history';
import { announcedWriter } from './announced-writer';
import { plainRun } from './index/index-page';
import { RunIndex } from './index/run-index';
import { markClosed, markOpened } from './index/run-marks';
import { MetricColumns } from './metric-columns';
import { decodePoints } from './points-codec';
import { SegmentCursor } from './segment-cursor';
import { mergeRun } from './segment-fold';
import { frameTypes } from './segment-format';
import { scanSegment } from './segment-reader';
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

const suffix = '.seg';

function isSegment(name: string): boolean {
  return name.endsWith(suffix) && !name.startsWith('.');
}

function randomMarker(): number {
  const [word] = crypto.getRandomValues(new Uint32Array(1));
  return word || 1;
}

/** Runs whose segments are followed as they grow; the rest are read anew when somebody asks. */
const mostFollowed = 256;

/** A name that sorts behind those of the writers before it, those of format 1 included, which are hexadecimal digits. */
function newWriterName(at: number): string {
  const time = Math.max(0, Math.floor(at)).toString(16).padStart(12, '0');
  return `w${time}-${crypto.randomUUID().slice(0, 8)}`;
}

/** A {@link RunStore} that keeps what it found out for the next process when it is closed. */
export interface EmbeddedRunStore extends RunStore {
  close(): Promise<void>;
}

/** Runs in `runs/<id>/<writer>.seg`, one file a writer, so that no two ever write to the same. */
export function createRunStore(options: RunStoreOptions): EmbeddedRunStore {
  const { files, dir, clock } = options;
  const root = files.join(dir, 'runs');
  const cursors = new Map<string, Map<string, SegmentCursor>>();

  const segmentsOf = async (id: string): Promise<readonly string[]> =>
    (await files.list(files.join(root, id))).filter(isSegment).sort();

  const readRun = async (id: string): Promise<StoredRun | undefined> => {
    const names = await segmentsOf(id);
    if (names.length === 0) {
      cursors.delete(id);
      return undefined;
    }
    const known = cursors.get(id) ?? new Map<string, SegmentCursor>();
    cursors.delete(id);
    cursors.set(id, known); // the last one read is the last one in the map
    for (const oldest of cursors.keys()) {
      if (cursors.size <= mostFollowed) break;
      cursors.delete(oldest);
    }
    for (const name of known.keys()) if (!names.includes(name)) known.delete(name);
    for (const name of names) {
      if (!known.has(name)) known.set(name, new SegmentCursor(files, files.join(root, id, name), `runs/${id}/${name}`));
    }
    const all = [...known.values()];
    await Promise.all(all.map((cursor) => cursor.refresh()));
    const folds = all.map((cursor) => cursor.fold);
    const leaseUntil = Math.max(...folds.map((fold) => fold.leaseUntil));
    const over = folds.some((fold) => fold.end !== undefined) || leaseUntil < clock.epochMs();
    return mergeRun(
      id,
      folds,
      all.flatMap((cursor) => cursor.damage(over)),
    );
  };

  const index = new RunIndex({ files, dir, root, clock, readRun, segmentsOf });

  /** A new segment of a run, and the name of its writer. */
  const addSegment = async (id: string, at: number): Promise<{ writer: SegmentWriter; name: string }> => {
    await options.beforeWrite();
    const folder = files.join(root, id);
    await files.makeFolder(folder);
    const name = newWriterName(at);
    const file = await files.open(files.join(folder, `${name}${suffix}`), 'create');
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

  const create = async (start: RunStart): Promise<RunWriter> => {
    const { writer, name } = await addSegment(start.id, start.at);
    writer.append(start);
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

  const open = async (id: string, call: CallOptions = {}): Promise<RunWriter> => {
    throwIfAborted(call.signal, 'Opening the run');
    if ((await segmentsOf(id)).length === 0) {
      throw new FairleadError('NOT_FOUND', `There is no run "${id}" in this store. tracker.runs() lists what is.`, {
        details: { field: 'id', expected: 'the id of a run of this store', given: id },
      });
    }
    const { writer, name } = await addSegment(id, clock.epochMs());
    await markOpened(files, root, id, name);
    return announcedWriter(writer, {
      leaseUntil: Number.POSITIVE_INFINITY,
      known: true,
      open: () => markOpened(files, root, id, name),
      close: async () => {
        await markClosed(files, root, id, name);
        index.touch(id);
      },
    });
  };

  const search = async (query: RunQuery, call: CallOptions = {}): Promise<RunPage> => {
    await index.refresh(call);
    const { runs, ...page } = searchRuns(index.runs(), query, clock.epochMs());
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

  const history = async (id: string, key: string, call: HistoryOptions = {}): Promise<MetricHistory> => {
    const columns = new MetricColumns();
    for (const name of await segmentsOf(id)) {
      throwIfAborted(call.signal, `Reading the metric "${key}"`);
      const file = await files.open(files.join(root, id, name), 'read');
      if (file === undefined) continue;
      try {
        await scanSegment(file, undefined, (frame) => {
          const points = frame.type === frameTypes.points ? decodePoints(frame.payload) : undefined;
          const wanted = points?.keys.indexOf(key) ?? -1;
          if (points === undefined || wanted < 0) return;
          for (let i = 0; i < points.count; i++) {
            if (points.keyId(i) === wanted) columns.push(points.step(i), points.timestamp(i), points.value(i));
          }
        });
      } finally {
        await file.close();
      }
    }
    return thinHistory(columns.history(key), call.maxPoints);
  };

  return {
    create,
    open,
    search,
    experiments,
    read: async (id, call = {}) => {
      throwIfAborted(call.signal, 'Reading the run');
      return readRun(id);
    },
    history,
    close: () => index.close(),
  };
}
