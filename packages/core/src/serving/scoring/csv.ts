import { FairleadError } from '../../errors';

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
  let index = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  const end = text.length;

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

  while (index < end) {
    let cell: string;
    let isQuoted = false;
    if (text[index] === '"') {
      isQuoted = true;
      const closing = closingQuote(text, index + 1);
      if (closing === -1) throw badQuote(rows.length + 1, 'a quote that closes', 'the end of the text');
      cell = text.slice(index + 1, closing).replaceAll('""', '"');
      index = closing + 1;
      if (index < end && !isSeparator(text.charCodeAt(index)))
        throw badQuote(rows.length + 1, 'a comma or the end of the line behind a closing quote', 'more text');
    } else {
      const from = index;
      while (index < end && !isSeparator(text.charCodeAt(index))) {
        if (text.charCodeAt(index) === 0x22)
          throw badQuote(rows.length + 1, 'quotes around the whole field', 'one within');
        index++;
      }
      cell = text.slice(from, index);
    }
    const isEmpty = !isQuoted && cell === '' && row.length === 0;
    addCell(cell);
    if (text.charCodeAt(index) === 0x2c) {
      index++;
      // A comma at the very end opens one more field, which is empty.
      if (index === end) addCell('');
      else continue;
    } else if (text.charCodeAt(index) === 0x0d && text.charCodeAt(index + 1) === 0x0a) {
      index += 2;
    } else if (index < end) index++;
    endRow(isEmpty && row.length === 1);
  }
  return rows;
}

/** A comma, or what ends a line. */
function isSeparator(code: number): boolean {
  return code === 0x2c || code === 0x0a || code === 0x0d;
}

/** Where a quoted field ends; -1 where it never does. */
function closingQuote(text: string, from: number): number {
  let quote = text.indexOf('"', from);
  while (quote !== -1 && text.charCodeAt(quote + 1) === 0x22) quote = text.indexOf('"', quote + 2);
  return quote;
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

/** Writes a value so that a reader of CSV finds the same text. */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) || text === '' ? `"${text.replaceAll('"', '""')}"` : text;
}
