import type { FileHandle } from 'node:fs/promises';
import { FairleadError, messageOf, parseOptions } from '@fairlead/core';
import type { AsyncBuffer, FileMetaData, RowGroup } from 'hyparquet';
import * as z from 'zod/mini';
import { loadLibrary } from './libraries';
import {
  createRecordReader,
  type FileRecord,
  narrow,
  type ReadOptions,
  type RecordReader,
  type RecordValue,
  readOptions,
  selectColumns,
} from './record-reader';
import { type FileSource, openFile, pathOf, wrongSource } from './source';

type ParquetModule = Awaited<ReturnType<typeof loadLibrary<'hyparquet'>>>;

/** Options of {@link readParquet}. */
export interface ReadParquetOptions extends ReadOptions {
  /**
   * Most bytes that the chosen columns of one row group may have uncompressed: a row group is what is held at a time.
   * @default 1073741824
   */
  readonly maxRowGroupBytes?: number;
}

const optionsSchema = z.strictObject({
  ...readOptions,
  maxRowGroupBytes: z._default(z.int().check(z.minimum(1)), 2 ** 30),
});

/** Codecs that hyparquet itself undoes; for others hyparquet-compressors is loaded. */
const builtIn = new Set(['UNCOMPRESSED', 'SNAPPY']);

/**
 * Reads a Parquet file by the package hyparquet, one row group at a time; files that are compressed otherwise than by
 * Snappy need hyparquet-compressors too. Columns of numbers, booleans, text, dates and times are read.
 *
 * @param source a path or bytes
 * @throws FairleadError at once `INVALID_OPTION`, `INVALID_ARGUMENT`; while reading `UNSUPPORTED` for a column of another
 * kind, `INVALID_INPUT` for one that is not there, `LIMIT_EXCEEDED`, `STORE_CORRUPT`, `NOT_FOUND`, `STORE_FAILED`,
 * `ABORTED`; `BACKEND_UNAVAILABLE` without a package
 */
export function readParquet(source: FileSource, options: ReadParquetOptions = {}): RecordReader {
  const { maxRowGroupBytes, dates } = parseOptions(optionsSchema, options, 'readParquet');
  if (source instanceof Uint8Array) {
    const file = bytesBuffer(source);
    return createRecordReader(options, 'readParquet', (columns) => readRecords(file, columns, maxRowGroupBytes, dates));
  }
  if (typeof source !== 'string' && !(source instanceof URL)) {
    throw wrongSource(source, 'a path or bytes, since Parquet is read from its end');
  }
  const path = pathOf(source);
  return createRecordReader(options, 'readParquet', async function* (columns) {
    const handle = await openFile(path);
    try {
      const { size } = await handle.stat();
      yield* readRecords(handleBuffer(handle, size), columns, maxRowGroupBytes, dates);
    } finally {
      await handle.close();
    }
  });
}

async function* readRecords(
  file: AsyncBuffer,
  wanted: readonly string[] | undefined,
  maxRowGroupBytes: number,
  dates: 'date' | 'number',
): AsyncGenerator<FileRecord> {
  const parquet = await loadLibrary('hyparquet');
  const metadata = await sound(() => parquet.parquetMetadataAsync(file));
  const columns = columnsOf(parquet, metadata, wanted);
  const chosen = new Set(columns);
  const groups = metadata.row_groups.map((group) => measure(group, chosen));
  const compressors = groups.some(({ codecs }) => codecs.some((codec) => !builtIn.has(codec)))
    ? (await loadLibrary('hyparquet-compressors')).compressors
    : undefined;
  let rowStart = 0;
  for (const { rows, bytes } of groups) {
    if (bytes > maxRowGroupBytes) throw tooLarge(bytes, maxRowGroupBytes);
    const rowEnd = rowStart + rows;
    const records = await sound(() =>
      parquet.parquetReadObjects({
        file,
        metadata,
        columns: [...columns],
        rowStart,
        rowEnd,
        ...(compressors === undefined ? {} : { compressors }),
      }),
    );
    if (records.length !== rows) throw corrupt(`${records.length} rows in a row group of ${rows}`);
    for (const record of records) {
      yield Object.fromEntries(
        columns.map((name): [string, RecordValue] => [
          name,
          convert((record as Record<string, unknown>)[name], name, dates),
        ]),
      );
    }
    rowStart = rowEnd;
  }
}

/** Only plain columns: lists, maps and structs are no features. */
function columnsOf(
  parquet: ParquetModule,
  metadata: FileMetaData,
  wanted: readonly string[] | undefined,
): readonly string[] {
  const { children } = parquet.parquetSchema(metadata);
  const names = selectColumns(
    wanted,
    children.map(({ element }) => element.name),
  );
  for (const { element, children: nested } of children) {
    if (names.includes(element.name) && (nested.length > 0 || element.repetition_type === 'REPEATED')) {
      throw unsupported(element.name, 'a list, map or struct');
    }
  }
  return names;
}

/** The rows, bytes and codecs of a row group's chosen columns. */
function measure(group: RowGroup, chosen: ReadonlySet<string>) {
  let bytes = 0;
  const codecs: string[] = [];
  for (const { meta_data } of group.columns) {
    if (meta_data === undefined || !chosen.has(meta_data.path_in_schema[0] ?? '')) continue;
    bytes += Number(meta_data.total_uncompressed_size);
    codecs.push(meta_data.codec);
  }
  return { rows: Number(group.num_rows), bytes, codecs };
}

function convert(value: unknown, column: string, dates: 'date' | 'number'): RecordValue {
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case 'number':
      return Number.isNaN(value) ? null : value;
    case 'bigint':
      return narrow(value);
    case 'string':
    case 'boolean':
      return value;
    default:
      if (!(value instanceof Date))
        throw unsupported(column, `an object of type ${value.constructor?.name ?? 'unknown'}`);
      return dates === 'number' ? value.getTime() : value;
  }
}

function bytesBuffer(bytes: Uint8Array): AsyncBuffer {
  return { byteLength: bytes.byteLength, slice: (start, end) => bytes.slice(start, end).buffer as ArrayBuffer };
}

function handleBuffer(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const from = start < 0 ? byteLength + start : start;
      const to = Math.min(end < 0 ? byteLength + end : end, byteLength);
      if (!(from >= 0 && to >= from)) throw corrupt(`a part from ${from} to ${to} of ${byteLength} bytes`);
      const bytes = new Uint8Array(to - from);
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, from + filled);
        if (bytesRead === 0) throw corrupt('a file that became shorter while it was read');
        filled += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

async function sound<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw FairleadError.isInstance(cause) ? cause : corrupt(messageOf(cause), cause);
  }
}

function corrupt(given: string, cause?: unknown): FairleadError {
  return new FairleadError('STORE_CORRUPT', `source: expected a Parquet file, given: ${given}.`, {
    details: { field: 'source', expected: 'a Parquet file', given },
    ...(cause === undefined ? {} : { cause }),
  });
}

function unsupported(column: string, given: string): FairleadError {
  return new FairleadError(
    'UNSUPPORTED',
    `The column ${column} holds ${given}, which is no number, boolean, text or time. Choose others by the option "columns".`,
    { details: { field: column, expected: 'numbers, booleans, text or times', given } },
  );
}

function tooLarge(bytes: number, most: number): FairleadError {
  return new FairleadError(
    'LIMIT_EXCEEDED',
    `source: a row group has ${bytes} bytes in the chosen columns, more than ${most}. Choose fewer columns, raise "maxRowGroupBytes", or write the file with smaller row groups.`,
    { details: { field: 'source', expected: `row groups of at most ${most} bytes`, given: `${bytes} bytes` } },
  );
}
