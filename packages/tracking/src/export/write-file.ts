import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FairleadError, messageOf } from '@fairlead/core';
import { makeFolder } from '../files/make-folder';

/**
 * Writes chunks to a file that appears, whole, when the last one is written: until then they lie beside it under another
 * name. Folders are made where they are missing; a file of that name is replaced.
 *
 * @example
 * await writeExport('runs.csv', exportCsv(tracker));
 *
 * @returns how many bytes were written
 * @throws FairleadError `STORE_FAILED`, and whatever the chunks end in; nothing is left behind then
 */
export async function writeExport(
  path: string,
  chunks: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
): Promise<number> {
  const partial = join(
    dirname(path),
    `.partial-${process.pid}-${crypto.randomUUID().slice(0, 8)}-${basename(path).slice(0, 8)}`,
  );
  let written = 0;
  const file = await tried(path, async () => {
    await makeFolder(dirname(path));
    return open(partial, 'wx');
  });
  try {
    for await (const chunk of gathered(chunks)) {
      await tried(path, () => writeWhole(file, chunk));
      written += chunk.byteLength;
    }
    await tried(path, async () => {
      await file.sync();
      await file.close();
      await rename(partial, path);
    });
  } catch (error) {
    // What went wrong first is what counts; a handle that is closed already says so here.
    await file.close().catch(() => undefined);
    await rm(partial, { force: true }).catch(() => undefined);
    throw error;
  }
  return written;
}

async function writeWhole(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let from = 0; from < chunk.byteLength; ) {
    const { bytesWritten } = await file.write(chunk, from, chunk.byteLength - from);
    from += bytesWritten;
  }
}

async function tried<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const errno = (cause as { code?: unknown }).code;
    throw new FairleadError('STORE_FAILED', `Could not write ${path}: ${messageOf(cause)}.`, {
      cause,
      details: { field: 'path', path, ...(typeof errno === 'string' ? { errno } : {}) },
    });
  }
}

const enough = 1 << 16;

/** Small chunks joined, so that not every row is a system call. */
async function* gathered(
  chunks: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let texts = '';
  for await (const chunk of chunks) {
    if (typeof chunk === 'string') {
      texts += chunk;
      if (texts.length < enough) continue;
      yield encoder.encode(texts);
      texts = '';
      continue;
    }
    if (texts !== '') yield encoder.encode(texts);
    texts = '';
    yield chunk;
  }
  if (texts !== '') yield encoder.encode(texts);
}
