import type { CallOptions } from '@fairlead/core';
import { FairleadError, parseOptions, throwIfAborted } from '@fairlead/core';
import * as z from 'zod/mini';

/** A value of a record: `null` where it is missing. Whole numbers of 64 bits are bigints only where a number is not exact. */
export type RecordValue = number | bigint | string | boolean | Date | null;

/** One row of a file, by column. */
export type FileRecord = Readonly<Record<string, RecordValue>>;

/** Options of every reader. */
export interface ReadOptions extends CallOptions {
  /** The columns to read, in this order. @default every column, as the file has them */
  readonly columns?: readonly string[];
  /** What dates and times come as: a `Date`, or milliseconds since 1970-01-01 UTC. @default 'date' */
  readonly dates?: 'date' | 'number';
}

/** How records become bare rows. */
export interface RowsOptions {
  /**
   * For columns of text, the categories that there are: each becomes its place in the list, from 0.
   * @default none: text is refused
   */
  readonly categories?: Readonly<Record<string, readonly string[]>>;
}

/**
 * The rows of a file. What was not asked for is not read ahead: as long as nobody takes the next row, at most a piece of
 * the file is held. A path can be read again and again, a stream once.
 */
export interface RecordReader extends AsyncIterable<FileRecord> {
  /**
   * The rows as bare numbers, as `fitReference` takes them: `true` and `false` are 1 and 0, dates milliseconds since
   * 1970-01-01 UTC, categories their place, what is missing NaN. A column of which the file has none is an error.
   *
   * @param columns in the order of the features; only these are read
   */
  asRows(columns: readonly string[], options?: RowsOptions): AsyncIterable<readonly number[]>;
}

/** Reads certain columns, all where none are named. */
export type OpenRecords = (columns: readonly string[] | undefined) => AsyncIterable<FileRecord>;

const columnNames = z.array(z.string()).check(
  z.minLength(1),
  z.refine((names) => new Set(names).size === names.length, 'names that occur once'),
);

/** The schemas of the options that every reader has. */
export const readOptions = {
  columns: z.optional(columnNames),
  dates: z._default(z.enum(['date', 'number']), 'date'),
  signal: z.optional(z.instanceof(AbortSignal)),
};

const rowsOptions = z.strictObject({ categories: z._default(z.record(z.string(), columnNames), {}) });

/** Makes a reader of a function that reads. */
export function createRecordReader(options: ReadOptions, owner: string, open: OpenRecords): RecordReader {
  const read = (columns: readonly string[] | undefined): AsyncIterable<FileRecord> => ({
    [Symbol.asyncIterator]: () => watchSignal(open(columns), options.signal)[Symbol.asyncIterator](),
  });
  return {
    [Symbol.asyncIterator]: () => read(options.columns)[Symbol.asyncIterator](),
    asRows(columns, given = {}) {
      parseOptions(z.strictObject({ columns: columnNames }), { columns }, `${owner}.asRows`);
      const { categories } = parseOptions(rowsOptions, given, `${owner}.asRows`);
      for (const column of Object.keys(categories)) {
        if (!columns.includes(column)) {
          throw wrongOption(`${owner}.asRows`, 'categories', `columns of the rows (${columns.join(', ')})`, column);
        }
      }
      const codes = new Map(Object.entries(categories).map(([column, names]) => [column, codesOf(names)]));
      return {
        [Symbol.asyncIterator]: () => toRows(read(columns), columns, codes)[Symbol.asyncIterator](),
      };
    },
  };
}

async function* watchSignal(records: AsyncIterable<FileRecord>, signal: AbortSignal | undefined) {
  throwIfAborted(signal, 'Reading');
  for await (const record of records) {
    throwIfAborted(signal, 'Reading');
    yield record;
  }
}

async function* toRows(
  records: AsyncIterable<FileRecord>,
  columns: readonly string[],
  codes: ReadonlyMap<string, ReadonlyMap<string, number>>,
): AsyncGenerator<readonly number[]> {
  let row = 0;
  for await (const record of records) {
    row++;
    yield columns.map((column) => numberOf(record[column] ?? null, column, codes.get(column), row));
  }
}

function numberOf(
  value: RecordValue,
  column: string,
  codes: ReadonlyMap<string, number> | undefined,
  row: number,
): number {
  if (value === null) return Number.NaN;
  if (codes !== undefined) {
    const code = codes.get(String(value));
    if (code !== undefined) return code;
    const known = [...codes.keys()].slice(0, 10).join(', ');
    throw badData(column, `one of the categories ${known}`, JSON.stringify(String(value)), row);
  }
  if (value instanceof Date) return value.getTime();
  if (typeof value === 'string') {
    throw badData(column, 'a number, or categories for a column of text', JSON.stringify(value.slice(0, 80)), row);
  }
  return Number(value);
}

function codesOf(names: readonly string[]): ReadonlyMap<string, number> {
  return new Map(names.map((name, index) => [name, index]));
}

/**
 * The columns to read.
 * @throws FairleadError `INVALID_INPUT` for one that the file does not have
 */
export function selectColumns(wanted: readonly string[] | undefined, there: readonly string[]): readonly string[] {
  const known = new Set(there);
  if (known.size !== there.length) {
    const twice = there.find((name, index) => there.indexOf(name) !== index);
    throw badData('columns', 'names that occur once', `"${twice}" twice`);
  }
  for (const name of wanted ?? []) {
    if (known.has(name)) continue;
    const shown = there.length > 20 ? `${there.slice(0, 20).join(', ')} …` : there.join(', ');
    throw badData(name, `a column of the file (${shown})`, 'none of that name');
  }
  return wanted ?? there;
}

/** A number of 64 bits as a number, where that is exact. */
export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** An error about what a file holds. */
export function badData(field: string, expected: string, given: string, row?: number): FairleadError {
  const place = row === undefined ? field : `row ${row}, ${field}`;
  return new FairleadError('INVALID_INPUT', `${place}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given, ...(row === undefined ? {} : { row }) },
  });
}

/** An error about an option of a reader. */
export function wrongOption(owner: string, field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `${owner}: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    { details: { field, expected, given } },
  );
}
