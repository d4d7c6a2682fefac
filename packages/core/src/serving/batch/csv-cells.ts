import { FairleadError } from '../../errors';
import type { TensorSpec } from '../../signature';
import { readJson } from '../../tensor/json/lenient-json';

/**
 * The fields of one record of CSV, by RFC 4180: those in double quotes may hold commas, line breaks and doubled quotes.
 *
 * @throws FairleadError `PROTOCOL_ERROR` for quotes that open or close in the middle of a field, or never close
 */
export function cellsOf(text: string): string[] {
  if (!text.includes('"')) return text.split(',');
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    let end: number;
    if (text[at] === '"') {
      const closing = closingQuote(text, at + 1);
      if (closing === -1) throw badQuote('a quote that closes');
      cells.push(text.slice(at + 1, closing).replaceAll('""', '"'));
      end = closing + 1;
      if (end < text.length && text[end] !== ',') throw badQuote('a comma behind a closing quote');
    } else {
      const comma = text.indexOf(',', at);
      end = comma === -1 ? text.length : comma;
      const cell = text.slice(at, end);
      if (cell.includes('"')) throw badQuote('quotes around the whole field');
      cells.push(cell);
    }
    if (end >= text.length) return cells;
    at = end + 1;
  }
}

function closingQuote(text: string, from: number): number {
  let found = text.indexOf('"', from);
  while (found !== -1 && text[found + 1] === '"') found = text.indexOf('"', found + 2);
  return found;
}

function badQuote(expected: string): FairleadError {
  return new FairleadError('PROTOCOL_ERROR', `The row is no CSV: expected ${expected}.`, {
    details: { field: 'row', expected },
  });
}

/** A field as CSV writes it. */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const infinities: Readonly<Record<string, string>> = {
  inf: 'Infinity',
  infinity: 'Infinity',
  '-inf': '-Infinity',
  '-infinity': '-Infinity',
};

/**
 * The value that the text of a cell stands for, as the decoder of elements takes it; text that stands for none stays. An array is
 * written as JSON. An empty cell is a missing value.
 */
export function valueOfText({ dtype }: Pick<TensorSpec, 'dtype'>, text: string): unknown {
  if (dtype === 'string') return text;
  const trimmed = text.trim();
  if (trimmed === '') return null;
  if (trimmed.startsWith('[')) return readJson(trimmed, (value) => value);
  if (dtype === 'bool') return booleans[trimmed.toLowerCase()] ?? trimmed;
  if (!decimal.test(trimmed)) return infinities[trimmed.toLowerCase()] ?? (/^nan$/i.test(trimmed) ? 'NaN' : trimmed);
  const value = Number(trimmed);
  // Digits past 2^53 stay text, which tensors of 64 bits read without loss.
  return Number.isInteger(value) && !Number.isSafeInteger(value) && /^[+-]?\d+$/.test(trimmed)
    ? trimmed.replace('+', '')
    : value;
}

const booleans: Readonly<Record<string, boolean>> = { true: true, '1': true, false: false, '0': false };
