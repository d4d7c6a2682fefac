import type { IncomingMessage, ServerResponse } from 'node:http';

/** What answers a request of the Fetch standard. */
export type FetchHandler = (request: Request) => Promise<Response>;

function bodyOf(message: IncomingMessage): ReadableStream<Uint8Array> {
  // Whoever stops reading still has to be answered, so the connection stays.
  const pieces = message.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = (await pieces.next()) as IteratorResult<Uint8Array>;
      if (done === true) controller.close();
      else controller.enqueue(new Uint8Array(value));
    },
    async cancel() {
      await pieces.return?.();
    },
  });
}

function requestOf(message: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(message.headers)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) headers.append(name, one);
  }
  const { encrypted } = message.socket as { encrypted?: boolean };
  // What comes with no name of a host, as over HTTP/1.0, is answered all the same.
  const url = new URL(
    message.url ?? '/',
    `${encrypted === true ? 'https' : 'http'}://${message.headers.host ?? 'localhost'}`,
  );
  const { method = 'GET' } = message;
  const init: RequestInit & { duplex?: 'half' } = { method, headers, signal };
  if (method !== 'GET' && method !== 'HEAD') Object.assign(init, { body: bodyOf(message), duplex: 'half' });
  return new Request(url, init);
}

/**
 * Serves a handler of the Fetch standard with Node's `http`, Express or Connect: `createServer(toNodeHandler(relay))`,
 * `app.use('/tracking', toNodeHandler(relay))`. Nothing may have read the request's body before.
 */
export function toNodeHandler(
  handler: FetchHandler,
): (message: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (message, response) => {
    const controller = new AbortController();
    response.once('close', () => controller.abort());
    try {
      const answered = await handler(requestOf(message, controller.signal));
      // What is left of a body that was refused is not read: the connection ends with the answer.
      if (!message.complete) response.setHeader('connection', 'close');
      response.writeHead(answered.status, Object.fromEntries(answered.headers));
      response.end(answered.body === null ? undefined : new Uint8Array(await answered.arrayBuffer()));
    } catch {
      // A request that no URL can be made of.
      if (!response.headersSent) response.writeHead(400);
      response.end();
    }
  };
}
