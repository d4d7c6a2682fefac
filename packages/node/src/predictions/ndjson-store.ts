import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { FairleadError, messageOf } from '@fairlead/core';
import type { Erasure, RollingFile, RollingStore, StoredEntry } from '@fairlead/core/monitoring';
import { makeFolder } from '../make-folder';
import { lockFolder } from './folder-lock';

const ending = '.ndjson';
const lineEnd = 10;
/** A longer line is damage: a log writes none of more than 8 MiB. */
const longestLine = 16 * 2 ** 20;

/** Files of lines in a folder. */
export function createNdjsonStore(dir: string): RollingStore {
  const folder = resolve(dir);
  const pathOf = (name: string): string => join(folder, name + ending);
  const erasedPath = join(folder, 'erased.jsonl');
  let unlock: (() => Promise<void>) | undefined;

  const guard = async <T>(action: string, path: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (FairleadError.isInstance(error)) throw error;
      throw storeFailed(action, path, error);
    }
  };

  return {
    open: () =>
      guard('open', folder, async () => {
        await makeFolder(folder);
        unlock = await lockFolder(join(folder, 'writer.lock'));
        // What a crash left of a file that was written anew.
        for (const name of await readdir(folder))
          if (name.endsWith('.tmp')) await rm(join(folder, name), { force: true });
      }),
    list: () =>
      guard('list', folder, async () =>
        (await readdir(folder))
          .filter((name) => name.endsWith(ending))
          .map((name) => name.slice(0, -ending.length))
          .sort(),
      ),
    create: (name) =>
      guard('create', pathOf(name), async () => lineFile(await open(pathOf(name), 'wx'), pathOf(name), guard)),
    read: (name, size) => readLines(pathOf(name), size),
    size: (name) => guard('look at', pathOf(name), () => sizeOf(pathOf(name))),
    replace: (name, records) =>
      guard('write', pathOf(name), async () => {
        const draft = `${pathOf(name)}.tmp`;
        const bytes = joinLines(records);
        const handle = await open(draft, 'w');
        try {
          await handle.writeFile(bytes);
          await handle.datasync();
        } finally {
          await handle.close();
        }
        await rename(draft, pathOf(name));
        await syncFolder(folder);
        return bytes.byteLength;
      }),
    remove: (name) =>
      guard('remove', pathOf(name), async () => {
        await rm(pathOf(name), { force: true });
        await syncFolder(folder);
      }),
    erasures: () => guard('read', erasedPath, () => readErasures(erasedPath)),
    saveErasure: (erasure) => guard('write', erasedPath, () => appendErasure(erasedPath, erasure)),
    close: () => guard('release', folder, async () => unlock?.()),
  };
}

type Guard = <T>(action: string, path: string, work: () => Promise<T>) => Promise<T>;

function lineFile(handle: FileHandle, path: string, guard: Guard): RollingFile {
  let end = 0;
  return {
    append: (records) =>
      guard('write to', path, async () => {
        const bytes = joinLines(records);
        // The place stays the same when it fails, so that another try leaves neither a gap nor a repetition.
        for (let written = 0; written < bytes.byteLength; ) {
          written += (await handle.write(bytes, written, bytes.byteLength - written, end + written)).bytesWritten;
        }
        end += bytes.byteLength;
        return end;
      }),
    sync: () => guard('sync', path, () => handle.datasync()),
    close: () => guard('close', path, () => handle.close()),
  };
}

function joinLines(records: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(records.reduce((sum, record) => sum + record.byteLength + 1, 0));
  let at = 0;
  for (const record of records) {
    bytes.set(record, at);
    at += record.byteLength;
    bytes[at++] = lineEnd;
  }
  return bytes;
}

/** The lines of a file's first `size` bytes. */
async function* readLines(path: string, size: number): AsyncGenerator<StoredEntry> {
  if (size === 0) return;
  let rest: Buffer = Buffer.alloc(0);
  let skipping = false;
  try {
    for await (const chunk of createReadStream(path, {
      end: size - 1,
      highWaterMark: 1 << 18,
    }) as AsyncIterable<Buffer>) {
      let bytes = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (let end = bytes.indexOf(lineEnd); end >= 0; end = bytes.indexOf(lineEnd)) {
        if (!skipping && end > 0) yield { kind: 'record', bytes: bytes.subarray(0, end) };
        skipping = false;
        bytes = bytes.subarray(end + 1);
      }
      // Bounded, whatever stands in the file.
      if (bytes.byteLength > longestLine) {
        if (!skipping) yield { kind: 'corrupt' };
        skipping = true;
        bytes = Buffer.alloc(0);
      }
      rest = bytes;
    }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return;
    throw storeFailed('read', path, error);
  }
  if (rest.byteLength > 0 && !skipping) yield { kind: 'torn' };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return 0;
    throw error;
  }
}

async function readErasures(path: string): Promise<Erasure[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return [];
    throw error;
  }
  const erasures: Erasure[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      erasures.push(toErasure(JSON.parse(line)));
    } catch {
      // A line that a crash cut short: its erasure was not promised to anybody yet, since saving it had not resolved.
    }
  }
  return erasures;
}

function toErasure(plain: unknown): Erasure {
  const { keyHash, at, future, done } = plain as Erasure;
  if (typeof keyHash !== 'string' || typeof at !== 'number') throw new TypeError('no erasure');
  return { keyHash, at, future: future === 'allow' ? 'allow' : 'refuse', done: done === true };
}

async function appendErasure(path: string, erasure: Erasure): Promise<void> {
  const handle = await open(path, 'a');
  try {
    // Begins a line of its own, whatever a crash left before it.
    await handle.writeFile(`\n${JSON.stringify(erasure)}\n`);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder; its file systems journal the names themselves.
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function storeFailed(action: string, path: string, error: unknown): FairleadError {
  const code = (error as { code?: unknown } | null)?.code;
  return new FairleadError(
    'STORE_FAILED',
    `Could not ${action} ${path}: ${messageOf(error)}. Check the folder's permissions and space; what is buffered is written again.`,
    { cause: error, details: { field: 'dir', path, ...(typeof code === 'string' ? { errno: code } : {}) } },
  );
}
