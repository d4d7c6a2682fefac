import type { FairleadError } from '../../errors';

/*
 * Fields of comma-separated values by RFC 4180, for whoever has a whole text and for whoever has a record at a time: those in double
 * quotes may hold commas, line breaks and doubled quotes.
 */

/** A place in a text, which reading moves on. */
export interface CsvCursor {
  readonly text: string;
  at: number;
}

/** Makes the error for a field that is none. */
export type RefuseField = (expected: string, given: string) => FairleadError;

/**
 * Reads the field at a place, and leaves the place at what ends it: a comma, a carriage return, a line feed or the end of the text.
 *
 * @throws what `refuse` makes, for quotes that open or close in the middle of a field, or never close
 */
export function readField(cursor: CsvCursor, refuse: RefuseField): string {
  const { text, at: from } = cursor;
  if (text.charCodeAt(from) === quote) {
    const closing = closingQuote(text, from + 1);
    if (closing === -1) throw refuse('a quote that closes', 'the end of the text');
    cursor.at = closing + 1;
    if (cursor.at < text.length && !isSeparator(text.charCodeAt(cursor.at)))
      throw refuse('a comma or the end of the line behind a closing quote', 'more text');
    return text.slice(from + 1, closing).replaceAll('""', '"');
  }
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isSeparator(code)) break;
    if (code === quote) throw refuse('quotes around the whole field', 'one within');
  }
  cursor.at = at;
  return text.slice(from, at);
}

/** A field that reads back as the same text; an empty one is nothing. */
export function writeField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const quote = 0x22;

/** A comma, or what ends a line. */
function isSeparator(code: number): boolean {
  return code === 0x2c || code === 0x0a || code === 0x0d;
}

/** Where a quoted field ends; -1 where it never does. */
function closingQuote(text: string, from: number): number {
  let found = text.indexOf('"', from);
  while (found !== -1 && text.charCodeAt(found + 1) === quote) found = text.indexOf('"', found + 2);
  return found;
}
