import { FairleadError } from '../../errors';
import { describeGiven } from '../../tensor/json/describe-given';
import { parseCsv } from './csv';

/** A data frame as a message brought it: rows of cells, which are values of JSON or, from CSV, text. */
export interface Table {
  /** How messages name it, for example `dataframe_split`. */
  readonly field: string;
  /** Names of the columns; undefined where the message gives none. */
  readonly columns: readonly string[] | undefined;
  /** One array of cells a row, all of one length. */
  readonly rows: readonly (readonly unknown[])[];
  /** Whether cells are text that stands for a value. */
  readonly isText: boolean;
}

/**
 * Reads a data frame in pandas' orientation "split": `{columns?, data, index?}`. The index labels rows and is passed over.
 *
 * @param field how messages name it
 * @throws FairleadError `INVALID_INPUT`
 */
export function readSplit(value: unknown, field: string): Table {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(field, 'an object {columns, data}', value);
  const { columns, data, index, ...rest } = value as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined)
    throw invalid(`${field}.${unknown.slice(0, 100)}`, 'only columns, data and index', rest[unknown]);
  if (!Array.isArray(data)) throw invalid(`${field}.data`, 'an array of rows', data);
  const names = columns === undefined || columns === null ? undefined : readNames(columns, `${field}.columns`);
  const width = names?.length ?? (Array.isArray(data[0]) ? data[0].length : 0);
  for (let row = 0; row < data.length; row++) {
    const cells: unknown = data[row];
    if (!Array.isArray(cells)) throw invalid(`${field}.data[${row}]`, `an array of ${width} cells`, cells);
    if (cells.length !== width) throw invalidText(`${field}.data[${row}]`, `${width} cells`, `${cells.length} cells`);
  }
  if (index !== undefined && index !== null && (!Array.isArray(index) || index.length !== data.length))
    throw invalid(`${field}.index`, `${data.length} labels, one a row`, index);
  return { field, columns: names, rows: checkRows(data, field), isText: false };
}

/**
 * Reads a data frame in pandas' orientation "records": an array of objects, one a row, all with the same names.
 *
 * @param field how messages name it
 * @throws FairleadError `INVALID_INPUT`
 */
export function readRecords(value: unknown, field: string): Table {
  if (!Array.isArray(value)) throw invalid(field, 'an array of records', value);
  const records = checkRows(value, field);
  const columns = Object.keys(recordOf(records[0], `${field}[0]`));
  // A stranger's names may be very many.
  const known = new Set(columns);
  const rows = records.map((record, row) => {
    const cells = recordOf(record, `${field}[${row}]`);
    const own = Object.keys(cells);
    const missing = columns.find((name) => !Object.hasOwn(cells, name));
    if (missing !== undefined) throw invalidText(`${field}[${row}]`, `a value for "${missing}"`, 'none');
    if (own.length > columns.length) {
      const extra = own.find((name) => !known.has(name)) as string;
      throw invalidText(`${field}[${row}]`, 'the names of the first record', `"${extra.slice(0, 100)}" besides`);
    }
    return columns.map((name) => cells[name]);
  });
  return { field, columns, rows, isText: false };
}

/**
 * Reads a data frame from comma-separated values.
 *
 * @param hasHeader whether the first line names the columns
 * @throws FairleadError `PROTOCOL_ERROR`, `INVALID_INPUT`, `LIMIT_EXCEEDED`
 */
export function readCsvTable(text: string, hasHeader: boolean, maxCells: number): Table {
  const lines = parseCsv(text, { maxCells });
  const [header] = hasHeader ? lines.splice(0, 1) : [];
  if (hasHeader && header === undefined) throw invalidText('the CSV', 'a line of column names, and rows', 'nothing');
  return {
    field: 'the CSV',
    columns: header === undefined ? undefined : readNames(header, 'the CSV.columns'),
    rows: checkRows(lines, 'the CSV'),
    isText: true,
  };
}

/** pandas names columns by numbers where nobody named them. */
function readNames(value: unknown, field: string): string[] {
  if (!Array.isArray(value)) throw invalid(field, 'an array of names', value);
  const seen = new Set<string>();
  for (const [index, name] of value.entries()) {
    if (typeof name !== 'string' && typeof name !== 'number') throw invalid(`${field}[${index}]`, 'a name', name);
    if (seen.has(String(name))) throw invalid(`${field}[${index}]`, 'a name that no other column has', name);
    seen.add(String(name));
  }
  return [...seen];
}

function checkRows<T>(rows: readonly T[], field: string): readonly T[] {
  if (rows.length === 0) throw invalidText(field, 'at least one row', 'none');
  return rows;
}

function recordOf(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(field, 'an object of values by column', value);
  return value as Record<string, unknown>;
}

function invalid(field: string, expected: string, given: unknown): FairleadError {
  return invalidText(field, expected, describeGiven(given));
}

function invalidText(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_INPUT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
