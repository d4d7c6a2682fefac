import { toText } from '../../embedded/event-codec';
import { invalidArgument } from '../../names';

/** A table: rows as objects, or columns as arrays of one length. Cells are texts, numbers, booleans, dates, bigints, JSON, or missing. */
export type TableData = readonly Readonly<Record<string, unknown>>[] | Readonly<Record<string, ArrayLike<unknown>>>;

/** What the cells of a column are, in the words of CSV on the Web. */
export type ColumnType = 'boolean' | 'integer' | 'double' | 'dateTime' | 'string' | 'json';

/** A table as CSV. */
export interface EncodedTable {
  readonly csv: string;
  readonly columns: readonly { readonly name: string; readonly type: ColumnType }[];
  /** Rows below the head. */
  readonly rows: number;
}

interface Column {
  readonly name: string;
  readonly cell: (row: number) => unknown;
}

function columnsOf(data: TableData): { columns: readonly Column[]; rows: number } {
  if (typeof data !== 'object' || data === null || ArrayBuffer.isView(data)) {
    throw invalidArgument('table', 'an array of objects, or an object of arrays', data);
  }
  if (!Array.isArray(data)) {
    const entries = Object.entries(data as Readonly<Record<string, ArrayLike<unknown>>>);
    const rows = entries[0]?.[1]?.length ?? 0;
    for (const [name, cells] of entries) {
      const isList = typeof cells === 'object' && cells !== null && Number.isInteger(cells.length);
      if (!isList) throw invalidArgument(`table.${name}`, 'an array or typed array', cells);
      if (cells.length !== rows)
        throw invalidArgument(`table.${name}`, `${rows} cells, as the first column has`, cells.length);
    }
    return { columns: entries.map(([name, cells]) => ({ name, cell: (row) => cells[row] })), rows };
  }
  const names = new Set<string>();
  data.forEach((row: unknown, i) => {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      throw invalidArgument(`table[${i}]`, 'an object of cells by name', row);
    }
    for (const name of Object.keys(row)) names.add(name);
  });
  const cellOf = (row: Readonly<Record<string, unknown>>, name: string): unknown =>
    Object.hasOwn(row, name) ? row[name] : undefined;
  return { columns: [...names].map((name) => ({ name, cell: (row) => cellOf(data[row], name) })), rows: data.length };
}

function typeOf(cell: unknown): ColumnType {
  if (typeof cell === 'boolean') return 'boolean';
  if (typeof cell === 'string') return 'string';
  if (typeof cell === 'bigint') return 'integer';
  if (typeof cell === 'number') return Number.isSafeInteger(cell) && !Object.is(cell, -0) ? 'integer' : 'double';
  return cell instanceof Date ? 'dateTime' : 'json';
}

/** What all cells of a column are; one that holds several kinds is JSON. */
function columnType(column: Column, rows: number): ColumnType {
  let type: ColumnType | undefined;
  for (let row = 0; row < rows; row++) {
    const cell = column.cell(row);
    if (cell === undefined || cell === null) continue;
    const own = typeOf(cell);
    if (type === undefined || type === own) type = own;
    else if (type !== 'json' && isNumeric(type) && isNumeric(own)) type = 'double';
    else return 'json';
  }
  return type ?? 'string';
}

const isNumeric = (type: ColumnType): boolean => type === 'integer' || type === 'double';

function numberText(value: number): string {
  if (Object.is(value, -0)) return '-0';
  // As CSV on the Web writes them, and Python, pandas and DuckDB read them.
  return Number.isFinite(value) ? String(value) : String(value).replace('Infinity', 'INF');
}

function jsonText(cell: unknown, field: string): string {
  const plain = typeof cell === 'bigint' ? String(cell) : cell;
  if (typeof plain === 'function' || typeof plain === 'symbol')
    throw invalidArgument(field, 'a value that JSON has', cell);
  try {
    return toText(plain);
  } catch (error) {
    throw invalidArgument(field, `a value that JSON has (${(error as Error).message})`, cell);
  }
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
const textCell = (text: string): string => (text === '' || /[",\r\n]|^\s|\s$/.test(text) ? quoted(text) : text);

function cellText(cell: unknown, type: ColumnType, field: string): string {
  if (cell === undefined || cell === null) return '';
  switch (type) {
    case 'json':
      return textCell(jsonText(cell, field));
    case 'dateTime':
      if (Number.isNaN((cell as Date).getTime())) throw invalidArgument(field, 'a date that exists', cell);
      return (cell as Date).toISOString();
    case 'double':
    case 'integer':
      return typeof cell === 'bigint' ? String(cell) : numberText(cell as number);
    case 'boolean':
    case 'string':
      return textCell(String(cell));
  }
}

/**
 * Writes a table as CSV (RFC 4180, lines end in a line feed): a missing cell is empty and an empty text is `""`, so the
 * two can be told apart.
 *
 * @throws FairleadError `INVALID_ARGUMENT` that names the column or cell
 */
export function encodeTable(data: TableData): EncodedTable {
  const { columns, rows } = columnsOf(data);
  for (const { name } of columns) {
    if (name.trim() === '') throw invalidArgument('table', 'columns that have names', name);
  }
  const typed = columns.map((column) => ({ ...column, type: columnType(column, rows) }));
  const lines: string[] = columns.length === 0 ? [] : [columns.map(({ name }) => textCell(name)).join(',')];
  for (let row = 0; row < rows && columns.length > 0; row++) {
    lines.push(typed.map(({ name, cell, type }) => cellText(cell(row), type, `table[${row}].${name}`)).join(','));
  }
  return {
    csv: lines.map((line) => `${line}\n`).join(''),
    columns: typed.map(({ name, type }) => ({ name, type })),
    rows,
  };
}

/** The description of a table's file, as CSV on the Web has it. */
export function tableMetadata(file: string, { columns }: EncodedTable): string {
  return JSON.stringify({
    '@context': 'http://www.w3.org/ns/csvw',
    url: file.slice(file.lastIndexOf('/') + 1),
    tableSchema: { columns: columns.map(({ name, type }) => ({ titles: name, datatype: type })) },
  });
}
