import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, resolve } from 'node:path';
import {
  consoleLogger,
  FairleadError,
  type Logger,
  messageOf,
  parseOptions,
  type TuningRecord,
  type TuningStore,
} from '@fairlead/core';
import * as z from 'zod/mini';
import { makeFolder } from '../make-folder';

/** Options of {@link fileTuning}. */
export interface FileTuningOptions {
  /**
   * Most records that are kept, 1 to 10,000; beyond, those that were written longest ago go.
   * @default 256
   */
  readonly maxRecords?: number;
  /** Where it is told that the file was broken or another program's. @default the console */
  readonly logger?: Logger;
}

const schema = z.strictObject({
  maxRecords: z._default(z.int().check(z.gte(1), z.lte(10_000)), 256),
  logger: z.optional(z.custom<Logger>((value) => typeof value === 'object' && value !== null)),
});

const format = 'fairlead-tuning';
const version = 1;
/** Far above what 10,000 records take; a larger file is another program's, and is not read to find out. */
const mostBytes = 64 * 2 ** 20;

/** The file, versioned. A record is whatever was written under its key; who reads it checks it. */
interface TuningFile {
  readonly format: typeof format;
  readonly version: typeof version;
  readonly records: Readonly<Record<string, StoredRecord>>;
}

interface StoredRecord {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly writtenAt: number;
  readonly record: unknown;
}

/**
 * Keeps what `lanes: 'auto'` measured in a JSON file, so that the next process need not measure it again. What was
 * measured on another type of processor is not taken for this one.
 *
 * The file is replaced as a whole, so a reader never sees half of it. Of two processes that write at the same moment one
 * may win; what the other measured is then measured once more. A file that is broken or another program's is told to the
 * logger, once, and moved aside to `<path>.old` when there is something to write.
 *
 * ```ts
 * createRunner({ model: './digits.onnx', backend: onnx(), tuning: fileTuning('.fairlead/tuning.json') });
 * ```
 *
 * @param path of the file; it and its folder are made when they are first needed
 * @throws FairleadError `INVALID_OPTION`; reading and writing reject with `STORE_FAILED`, which a runner logs
 */
export function fileTuning(path: string, options: FileTuningOptions = {}): TuningStore {
  if (typeof path !== 'string' || path === '') {
    const given = path === '' ? 'an empty string' : typeof path;
    throw new FairleadError('INVALID_OPTION', `fileTuning: expected the path of a file, given ${given}.`, {
      details: { field: 'path', expected: 'the path of a file', given },
    });
  }
  const { maxRecords, logger = consoleLogger } = parseOptions(schema, options, 'fileTuning');
  const file = resolve(path);
  const processor = cpus()[0]?.model.trim() ?? 'unknown';
  const keyOf = (key: string): string => `${key}, ${processor}`;
  let told = false;
  let writing: Promise<void> = Promise.resolve();

  /** The records in the file; `foreign` where it is not ours to replace. */
  const load = async (): Promise<{ readonly records: TuningFile['records']; readonly foreign: boolean }> => {
    let content: TuningFile | string;
    try {
      const { size } = await stat(file);
      content =
        size > mostBytes ? `is no tuning file: it has ${size} bytes` : readContent(await readFile(file, 'utf8'));
    } catch (cause) {
      if (isAbsent(cause)) return { records: {}, foreign: false };
      throw storeFailed('read', file, cause);
    }
    if (typeof content !== 'string') return { records: content.records, foreign: false };
    if (!told) {
      logger.warn({ file }, `${file} ${content}. It is moved to ${file}.old, and lanes are measured anew.`);
    }
    told = true;
    return { records: {}, foreign: true };
  };

  const save = async (key: string, record: TuningRecord): Promise<void> => {
    const { records, foreign } = await load();
    const all = { ...records, [keyOf(key)]: { writtenAt: Date.now(), record } };
    const newest = Object.entries(all).sort(([, a], [, b]) => b.writtenAt - a.writtenAt);
    const content: TuningFile = { format, version, records: Object.fromEntries(newest.slice(0, maxRecords)) };
    const draft = `${file}.${randomUUID()}.tmp`;
    try {
      await makeFolder(dirname(file));
      await writeFile(draft, `${JSON.stringify(content, null, 1)}\n`);
      if (foreign) await rename(file, `${file}.old`);
      await rename(draft, file);
    } catch (cause) {
      await rm(draft, { force: true });
      throw storeFailed('written', file, cause);
    }
    told = false;
  };

  return {
    async read(key) {
      const { records } = await load();
      return records[keyOf(key)]?.record as TuningRecord | undefined;
    },
    write(key, record) {
      // One after another, so that none overwrites what another has just added.
      const written = writing.then(() => save(key, record));
      writing = written.catch(() => undefined);
      return written;
    },
  };
}

/** The content of a tuning file, or what is wrong with it. */
function readContent(text: string): TuningFile | string {
  let content: Partial<TuningFile> | null;
  try {
    content = JSON.parse(text);
  } catch {
    return 'is no JSON';
  }
  if (content?.format !== format) return 'is no tuning file';
  if (content.version !== version) return `is a tuning file of version ${content.version}, not ${version}`;
  const records = content.records ?? {};
  const isSound = Object.values(records).every((stored) => typeof stored?.writtenAt === 'number');
  return isSound ? { format, version, records } : 'holds something else than records';
}

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

function storeFailed(what: string, file: string, cause: unknown): FairleadError {
  return new FairleadError('STORE_FAILED', `${file} cannot be ${what}: ${messageOf(cause)}`, { cause });
}
