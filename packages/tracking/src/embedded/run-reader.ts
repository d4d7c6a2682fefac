import { type CallOptions, type Clock, FairleadError, throwIfAborted } from '@fairlead/core';
import type { Files } from '../files/files';
import type { HistoryOptions, MetricHistory, PointColumns, StoredRun } from '../store/run-store';
import { thinHistory } from '../thin-history';
import { partsOf } from './batch-codec';
import { MetricColumns } from './metric-columns';
import { streamPoints } from './point-stream';
import { decodePoints } from './points-codec';
import { SegmentCursor } from './segment-cursor';
import { mergeMarks, mergeRun, type SegmentFold } from './segment-fold';
import { frameTypes } from './segment-format';
import { scanSegment } from './segment-reader';

/** How the name of a segment ends. */
export const segmentSuffix = '.seg';

/** Runs whose segments are followed as they grow; the rest are read anew when somebody asks. */
const mostFollowed = 256;
/** How often a run is read anew because segments went while they were read, as they do when a run is compacted. */
const attempts = 5;

/**
 * Those of some segments that count. One that was made of others by compaction replaces them, so that it does not matter
 * whether those are still there.
 */
export function liveSegments<T>(segments: ReadonlyMap<string, T>, foldOf: (segment: T) => SegmentFold): Map<string, T> {
  const replacements = Array.from(segments, ([name, segment]) => ({ name, replaces: foldOf(segment).replaces }));
  const isReplaced = (name: string, own: ReadonlySet<string>): boolean =>
    replacements.some((other) => {
      if (other.name === name) return false;
      if (other.replaces.has(name)) return true;
      // Two processes compacted the run at once: the one that saw more counts, else the first by its name.
      if (own.size === 0 || own.size > other.replaces.size) return false;
      return (
        [...own].every((each) => other.replaces.has(each)) && (own.size < other.replaces.size || other.name < name)
      );
    });
  return new Map([...segments].filter(([name, segment]) => !isReplaced(name, foldOf(segment).replaces)));
}

/** Reads runs from their segments. */
export class RunReader {
  readonly #files: Files;
  readonly #root: string;
  readonly #clock: Clock;
  readonly #cursors = new Map<string, Map<string, SegmentCursor>>();

  /** @param root the folder of all runs */
  constructor(files: Files, root: string, clock: Clock) {
    this.#files = files;
    this.#root = root;
    this.#clock = clock;
  }

  /** The names of all segments of a run, those of earlier writers first. */
  async segmentsOf(id: string): Promise<readonly string[]> {
    const names = await this.#files.list(this.#files.join(this.#root, id));
    return names.filter((name) => name.endsWith(segmentSuffix) && !name.startsWith('.')).sort();
  }

  /** A run as of now; `undefined` when it has no segment, or only such as its writer is about to begin. */
  async read(id: string): Promise<StoredRun | undefined> {
    const cursors = await this.#refresh(id);
    if (cursors === undefined) return undefined;
    const all = [...liveSegments(cursors, (cursor) => cursor.fold).values()];
    if (all.every((cursor) => cursor.isBlank)) return undefined;
    const folds = all.map((cursor) => cursor.fold);
    const leaseUntil = Math.max(...folds.map((fold) => fold.leaseUntil));
    const over = folds.some((fold) => fold.end !== undefined) || leaseUntil < this.#clock.epochMs();
    return mergeRun(
      id,
      folds,
      all.flatMap((cursor) => cursor.damage(over)),
    );
  }

  /** The number of the last batch of each page as of now. */
  async marks(id: string): Promise<ReadonlyMap<string, number>> {
    const cursors = (await this.#refresh(id)) ?? new Map<string, SegmentCursor>();
    return mergeMarks([...liveSegments(cursors, (cursor) => cursor.fold).values()].map((cursor) => cursor.fold));
  }

  /** When a run was last resumed, as of now, epoch milliseconds; -Infinity for one that never was. */
  async resumedAt(id: string): Promise<number> {
    const cursors = await this.#refresh(id);
    return Math.max(
      ...Array.from(cursors?.values() ?? [], (cursor) => cursor.fold.resumedAt),
      Number.NEGATIVE_INFINITY,
    );
  }

  /** Every point of a metric, or as many as are asked for. */
  async history(id: string, key: string, options: HistoryOptions = {}): Promise<MetricHistory> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const columns = new MetricColumns();
      if (await this.#collect(id, key, columns, options)) return thinHistory(columns.history(key), options.maxPoints);
    }
    throw this.#restless(id);
  }

  /**
   * Every point of all metrics, a piece at a time, each once and in order, whatever a compaction does meanwhile. None for a
   * run that is not there.
   */
  points(id: string, call: CallOptions = {}): AsyncIterable<PointColumns> {
    const paths = async (): Promise<string[]> => {
      const names = await this.#countingNames(id);
      return names.map((name) => this.#files.join(this.#root, id, name));
    };
    return streamPoints({ files: this.#files, paths, restless: () => this.#restless(id) }, call);
  }

  /** Forgets a run that is gone. */
  forget(id: string): void {
    this.#cursors.delete(id);
  }

  /** `false` when a segment went meanwhile. */
  async #collect(id: string, key: string, columns: MetricColumns, call: CallOptions): Promise<boolean> {
    for (const name of await this.#countingNames(id)) {
      throwIfAborted(call.signal, `Reading the metric "${key}"`);
      const file = await this.#files.open(this.#files.join(this.#root, id, name), 'read');
      if (file === undefined) return false;
      try {
        await scanSegment(file, undefined, (whole) => {
          for (const frame of partsOf(whole)) {
            const points = frame.type === frameTypes.points ? decodePoints(frame.payload) : undefined;
            const wanted = points?.keys.indexOf(key) ?? -1;
            if (points === undefined || wanted < 0) continue;
            for (let i = 0; i < points.count; i++) {
              if (points.keyId(i) === wanted) columns.push(points.step(i), points.timestamp(i), points.value(i));
            }
          }
        });
      } finally {
        await file.close();
      }
    }
    return true;
  }

  /** The segments that count, in their order. */
  async #countingNames(id: string): Promise<readonly string[]> {
    const names = await this.segmentsOf(id);
    if (names.length < 2) return names;
    const cursors = (await this.#refresh(id)) ?? new Map<string, SegmentCursor>();
    return [...liveSegments(cursors, (cursor) => cursor.fold).keys()];
  }

  /** Reads what is new of every segment. */
  async #refresh(id: string): Promise<ReadonlyMap<string, SegmentCursor> | undefined> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const names = await this.segmentsOf(id);
      if (names.length === 0) {
        this.#cursors.delete(id);
        return undefined;
      }
      const known = this.#cursorsOf(id);
      for (const name of known.keys()) if (!names.includes(name)) known.delete(name);
      for (const name of names) {
        if (known.has(name)) continue;
        const path = this.#files.join(this.#root, id, name);
        known.set(name, new SegmentCursor(this.#files, path, `runs/${id}/${name}`));
      }
      const all = [...known.values()];
      await Promise.all(all.map((cursor) => cursor.refresh()));
      // In the order of their names; the caller's own, since another call may go on beside.
      if (!all.some((cursor) => cursor.gone)) {
        return new Map(
          names.flatMap((name) => {
            const cursor = known.get(name);
            return cursor === undefined ? [] : [[name, cursor] as const];
          }),
        );
      }
    }
    throw this.#restless(id);
  }

  #cursorsOf(id: string): Map<string, SegmentCursor> {
    const known = this.#cursors.get(id) ?? new Map<string, SegmentCursor>();
    this.#cursors.delete(id);
    this.#cursors.set(id, known); // the last one read is the last one in the map
    for (const oldest of this.#cursors.keys()) {
      if (this.#cursors.size <= mostFollowed) break;
      this.#cursors.delete(oldest);
    }
    return known;
  }

  #restless(id: string): FairleadError {
    return new FairleadError('STORE_FAILED', `The segments of run ${id} change while they are read. Try again.`, {
      details: { field: 'id', given: id },
    });
  }
}
