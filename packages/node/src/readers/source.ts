import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { FairleadError, messageOf } from '@fairlead/core';
import { describeGiven } from './describe-given';

/** A file by its path or `file:` URL, or its bytes. */
export type FileSource = string | URL | Uint8Array;

/** A file, or a stream of its bytes, such as a response's body or a Node stream. */
export type StreamSource = FileSource | AsyncIterable<Uint8Array | string>;

/** A path or URL as a path. */
export function pathOf(source: string | URL): string {
  if (typeof source === 'string') return source;
  if (source.protocol !== 'file:') {
    throw new FairleadError(
      'INVALID_ARGUMENT',
      `source: expected a path or a file: URL, given ${source.protocol}. Fetch it, and give the response's body.`,
      { details: { field: 'source', expected: 'a path or a file: URL', given: source.protocol } },
    );
  }
  return fileURLToPath(source);
}

/**
 * Gives out a stream once.
 * @throws FairleadError `INVALID_ARGUMENT` at the second time, and for what is neither path, bytes nor stream
 */
export function chunksOf(source: StreamSource): () => AsyncIterable<Uint8Array | string> {
  if (typeof source === 'string' || source instanceof URL) {
    const path = pathOf(source);
    return () => readFile(path);
  }
  if (source instanceof Uint8Array) {
    return async function* () {
      yield source;
    };
  }
  if (typeof source !== 'object' || source === null || !(Symbol.asyncIterator in source)) {
    throw wrongSource(source, 'a path, bytes or a stream of bytes');
  }
  let taken = false;
  return () => {
    if (taken) {
      throw new FairleadError(
        'INVALID_ARGUMENT',
        'source: a stream can be read once. Give a path, or a new stream for every reading.',
        { details: { field: 'source', expected: 'a stream that was not read', given: 'one that was' } },
      );
    }
    taken = true;
    return source;
  };
}

async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Uint8Array;
  } catch (cause) {
    throw fileError(path, cause);
  }
}

/** Opens a file for reading at any place. */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    const handle = await open(path, 'r');
    if ((await handle.stat()).isDirectory()) {
      await handle.close();
      throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' });
    }
    return handle;
  } catch (cause) {
    throw fileError(path, cause);
  }
}

/** The error for a source that is none. */
export function wrongSource(source: unknown, expected: string): FairleadError {
  const given = describeGiven(source);
  return new FairleadError('INVALID_ARGUMENT', `source: expected ${expected}, given ${given}.`, {
    details: { field: 'source', expected, given },
  });
}

function fileError(path: string, cause: unknown): FairleadError {
  const code = (cause as NodeJS.ErrnoException).code;
  const details = { field: 'source', expected: 'a file that can be read', given: path };
  if (code === 'ENOENT') {
    return new FairleadError('NOT_FOUND', `source: there is no file ${path}.`, { cause, details });
  }
  return new FairleadError('STORE_FAILED', `source: ${path} cannot be read: ${messageOf(cause)}.`, { cause, details });
}
