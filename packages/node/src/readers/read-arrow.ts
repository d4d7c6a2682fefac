import { FairleadError, messageOf, parseOptions } from '@fairlead/core';
import type { DataType, Field, RecordBatch, RecordBatchReader } from 'apache-arrow';
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
import { chunksOf, openFile, pathOf, type StreamSource } from './source';

type ArrowModule = Awaited<ReturnType<typeof loadLibrary<'apache-arrow'>>>;

const optionsSchema = z.strictObject(readOptions);

/** Options of {@link readArrow}. */
export type ReadArrowOptions = ReadOptions;

/**
 * Reads Arrow IPC, as a file (Feather 2, uncompressed) or as a stream, by the package apache-arrow: one record batch at a
 * time. Columns of numbers, booleans, text, dates and times, and dictionaries of these, are read.
 *
 * @param source a path, bytes, or a stream of bytes
 * @throws FairleadError at once `INVALID_OPTION`, `INVALID_ARGUMENT`; while reading `UNSUPPORTED` for a column of another
 * type, `INVALID_INPUT` for one that is not there, `STORE_CORRUPT`, `NOT_FOUND`, `STORE_FAILED`, `ABORTED`;
 * `BACKEND_UNAVAILABLE` without apache-arrow
 */
export function readArrow(source: StreamSource, options: ReadArrowOptions = {}): RecordReader {
  const { dates } = parseOptions(optionsSchema, options, 'readArrow');
  if (typeof source === 'string' || source instanceof URL) {
    const path = pathOf(source);
    return createRecordReader(options, 'readArrow', (columns) => readPath(path, columns, dates));
  }
  const chunks = chunksOf(source);
  return createRecordReader(options, 'readArrow', async function* (columns) {
    const arrow = await loadLibrary('apache-arrow');
    yield* readRecords(arrow, await opened(() => arrow.RecordBatchReader.from(bytesOnly(chunks()))), columns, dates);
  });
}

/** By a handle, so that of a file only the batch that is read is held. */
async function* readPath(path: string, columns: readonly string[] | undefined, dates: 'date' | 'number') {
  const arrow = await loadLibrary('apache-arrow');
  const handle = await openFile(path);
  try {
    yield* readRecords(arrow, await opened(() => arrow.RecordBatchReader.from(handle)), columns, dates);
  } finally {
    // The library closes it at the end, and leaves it open after an error.
    await handle.close().catch(() => undefined);
  }
}

async function* bytesOnly(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (typeof chunk === 'string') throw corrupt('text');
    yield chunk;
  }
}

async function opened(open: () => Promise<RecordBatchReader>): Promise<RecordBatchReader> {
  try {
    const reader = await open();
    return (await reader.open()) as RecordBatchReader;
  } catch (cause) {
    throw FairleadError.isInstance(cause) ? cause : corrupt(messageOf(cause), cause);
  }
}

async function* readRecords(
  arrow: ArrowModule,
  reader: RecordBatchReader,
  wanted: readonly string[] | undefined,
  dates: 'date' | 'number',
): AsyncGenerator<FileRecord> {
  // The library takes bytes that are no Arrow for a stream that ends before it begins.
  if (reader.schema === undefined) throw corrupt('bytes without a schema');
  const fields: readonly Field[] = reader.schema.fields;
  const names = selectColumns(
    wanted,
    fields.map(({ name }) => name),
  );
  const converters = names.map((name) =>
    converterOf(arrow, fields.find((field) => field.name === name) as Field, dates),
  );
  const batches = reader[Symbol.asyncIterator]() as AsyncIterator<RecordBatch>;
  try {
    for (;;) {
      const batch = await nextOf(batches);
      if (batch === undefined) return;
      const vectors = names.map((name) => batch.getChild(name));
      for (let row = 0; row < batch.numRows; row++) {
        yield Object.fromEntries(
          names.map((name, index): [string, RecordValue] => [
            name,
            converters[index]?.(vectors[index]?.get(row)) ?? null,
          ]),
        );
      }
    }
  } finally {
    await reader.cancel();
  }
}

async function nextOf(batches: AsyncIterator<RecordBatch>): Promise<RecordBatch | undefined> {
  try {
    const { done, value } = await batches.next();
    return done === true ? undefined : value;
  } catch (cause) {
    throw FairleadError.isInstance(cause) ? cause : corrupt(messageOf(cause), cause);
  }
}

type Converter = (value: unknown) => RecordValue;

function converterOf({ DataType: types }: ArrowModule, { name, type }: Field, dates: 'date' | 'number'): Converter {
  const plain: DataType = types.isDictionary(type) ? type.dictionary : type;
  if (types.isDate(plain) || types.isTimestamp(plain)) {
    return (value) => {
      if (value === null || value === undefined) return null;
      const time = Number(value);
      return dates === 'number' ? time : new Date(time);
    };
  }
  const readable =
    types.isInt(plain) ||
    types.isFloat(plain) ||
    types.isBool(plain) ||
    types.isUtf8(plain) ||
    types.isLargeUtf8(plain);
  if (!readable && !types.isNull(plain)) {
    throw new FairleadError(
      'UNSUPPORTED',
      `The column ${name} is of type ${String(type)}, which is no number, boolean, text or time. Choose others by the option "columns".`,
      { details: { field: name, expected: 'numbers, booleans, text or times', given: String(type) } },
    );
  }
  return (value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return null;
    return typeof value === 'bigint' ? narrow(value) : (value as RecordValue);
  };
}

function corrupt(given: string, cause?: unknown): FairleadError {
  return new FairleadError('STORE_CORRUPT', `source: expected Arrow IPC, as a file or a stream, given ${given}.`, {
    details: { field: 'source', expected: 'Arrow IPC', given },
    ...(cause === undefined ? {} : { cause }),
  });
}
