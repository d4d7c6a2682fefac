import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** What Node tells of a connection on which no whole request came. */
const statuses: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/**
 * Answers a connection on which something came that is no request, or none came in time, as Node does where nobody
 * listens: with a status and nothing else, and closes it.
 *
 * @param isStreamed whether the request on this connection is being read in pieces: it has no time by which it must be
 * whole, and who reads it watches that something comes
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex, isStreamed: boolean): void {
  if (isStreamed && error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return;
  // What Node knows of the answer on this connection; there is no public word for it.
  const { _httpMessage: answer } = socket as Duplex & { _httpMessage?: { readonly headersSent: boolean } | null };
  if (socket.writable && !answer?.headersSent) {
    const status = statuses[error.code ?? ''] ?? 400;
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`);
  }
  socket.destroy(error);
}
