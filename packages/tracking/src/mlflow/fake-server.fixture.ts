import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that a fake server got. */
export interface SeenRequest {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** What a fake server answers. */
export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Written as JSON unless it is a text. */
  readonly body?: unknown;
  /** Ends the connection behind the body. */
  readonly cut?: boolean;
}

/** A server on loopback that answers what it is told and remembers what it was asked. */
export async function createFakeServer(
  answer: (request: SeenRequest, index: number) => FakeAnswer | Promise<FakeAnswer>,
) {
  const seen: SeenRequest[] = [];
  const server = createServer(async (message, response) => {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of message) pieces.push(piece as Buffer);
    } catch {
      return; // the client broke the request off: nothing came of it
    }
    const { method = '', url = '', headers } = message;
    const request = { method, url, headers, body: Buffer.concat(pieces).toString() };
    seen.push(request);
    const { status = 200, headers: given = {}, body = {}, cut = false } = await answer(request, seen.length - 1);
    response.writeHead(status, given);
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    if (cut) response.write(text, () => response.destroy());
    else response.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    /** The body of a request, read as JSON. */
    json: (index: number): unknown => JSON.parse(seen[index]?.body ?? 'null'),
    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Everything that comes. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
