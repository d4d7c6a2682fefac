import type { Clock } from '../clock';
import { FairleadError } from '../errors';

/** Pieces that any body may come in. */
const freePieces = 16_384;
/** Bytes that each piece beyond these has to have, on average. */
const meanBytes = 16;
/** Pieces a millisecond that need no bytes besides: those of a feed that sends a short row now and then, for days. */
const freePerMs = 1;

/**
 * Bounds in how many pieces a body may come. Each costs some microseconds whatever it holds, so that a few megabytes sent byte by byte would take
 * longer than all the models: beyond 16,384 pieces, and one for each millisecond that it takes, a body needs 16 bytes a piece. So one comes no
 * dearer than as many bytes of ordinary requests.
 *
 * @returns to be told with each piece how many bytes have come so far; throws FairleadError `LIMIT_EXCEEDED`
 */
export function boundPieces(clock: Clock): (bytes: number) => void {
  let pieces = 0;
  let startedAt = 0;
  return (bytes) => {
    // Nobody asks for the time of a body that comes as one.
    if (++pieces === 2) startedAt = clock.now();
    if (pieces <= freePieces || pieces <= freePieces + bytes / meanBytes + (clock.now() - startedAt) * freePerMs)
      return;
    const given = `${pieces} pieces for ${bytes} bytes`;
    const expected = `pieces of ${meanBytes} bytes or more on average`;
    throw new FairleadError(
      'LIMIT_EXCEEDED',
      `The body comes in too many pieces: ${given}. Expected ${expected}: gather more before you send.`,
      { details: { field: 'body', expected, given } },
    );
  };
}

/** The same pieces, bounded so. */
export async function* inBoundedPieces(
  pieces: AsyncIterable<Uint8Array>,
  clock: Clock,
): AsyncGenerator<Uint8Array, undefined> {
  const count = boundPieces(clock);
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.byteLength;
    count(bytes);
    yield piece;
  }
}
