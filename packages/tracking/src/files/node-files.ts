import { randomUUID } from 'node:crypto';
import { createReadStream, statSync as statPath, watch as watchPath, writevSync } from 'node:fs';
import { type FileHandle, link, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FairleadError, messageOf } from '@fairlead/core';
import type { FileFacts, FileStat, Files, OpenFile } from './files';
import { makeFolder } from './make-folder';
import { walkFolder } from './walk-folder';

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some space; what is buffered is written again then.',
  EDQUOT: 'Free some of the quota; what is buffered is written again then.',
  EACCES: 'Check the permissions of the folder.',
  EPERM: 'Check the permissions of the folder.',
  EROFS: 'The file system is read-only: choose another folder.',
  EMFILE: 'Raise the limit of open files (ulimit -n) or end some runs.',
};

function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

function failed(action: string, path: string, error: unknown): FairleadError {
  const errno = errnoOf(error);
  const hint = (errno === undefined ? undefined : advice[errno]) ?? 'See the cause.';
  return new FairleadError('STORE_FAILED', `Could not ${action} ${path}: ${messageOf(error)}. ${hint}`, {
    cause: error,
    details: { field: 'dir', path, ...(errno === undefined ? {} : { errno }) },
  });
}

async function guard<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failed(action, path, error);
  }
}

/** The same, but a path that leads nowhere answers `missing`. */
async function guardMissing<T>(action: string, path: string, missing: T, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return missing;
    throw failed(action, path, error);
  }
}

/** What of `chunks` is left after `written` bytes. */
function rest(chunks: readonly Uint8Array[], written: number): Uint8Array[] {
  const left: Uint8Array[] = [];
  let skip = written;
  for (const chunk of chunks) {
    if (skip >= chunk.byteLength) skip -= chunk.byteLength;
    else {
      left.push(skip === 0 ? chunk : chunk.subarray(skip));
      skip = 0;
    }
  }
  return left;
}

/** A system call takes at most this many chunks (IOV_MAX is 1024 on Linux and macOS). */
const maxChunks = 1000;

function openFile(handle: FileHandle, path: string): OpenFile {
  return {
    write: (chunks, position) =>
      guard('write to', path, async () => {
        let left = rest(chunks, 0);
        for (let at = position; left.length > 0; ) {
          const { bytesWritten } = await handle.writev(left.slice(0, maxChunks), at);
          at += bytesWritten;
          left = rest(left, bytesWritten);
        }
      }),
    writeSync(chunks, position) {
      try {
        let left = rest(chunks, 0);
        for (let at = position; left.length > 0; ) {
          const written = writevSync(handle.fd, left.slice(0, maxChunks), at);
          at += written;
          left = rest(left, written);
        }
      } catch (error) {
        throw failed('write to', path, error);
      }
    },
    read: (target, position) =>
      guard('read', path, async () => {
        let filled = 0;
        while (filled < target.byteLength) {
          const { bytesRead } = await handle.read(target, filled, target.byteLength - filled, position + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return filled;
      }),
    size: () => guard('read the size of', path, async () => (await handle.stat()).size),
    sync: () => guard('sync', path, () => handle.datasync()),
    close: () => guard('close', path, () => handle.close()),
  };
}

async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder; its file systems journal the names themselves.
  if (process.platform === 'win32') return;
  await guard('sync', path, async () => {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** Answers whether a hard link could be made; `undefined` when this file system has none. */
async function linkOnce(from: string, to: string): Promise<boolean | undefined> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') return undefined;
    // A network file system may repeat a call whose answer was lost: then the name is taken by ourselves.
    const [mine, taken] = await Promise.all([stat(from), stat(to)]);
    return mine.nlink === 2 && mine.ino === taken.ino;
  }
}

async function claim(path: string, bytes: Uint8Array): Promise<boolean> {
  const temporary = join(dirname(path), `.tmp-${randomUUID()}`);
  try {
    await writeNew(temporary, bytes);
    const linked = await linkOnce(temporary, path);
    if (linked === false) return false;
    if (linked === undefined) {
      try {
        await writeNew(path, bytes);
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') return false;
        throw error;
      }
    }
  } catch (error) {
    throw failed('create', path, error);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(dirname(path));
  return true;
}

function statSync(path: string): FileStat | undefined {
  try {
    const found = statPath(path, { throwIfNoEntry: false });
    return found === undefined ? undefined : { size: found.size, mtimeMs: found.mtimeMs };
  } catch (error) {
    throw failed('look at', path, error);
  }
}

async function* stream(path: string, start = 0): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of createReadStream(path, { start, highWaterMark: 1 << 20 })) yield chunk as Uint8Array;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      throw new FairleadError('NOT_FOUND', `There is no file at ${path}. Check the path.`, {
        cause: error,
        details: { field: 'path', expected: 'an existing file', given: path },
      });
    }
    throw failed('read', path, error);
  }
}

function watch(path: string, onChange: () => void): (() => void) | undefined {
  try {
    const watcher = watchPath(path, { persistent: false }, () => onChange());
    // A watcher that fails later, for want of inotify handles for example, leaves the work to polling.
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch {
    // Not every file system can be watched; whoever watches polls as well.
    return undefined;
  }
}

/** The file system of Node. */
export const nodeFiles: Files = {
  join: (...parts) => join(...parts),
  makeFolder: (path) => guard('make the folder', path, async () => void (await makeFolder(path))),
  list: (path) => guardMissing('list', path, [], () => readdir(path)),
  open: (path, mode) =>
    mode === 'create'
      ? guard('create', path, async () => openFile(await open(path, 'wx+'), path))
      : guardMissing('open', path, undefined, async () =>
          openFile(await open(path, mode === 'resume' ? 'r+' : 'r'), path),
        ),
  read: (path) =>
    guardMissing<Uint8Array | undefined>('read', path, undefined, async () => {
      const { buffer, byteOffset, byteLength } = await readFile(path);
      // Not a Buffer, whose `slice` shares memory where that of every other Uint8Array copies.
      return new Uint8Array(buffer, byteOffset, byteLength);
    }),
  stream,
  size: (path) => guardMissing<number | undefined>('look at', path, undefined, async () => (await stat(path)).size),
  statSync,
  facts: (path) =>
    guardMissing<FileFacts | undefined>('look at', path, undefined, async () => {
      const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
      const identity = [dev, ino, size, mtimeNs, ctimeNs].join(':');
      return { size: Number(size), modifiedAt: Number(mtimeNs / 1_000_000n), identity };
    }),
  touch: (path) =>
    guardMissing('touch', path, false, async () => {
      const now = new Date();
      await utimes(path, now, now);
      return true;
    }),
  walk: walkFolder,
  claim,
  rename: (from, to) => guard('rename', from, () => rename(from, to)),
  remove: (path) => guard('remove', path, () => rm(path, { force: true })),
  removeFolder: (path) => guard('remove', path, () => rm(path, { force: true, recursive: true })),
  syncFolder,
  watch,
};
