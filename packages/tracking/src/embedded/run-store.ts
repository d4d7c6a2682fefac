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
/** How many runs are read at a time. */
const readers = 16;

function randomMarker(): number {
  const [word] = crypto.getRandomValues(new Uint32Array(1));
  return word || 1;
}

/** Growing columns of one metric. */
class Columns {
  #steps = new Float64Array(1024);
  #timestamps = new Float64Array(1024);
  #values = new Float64Array(1024);
  #count = 0;

  push(step: number, timestamp: number, value: number): void {
    if (this.#count === this.#steps.length) {
      this.#steps = grown(this.#steps);
      this.#timestamps = grown(this.#timestamps);
      this.#values = grown(this.#values);
    }
    this.#steps[this.#count] = step;
    this.#timestamps[this.#count] = timestamp;
    this.#values[this.#count++] = value;
  }

  history(key: string): MetricHistory {
    return {
      key,
      steps: this.#steps.slice(0, this.#count),
      timestamps: this.#timestamps.slice(0, this.#count),
      values: this.#values.slice(0, this.#count),
    };
  }
}

function grown(column: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2);
  larger.set(column);
  return larger;
}

/** Runs in `runs/<id>/<writer>.seg`, one file a writer, so that no two ever write to the same. */
export function createRunStore(options: RunStoreOptions): RunStore {
  const { files, dir, clock } = options;
  const root = files.join(dir, 'runs');
  const cursors = new Map<string, Map<string, SegmentCursor>>();

  const segmentsOf = async (id: string): Promise<readonly string[]> =>
    (await files.list(files.join(root, id))).filter((name) => name.endsWith(suffix)).sort();

  const readRun = async (id: string): Promise<StoredRun | undefined> => {
    const names = await segmentsOf(id);
    if (names.length === 0) {
      cursors.delete(id);
      return undefined;
    }
    const known = cursors.get(id) ?? new Map<string, SegmentCursor>();
    cursors.set(id, known);
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

  /** A new segment of a run. */
  const addSegment = async (id: string, at: number): Promise<RunWriter> => {
    await options.beforeWrite();
    const folder = files.join(root, id);
    await files.makeFolder(folder);
    const name = `${crypto.randomUUID().slice(0, 8)}${suffix}`;
    const file = await files.open(files.join(folder, name), 'create');
    if (file === undefined) throw new FairleadError('STORE_FAILED', `Could not create ${name} in ${folder}.`);
    return new SegmentWriter({
      file,
      syncFolders: async () => {
        await files.syncFolder(folder);
        await files.syncFolder(root);
      },
      marker: randomMarker(),
      createdAt: at,
      maxBufferedBytes: options.maxBufferedBytes,
      overflow: options.overflow,
    });
  };

  const create = async (start: RunStart): Promise<RunWriter> => {
    const writer = await addSegment(start.id, start.at);
    writer.append(start);
    return writer;
  };

  const open = async (id: string, call: CallOptions = {}): Promise<RunWriter> => {
    throwIfAborted(call.signal, 'Opening the run');
    if ((await segmentsOf(id)).length > 0) return addSegment(id, clock.epochMs());
    throw new FairleadError('NOT_FOUND', `There is no run "${id}" in this store. tracker.runs() lists what is.`, {
      details: { field: 'id', expected: 'the id of a run of this store', given: id },
    });
  };

  const readAll = async (call: CallOptions): Promise<StoredRun[]> => {
    const ids = (await files.list(root)).filter((name) => !name.startsWith('.'));
    const found: StoredRun[] = [];
    for (let i = 0; i < ids.length; i += readers) {
      throwIfAborted(call.signal, 'Reading the runs');
      const read = await Promise.all(ids.slice(i, i + readers).map(readRun));
      for (const run of read) if (run !== undefined) found.push(run);
    }
    for (const id of cursors.keys()) if (!ids.includes(id)) cursors.delete(id);
    return found;
  };

  const search = async (query: RunQuery, call: CallOptions = {}): Promise<RunPage> =>
    searchRuns(await readAll(call), query, clock.epochMs());

  const experiments = async (call: CallOptions = {}): Promise<readonly ExperimentSummary[]> => {
    const found = new Map<string, ExperimentSummary>();
    for (const { experiment: name, startedAt, deletedAt } of await readAll(call)) {
      if (deletedAt !== undefined) continue;
      const { runs, lastStartedAt } = found.get(name) ?? { runs: 0, lastStartedAt: 0 };
      found.set(name, { name, runs: runs + 1, lastStartedAt: Math.max(lastStartedAt, startedAt) });
    }
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  };

  const history = async (id: string, key: string, call: HistoryOptions = {}): Promise<MetricHistory> => {
    const columns = new Columns();
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
  };
}
