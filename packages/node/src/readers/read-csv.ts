import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FairleadError, messageOf, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { type CsvReading, type CsvType, csvTypes, readCsvValue } from './csv-values';
import { loadLibrary } from './libraries';
import {
  badData,
  createRecordReader,
  type FileRecord,
  type ReadOptions,
  type RecordReader,
  type RecordValue,
  readOptions,
  selectColumns,
} from './record-reader';
import { chunksOf, type StreamSource } from './source';

/** Options of {@link readCsv}. */
export interface ReadCsvOptions extends ReadOptions {
  /** The names of the columns, where the file has no header line. @default the first line */
  readonly header?: readonly string[];
  /** One character. @default ',' */
  readonly delimiter?: string;
  /** A name that `TextDecoder` knows, such as `windows-1252`; a byte-order mark is taken off. @default 'utf-8' */
  readonly encoding?: string;
  /**
   * What the text of a column stands for. `auto` takes a plain decimal number as a number and `true` and `false` as
   * booleans; codes with leading zeros, and whole numbers that are too large to be exact, stay text.
   * @default 'auto' for each
   */
  readonly types?: Readonly<Record<string, CsvType>>;
  /** Texts that stand for a missing value, which is `null`. @default [''] */
  readonly missing?: readonly string[];
  /**
   * Hears of each row that has another number of values than there are columns, or a value that is none of its column's
   * type, and which is then left out.
   * @default none: such a row ends the reading with its error
   */
  readonly onBadRow?: (error: FairleadError) => void;
  /** Most bytes of one row, so that a quote that is never closed does not take the rest of the file. @default 1048576 */
  readonly maxRowBytes?: number;
}

/**
 * Reads a CSV file (RFC 4180: quotes by `"`, doubled inside) by the package csv-parse. Lines without any text are passed
 * over.
 *
 * @throws FairleadError at once `INVALID_OPTION`, `INVALID_ARGUMENT`; while reading `INVALID_INPUT` with the row and
 * column, also for a missing header, names that occur twice, unclosed quotes and bytes that are not of the encoding;
 * `NOT_FOUND`, `STORE_FAILED`, `LIMIT_EXCEEDED`, `ABORTED`; `BACKEND_UNAVAILABLE` without csv-parse
 */
export function readCsv(source: StreamSource, options: ReadCsvOptions = {}): RecordReader {
  const settings = parseOptions(optionsSchema, options, 'readCsv');
  const chunks = chunksOf(source);
  return createRecordReader(options, 'readCsv', (columns) => readRecords(chunks, columns, settings));
}

const optionsSchema = z.strictObject({
  ...readOptions,
  header: z.optional(z.array(z.string()).check(z.minLength(1))),
  delimiter: z._default(
    z
      .string()
      .check(
        z.refine((text) => text.length === 1 && !/["\r\n]/.test(text), 'one character, no quote and no line break'),
      ),
    ',',
  ),
  encoding: z._default(z.string().check(z.refine(isEncoding, 'a name that TextDecoder knows')), 'utf-8'),
  types: z._default(z.record(z.string(), z.enum(csvTypes)), {}),
  missing: z._default(z.array(z.string()), ['']),
  onBadRow: z.optional(
    z.custom<NonNullable<ReadCsvOptions['onBadRow']>>((value) => typeof value === 'function', 'a function'),
  ),
  maxRowBytes: z._default(z.int().check(z.minimum(1)), 2 ** 20),
});

type Settings = z.output<typeof optionsSchema>;

function isEncoding(name: string): boolean {
  try {
    new TextDecoder(name, { fatal: true });
    return true;
  } catch {
    return false;
  }
}

/** A row as csv-parse gives it. */
interface ParsedRow {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

async function* readRecords(
  chunks: () => AsyncIterable<Uint8Array | string>,
  wanted: readonly string[] | undefined,
  settings: Settings,
): AsyncGenerator<FileRecord> {
  const { parse } = await loadLibrary('csv-parse');
  const parser = parse({
    delimiter: settings.delimiter,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: settings.maxRowBytes,
  });
  // The text goes through UTF-8 to the parser, so that a limit in bytes means bytes.
  const text = Readable.from(decode(chunks(), settings.encoding), { objectMode: false });
  const piping = pipeline(text, parser);
  // An error reaches whoever reads the parser; this promise only says it again.
  piping.catch(() => undefined);
  const { header, types, onBadRow, dates } = settings;
  const reading = { dates, missing: new Set(settings.missing) };
  let plan = header === undefined ? undefined : planOf(header, wanted, types);
  let row = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<ParsedRow>) {
      if (plan === undefined) {
        plan = planOf(record, wanted, types);
        continue;
      }
      row++;
      const read = readRow(record, plan, row, info.lines, reading, onBadRow);
      if (read !== undefined) yield read;
    }
  } catch (error) {
    throw csvError(error);
  }
  if (plan === undefined) throw badData('header', 'a first line with the names of the columns', 'an empty file');
}

async function* decode(chunks: AsyncIterable<Uint8Array | string>, encoding: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  try {
    for await (const chunk of chunks) {
      const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
      if (text !== '') yield text;
    }
    const rest = decoder.decode();
    if (rest !== '') yield rest;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw cause;
    throw new FairleadError(
      'INVALID_INPUT',
      `encoding: expected text in ${encoding}, given bytes that are none. Name the file's own by the option "encoding", for example windows-1252.`,
      { cause, details: { field: 'encoding', expected: `text in ${encoding}`, given: 'other bytes' } },
    );
  }
}

/** The columns to read: their names, places and types. */
interface Plan {
  readonly width: number;
  readonly columns: readonly { readonly name: string; readonly index: number; readonly type: CsvType }[];
}

function planOf(
  header: readonly string[],
  wanted: readonly string[] | undefined,
  types: Readonly<Record<string, CsvType>>,
): Plan {
  const empty = header.indexOf('');
  if (empty >= 0) throw badData('header', 'a name for each column', `none for column ${empty + 1}`);
  const names = selectColumns(wanted, header);
  selectColumns(Object.keys(types), header);
  const columns = names.map((name) => ({
    name,
    index: header.indexOf(name),
    type: Object.hasOwn(types, name) ? (types[name] as CsvType) : 'auto',
  }));
  return { width: header.length, columns };
}

function readRow(
  record: readonly string[],
  { width, columns }: Plan,
  row: number,
  line: number,
  reading: CsvReading,
  onBadRow: ReadCsvOptions['onBadRow'],
): FileRecord | undefined {
  try {
    if (record.length !== width) throw badData(`line ${line}`, `${width} values`, String(record.length), row);
    const values: [string, RecordValue][] = columns.map(({ name, index, type }) => [
      name,
      readCsvValue(record[index] as string, type, name, row, reading),
    ]);
    return Object.fromEntries(values);
  } catch (error) {
    if (onBadRow === undefined || !FairleadError.isInstance(error)) throw error;
    onBadRow(error);
    return undefined;
  }
}

function csvError(error: unknown): unknown {
  if (FairleadError.isInstance(error)) return error;
  const { code, lines } = error as { code?: unknown; lines?: unknown };
  if (typeof code !== 'string' || !code.startsWith('CSV_')) return error;
  const field = typeof lines === 'number' ? `line ${lines}` : 'source';
  const given = messageOf(error);
  if (code === 'CSV_MAX_RECORD_SIZE') {
    return new FairleadError(
      'LIMIT_EXCEEDED',
      `${field}: a row is longer than "maxRowBytes" allows; a quote may be unclosed. ${given}`,
      { cause: error, details: { field, expected: 'a row within maxRowBytes', given } },
    );
  }
  return new FairleadError('INVALID_INPUT', `${field}: expected CSV as RFC 4180 has it, given: ${given}`, {
    cause: error,
    details: { field, expected: 'CSV as RFC 4180 has it', given },
  });
}
