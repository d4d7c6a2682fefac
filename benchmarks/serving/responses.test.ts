import { describe, expect, it } from 'vitest';
import { createResponseReader } from './responses';

const bytes = (text: string) => Buffer.from(text, 'latin1');

/** Reads a response that arrives cut into pieces of every size. */
function readInPieces(text: string, size: number) {
  const reader = createResponseReader(true);
  for (let at = 0; at < text.length; at += size) {
    const response = reader.push(bytes(text.slice(at, at + size)));
    if (response !== undefined) return { response, isAtEnd: at + size >= text.length };
  }
  return undefined;
}

describe('createResponseReader', () => {
  it.each([1, 2, 7, 20, 1000])('reads a response with a length that arrives %d bytes at a time', (size) => {
    const read = readInPieces('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx: y\r\n\r\nhello', size);
    expect(read?.isAtEnd).toBe(true);
    expect(read?.response).toMatchObject({ status: 200, keepsAlive: true });
    expect(read?.response.body?.toString()).toBe('hello');
  });

  it.each([1, 3, 8, 1000])('reads a response in chunks that arrives %d bytes at a time', (size) => {
    const text =
      'HTTP/1.1 429 Too Many\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n';
    const read = readInPieces(text, size);
    expect(read?.isAtEnd).toBe(true);
    expect(read?.response).toMatchObject({ status: 429, keepsAlive: false });
  });

  it('reads one response after the other, and those without a body', () => {
    const reader = createResponseReader();
    for (const status of [200, 503, 200]) {
      expect(reader.push(bytes(`HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`))?.status).toBe(status);
    }
  });

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['neither a length nor chunks', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['an answer before the answer', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['more than it promised', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabc'],
  ])('refuses %s', (_what, text) => {
    expect(() => createResponseReader().push(bytes(text))).toThrow(Error);
  });
});
