/** What a connection answers to {@link ResponseReader.push}. */
export interface Response {
  readonly status: number;
  /** Whether the server keeps the connection open for the next request. */
  readonly keepsAlive: boolean;
  /** The body's bytes, where they are kept. */
  readonly body: Buffer | undefined;
}

/** Reads the responses of one connection, one after the other: requests are not pipelined. */
export interface ResponseReader {
  /**
   * Takes what arrived, and answers the response when it is whole.
   * @throws Error for anything that is no HTTP/1.1 response with a length or in chunks
   */
  push(chunk: Buffer): Response | undefined;
}

const blankLine = Buffer.from('\r\n\r\n');
const lastChunk = Buffer.from('0\r\n\r\n');

/**
 * A reader that looks at no more than it must, so that what drives a load costs a small part of what answers it.
 *
 * @param keepsBody whether the bytes of the bodies are kept; chunks then stay as they came, with their sizes
 */
export function createResponseReader(keepsBody = false): ResponseReader {
  /** What came of a head that is not whole. */
  let head: Buffer | undefined;
  let status = 0;
  let keepsAlive = true;
  /** Bytes of the body that are to come; -1 while it comes in chunks, whose end is looked for. */
  let left = 0;
  let isInBody = false;
  let tail: Buffer = Buffer.alloc(0);
  let parts: Buffer[] = [];

  const end = (): Response => {
    isInBody = false;
    const body = keepsBody ? Buffer.concat(parts) : undefined;
    parts = [];
    return { status, keepsAlive, body };
  };

  const takeBody = (chunk: Buffer): Response | undefined => {
    if (keepsBody) parts.push(chunk);
    if (left >= 0) {
      left -= chunk.length;
      if (left < 0) throw new Error('The server sent more than its answer.');
      return left === 0 ? end() : undefined;
    }
    tail = tail.length === 0 ? chunk : Buffer.concat([tail.subarray(-lastChunk.length), chunk]);
    return tail.subarray(-lastChunk.length).equals(lastChunk) ? end() : undefined;
  };

  return {
    push(chunk) {
      if (isInBody) return takeBody(chunk);
      const bytes = head === undefined ? chunk : Buffer.concat([head, chunk]);
      const headEnd = bytes.indexOf(blankLine);
      if (headEnd === -1) {
        head = bytes;
        return undefined;
      }
      head = undefined;
      const text = bytes.toString('latin1', 0, headEnd + 2);
      status = Number(text.slice(9, 12));
      if (!text.startsWith('HTTP/1.1 ') || !(status >= 200)) throw new Error(`No answer: ${text.slice(0, 60)}`);
      keepsAlive = !/\r\nconnection: *close/i.test(text);
      const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
      const isChunked = length === undefined && /\r\ntransfer-encoding: *chunked/i.test(text);
      if (length === undefined && !isChunked)
        throw new Error('An answer says neither its length nor that it is chunked.');
      left = isChunked ? -1 : Number(length);
      tail = Buffer.alloc(0);
      const rest = bytes.subarray(headEnd + blankLine.length);
      if (left === 0) return end();
      isInBody = true;
      return rest.length === 0 ? undefined : takeBody(rest);
    },
  };
}
