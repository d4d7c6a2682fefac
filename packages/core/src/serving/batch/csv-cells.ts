import { FairleadError } from '../../errors';
import type { TensorSpec } from '../../signature';
import { readJson } from '../../tensor/json/lenient-json';
import { type CsvCursor, readField } from '../csv/field';
import { scalarOfText } from '../csv/value';

/**
 * The fields of one record of CSV.
 *
 * @throws FairleadError `PROTOCOL_ERROR` for quotes that open or close in the middle of a field, or never close, and for line breaks
 * that are not in quotes
 */
export function cellsOf(text: string): string[] {
  if (!/["\r\n]/.test(text)) return text.split(',');
  const cells: string[] = [];
  const cursor: CsvCursor = { text, at: 0 };
  for (;;) {
    cells.push(readField(cursor, noCsv));
    if (cursor.at === text.length) return cells;
    if (text[cursor.at] !== ',') throw noCsv('a comma or the end of the record');
    cursor.at++;
  }
}

function noCsv(expected: string): FairleadError {
  return new FairleadError('PROTOCOL_ERROR', `The row is no CSV: expected ${expected}.`, {
    details: { field: 'row', expected },
  });
}

/** The value that the text of a cell stands for, as the decoder of elements takes it. An array is written as JSON. */
export function valueOfText({ dtype }: Pick<TensorSpec, 'dtype'>, text: string): unknown {
  const trimmed = text.trim();
  if (dtype !== 'string' && trimmed.startsWith('[')) return readJson(trimmed, (value) => value);
  return scalarOfText(dtype, text);
}
