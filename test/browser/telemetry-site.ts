import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { answerScrape, createRegistry, type Registry } from '@fairlead/core/metrics';
import { type Reference, serializeReference } from '@fairlead/core/monitoring';
import {
  createTelemetryHandler,
  createTelemetryToken,
  type TelemetryHandler,
  type TelemetryHandlerOptions,
} from '@fairlead/core/telemetry';

const modelsFolder = fileURLToPath(new URL('../../examples/models', import.meta.url));
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};
const key = 'a key of the tests that is long enough';

/** A site with a page, a telemetry handler, tokens for it, and `/metrics`. */
export interface TelemetrySite {
  readonly origin: string;
  readonly handler: TelemetryHandler;
  readonly registry: Registry;
  /** The status of each request to `/telemetry`, in order, with the bytes of its body. */
  readonly answers: { readonly status: number; readonly bytes: number }[];
  /** Closes the connection of the next request in place of its answer, after the handler took it. */
  loseNextAnswer: boolean;
  /** Resolves when so many requests to `/telemetry` were taken. */
  until(answers: number): Promise<void>;
  close(): Promise<void>;
}

/** Serves a bundled page, the models of the examples under `/models/`, and one reference beside them all. */
export async function serveTelemetrySite(
  folder: string,
  reference: Reference,
  options: Partial<TelemetryHandlerOptions> = {},
): Promise<TelemetrySite> {
  const registry = createRegistry();
  const references = [{ name: 'mock', version: '1', reference }];
  const handler = createTelemetryHandler({ references, key, metrics: registry, ...options } as TelemetryHandlerOptions);
  const answers: { status: number; bytes: number }[] = [];
  let changed: () => void = () => undefined;
  let change = new Promise<void>((resolve) => {
    changed = resolve;
  });

  const asked = (request: IncomingMessage): Request =>
    new Request(`http://${request.headers.host}${request.url}`, {
      method: request.method ?? 'GET',
      headers: Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]),
      ...(request.method === 'POST' ? { body: Readable.toWeb(request) as ReadableStream, duplex: 'half' } : {}),
    } as RequestInit);

  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://site');
    if (pathname === '/telemetry') {
      const answer = await handler(asked(request));
      const isLost = site.loseNextAnswer;
      site.loseNextAnswer = false;
      if (isLost) request.socket.destroy();
      else response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
      answers.push({ status: answer.status, bytes: Number(request.headers['content-length'] ?? 0) });
      const tell = changed;
      change = new Promise<void>((resolve) => {
        changed = resolve;
      });
      tell();
      return;
    }
    if (pathname === '/token') {
      response
        .writeHead(200, { 'content-type': 'text/plain' })
        .end(await createTelemetryToken({ key, subject: 'visitor' }));
      return;
    }
    if (pathname === '/reference' || pathname.endsWith('.reference.json')) {
      response.writeHead(200).end(serializeReference(reference));
      return;
    }
    if (pathname === '/metrics') {
      const { headers, body } = await answerScrape(registry, { accept: 'application/openmetrics-text' });
      response.writeHead(200, headers).end(body);
      return;
    }
    const file = pathname.startsWith('/models/')
      ? join(modelsFolder, normalize(pathname.slice(7)))
      : join(folder, normalize(pathname === '/' ? '/index.html' : pathname));
    if (!existsSync(file)) {
      response.writeHead(404).end('not found');
      return;
    }
    response.writeHead(200, {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      'content-length': statSync(file).size,
    });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const site: TelemetrySite = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    handler,
    registry,
    answers,
    loseNextAnswer: false,
    async until(count) {
      while (answers.length < count) await change;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await handler.close();
    },
  };
  return site;
}
