import { FairleadError } from '../../errors';
import { joinChunks, joinSmall } from '../body';

const lineFeed = 0x0a;
const quote = 0x22;
const comma = 0x2c;

/** How a body is cut into records. */
export interface SplitOptions {
  /** Bytes that one record may have. */
  readonly maxBytes: number;
  /** Whether a line feed within a quoted field belongs to the record, as in CSV. */
  readonly quotes: boolean;
}

/**
 * Where in a record of CSV the next byte stands. Quotes open at the beginning of a field alone: one in the middle of a field is a mistake of
 * its own row, and must not swallow the rows behind it.
 */
type Place = typeof fieldStart | typeof plain | typeof quoted | typeof afterQuote;
const fieldStart = 0;
const plain = 1;
const quoted = 2;
/** Behind a quote within quotes, which closes the field or is the first of two that stand for one. */
const afterQuote = 3;

/**
 * Cuts pieces at line feeds, wherever the pieces themselves begin and end. The line feed is left out; what comes after the
 * last one is a record too, unless it is empty.
 *
 * @throws FairleadError `LIMIT_EXCEEDED` as soon as a record passes the limit, and what the pieces throw
 */
export async function* splitRecords(
  pieces: AsyncIterable<Uint8Array>,
  { maxBytes, quotes }: SplitOptions,
): AsyncGenerator<Uint8Array, undefined> {
  let parts: Uint8Array[] = [];
  let joined = 0;
  let size = 0;
  let place: Place = fieldStart;
  for await (const piece of pieces) {
    let from = 0;
    let at = 0;
    while (from < piece.byteLength) {
      let end: number;
      if (quotes) {
        for (; at < piece.byteLength; at++) {
          const byte = piece[at] as number;
          if (byte === lineFeed && place !== quoted) break;
          place = placeBehind(byte, place);
        }
        end = at;
      } else {
        const found = piece.indexOf(lineFeed, from);
        end = found === -1 ? piece.byteLength : found;
      }
      size += end - from;
      if (size > maxBytes) throw rowTooLarge(maxBytes, quotes);
      if (end > from) parts.push(piece.subarray(from, end));
      if (end === piece.byteLength) {
        joined = joinSmall(parts, joined);
        break;
      }
      yield joinChunks(parts, size);
      parts = [];
      joined = 0;
      size = 0;
      place = fieldStart;
      from = end + 1;
      at = from;
    }
  }
  if (size > 0) yield joinChunks(parts, size);
}

function placeBehind(byte: number, place: Place): Place {
  if (place === quoted) return byte === quote ? afterQuote : quoted;
  if (byte === comma) return fieldStart;
  if (byte === quote && place !== plain) return quoted;
  // A byte order mark before the first quote is no part of the field.
  return place === fieldStart && isOfByteOrderMark(byte) ? fieldStart : plain;
}

function isOfByteOrderMark(byte: number): boolean {
  return byte === 0xef || byte === 0xbb || byte === 0xbf;
}

function rowTooLarge(maxBytes: number, quotes: boolean): FairleadError {
  const hint = quotes ? 'a quote may be unclosed' : 'a line feed may be missing';
  return new FairleadError('LIMIT_EXCEEDED', `A row has more than ${maxBytes} bytes; ${hint}.`, {
    details: { field: 'row', expected: `at most ${maxBytes} bytes` },
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The text of a record, without a carriage return at its end.
 * @throws FairleadError `PROTOCOL_ERROR` for bytes that are no UTF-8
 */
export function textOfRecord(record: Uint8Array): string {
  try {
    const text = utf8.decode(record);
    return text.endsWith('\r') ? text.slice(0, -1) : text;
  } catch (cause) {
    throw new FairleadError('PROTOCOL_ERROR', 'The row is no UTF-8. Send text encoded as UTF-8.', { cause });
  }
}
