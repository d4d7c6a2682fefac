import type { Files } from '../files/files';
import type { PointMark } from './point-mark';

/** What is known of a run's copy. */
export interface CopyMark {
  /** How much of each metric is on the other side. */
  readonly points: Readonly<Record<string, PointMark>>;
  /** Metrics as their store told of them when all of their points were copied, for a store whose points cost requests. */
  readonly seen?: Readonly<Record<string, string>>;
  /** A hash of the run as it was when everything of it was there. */
  readonly done?: string;
}

/** Where it is remembered how far the copies of runs to, or from, one place have come. */
export interface CopyMarks {
  /** `undefined` when nothing is known, or what is written there cannot be used. */
  read(id: string): Promise<CopyMark | undefined>;
  write(id: string, mark: CopyMark): Promise<void>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const format = 1;

function isPointMark(value: unknown): value is PointMark {
  const { count, hash } = (value ?? {}) as { count?: unknown; hash?: unknown };
  return Number.isSafeInteger(count) && (count as number) >= 0 && typeof hash === 'string';
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isRecordOf<T>(value: unknown, isPart: (part: unknown) => part is T): value is Readonly<Record<string, T>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isPart);
}

/** What a file of marks says, if it is one of this run and place. */
function parseMark(bytes: Uint8Array, place: string, id: string): CopyMark | undefined {
  try {
    const found = JSON.parse(decoder.decode(bytes)) as Record<string, unknown> | null;
    if (found?.format !== format || found.place !== place || found.run !== id) return undefined;
    const { points, seen = {}, done } = found;
    if (!isRecordOf(points, isPointMark) || !isRecordOf(seen, isText)) return undefined;
    if (done !== undefined && !isText(done)) return undefined;
    return { points, seen, ...(done === undefined ? {} : { done }) };
  } catch {
    // Torn, or of another program. Everything is compared and sent again then, which changes nothing that is there.
    return undefined;
  }
}

/**
 * Marks in a folder, one file a run. A file replaces the one before it in one step. None of them is needed: without its mark a
 * run is compared and sent as a whole.
 * @param place what is on the other side; marks of another place do not count
 */
export function createMarkFiles(files: Files, folder: string, place: string): CopyMarks {
  const pathOf = (id: string): string => files.join(folder, `${id}.json`);
  return {
    async read(id) {
      const bytes = await files.read(pathOf(id));
      return bytes === undefined ? undefined : parseMark(bytes, place, id);
    },
    async write(id, mark) {
      const temporary = files.join(folder, `.tmp-${crypto.randomUUID()}`);
      const file = await files.open(temporary, 'create');
      try {
        // Not synced to disk: a mark that a power cut takes is one that says too little.
        await file?.write([encoder.encode(`${JSON.stringify({ format, place, run: id, ...mark })}\n`)], 0);
      } finally {
        await file?.close();
      }
      await files.rename(temporary, pathOf(id));
    },
  };
}

/** Marks for a place that cannot keep any: every run is compared each time. */
export function noMarks(): CopyMarks {
  return { read: async () => undefined, write: async () => undefined };
}
