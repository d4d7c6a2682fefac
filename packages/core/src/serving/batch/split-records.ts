import { FairleadError } from '../../errors';
import { joinChunks } from '../body';

const lineFeed = 0x0a;
const quote = 0x22;

/** How a body is cut into records. */
export interface SplitOptions {
  /** Bytes that one record may have. */
  readonly maxBytes: number;
  /** Whether a line feed between two double quotes belongs to the record, as in CSV. */
  readonly quotes: boolean;
}

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
  let size = 0;
  let isQuoted = false;
  for await (const piece of pieces) {
    let from = 0;
    let at = 0;
    while (from < piece.byteLength) {
      let end: number;
      if (quotes) {
        while (at < piece.byteLength && (isQuoted || piece[at] !== lineFeed))
          if (piece[at++] === quote) isQuoted = !isQuoted;
        end = at;
      } else {
        const found = piece.indexOf(lineFeed, from);
        end = found === -1 ? piece.byteLength : found;
      }
      size += end - from;
      if (size > maxBytes) throw rowTooLarge(maxBytes, quotes);
      if (end > from) parts.push(piece.subarray(from, end));
      if (end === piece.byteLength) break;
      yield joinChunks(parts, size);
      parts = [];
      size = 0;
      from = end + 1;
      at = from;
    }
  }
  if (size > 0) yield joinChunks(parts, size);
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
