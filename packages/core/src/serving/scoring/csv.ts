import { FairleadError } from '../../errors';
import { type CsvCursor, readField, writeField } from '../csv/field';

/** How a text of comma-separated values is read. */
export interface CsvOptions {
  /** Values that the text may have in all; counted while it is read. */
  readonly maxCells: number;
}

/**
 * Reads comma-separated values by RFC 4180: fields in double quotes may hold commas, line breaks and doubled quotes; lines
 * end with LF or CRLF. A byte order mark and empty lines are passed over. Every value stays the text that it is.
 *
 * @throws FairleadError `PROTOCOL_ERROR` for quotes that open or close in the middle of a field, or never close;
 * `LIMIT_EXCEEDED`; `INVALID_INPUT` for a line with more or fewer fields than the first
 */
export function parseCsv(text: string, { maxCells }: CsvOptions): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cells = 0;
  const cursor: CsvCursor = { text, at: text.charCodeAt(0) === 0xfeff ? 1 : 0 };
  const end = text.length;
  const refuse = (expected: string, given: string): FairleadError => badQuote(rows.length + 1, expected, given);

  const addCell = (cell: string): void => {
    cells++;
    if (cells > maxCells) throw tooMany(maxCells);
    row.push(cell);
  };
  const endRow = (isEmpty: boolean): void => {
    if (!isEmpty) {
      const expected = rows[0]?.length ?? row.length;
      if (row.length !== expected) throw ragged(rows.length + 1, expected, row.length);
      rows.push(row);
    } else cells -= row.length;
    row = [];
  };

  while (cursor.at < end) {
    const isQuoted = text[cursor.at] === '"';
    const cell = readField(cursor, refuse);
    const isEmpty = !isQuoted && cell === '' && row.length === 0;
    addCell(cell);
    const separator = text.charCodeAt(cursor.at);
    if (separator === 0x2c) {
      cursor.at++;
      // A comma at the very end opens one more field, which is empty.
      if (cursor.at === end) addCell('');
      else continue;
    } else if (separator === 0x0d && text.charCodeAt(cursor.at + 1) === 0x0a) {
      cursor.at += 2;
    } else if (cursor.at < end) cursor.at++;
    endRow(isEmpty && row.length === 1);
  }
  return rows;
}

function badQuote(line: number, expected: string, given: string): FairleadError {
  const field = `line ${line}`;
  return new FairleadError('PROTOCOL_ERROR', `CSV ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}

function ragged(line: number, expected: number, given: number): FairleadError {
  const details = { field: `line ${line}`, expected: `${expected} fields, as in the first`, given: String(given) };
  return new FairleadError('INVALID_INPUT', `CSV line ${line}: expected ${details.expected}, given ${given}.`, {
    details,
  });
}

function tooMany(maxCells: number): FairleadError {
  return new FairleadError('LIMIT_EXCEEDED', `The CSV has more than ${maxCells} values. Send fewer rows at once.`, {
    details: { field: 'body', expected: `at most ${maxCells} values` },
  });
}

/** Writes a value so that a reader of CSV finds the same text, on a line of its own too. */
export function csvField(text: string): string {
  return text === '' ? '""' : writeField(text);
}
