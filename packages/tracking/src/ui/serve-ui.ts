import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, type Closeable, closeable, FairleadError, parseOptions, systemClock } from '@fairlead/core';
import * as z from 'zod/mini';
import type { Tracker } from '../tracker';
import { escapeHtml, type PageFiles, pageFrame, readPageFiles } from './page-files';
import { checkRequest, isLoopback } from './request-guard';
import { commonHeaders, pagePolicy, sendError, sendJson, toErrorAnswer } from './responses';
import { type ApiContext, answerApi } from './routes';

/** Options of {@link serveUi}. */
export interface ServeUiOptions {
  /** What is shown. The caller closes it, after the server. */
  readonly tracker: Tracker;
  /** 0 for any that is free. @default 0 */
  readonly port?: number;
  /** `127.0.0.1`, `::1` or `localhost`: the page is for this machine alone. @default '127.0.0.1' */
  readonly host?: string;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** A page that is being served. */
export interface UiServer extends Closeable {
  /** Where it is, for example `http://127.0.0.1:4711/`. */
  readonly url: string;
  readonly port: number;
}

const anObject = <T>() => z.custom<T>((value) => typeof value === 'object' && value !== null, 'an object');

const optionsSchema = z.strictObject({
  tracker: anObject<Tracker>(),
  port: z._default(z.int().check(z.minimum(0), z.maximum(65_535)), 0),
  host: z._default(z.string(), '127.0.0.1'),
  clock: z._default(anObject<Clock>(), systemClock),
});

function answerPage(response: ServerResponse, pathname: string, files: PageFiles, token: string): boolean {
  const send = (type: string, body: string): true => {
    response.writeHead(200, { ...commonHeaders, 'content-type': type, 'content-security-policy': pagePolicy });
    response.end(body);
    return true;
  };
  if (pathname === '/main.js') return send('text/javascript; charset=utf-8', files.script);
  if (pathname === '/main.css') return send('text/css; charset=utf-8', files.style);
  if (pathname !== '/') return false;
  const head = `<meta name="fairlead-token" content="${escapeHtml(token)}">\n<link rel="stylesheet" href="/main.css">`;
  return send(
    'text/html; charset=utf-8',
    pageFrame({ title: 'Fairlead', head, body: '<script type="module" src="/main.js"></script>' }),
  );
}

/**
 * Serves a page that shows the runs and models of a tracker, live, and moves aliases. It listens on the loopback alone,
 * refuses what other sites send, and needs no account: whoever may open the port may read, and with the page's token change.
 *
 * @throws FairleadError `INVALID_OPTION`; `STORE_FAILED` where the port cannot be had; `UNSUPPORTED` where the page was not built
 */
export async function serveUi(options: ServeUiOptions): Promise<UiServer> {
  const { tracker, port, host, clock } = parseOptions(optionsSchema, options, 'serveUi');
  if (!isLoopback(host)) {
    throw new FairleadError(
      'INVALID_OPTION',
      `serveUi: "host" must be 127.0.0.1, ::1 or localhost; given "${host}". To see the page from another machine, open an SSH tunnel to its port.`,
      { details: { field: 'host', expected: '127.0.0.1, ::1 or localhost', given: host } },
    );
  }
  const files = await readPageFiles();
  const token = randomBytes(24).toString('base64url');
  const api: ApiContext = { tracker, clock, streams: new Set() };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refusal = checkRequest(request, token);
    if (refusal !== undefined) {
      sendJson(response, 403, toErrorAnswer(refusal).answer);
      return;
    }
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (!['GET', 'HEAD', 'POST'].includes(request.method ?? '')) {
      response.writeHead(405, { ...commonHeaders, allow: 'GET, HEAD, POST' }).end();
      return;
    }
    if (url.pathname.startsWith('/api/')) await answerApi(api, request, response, url);
    else if (!answerPage(response, url.pathname, files, token)) response.writeHead(404, commonHeaders).end();
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => sendError(response, error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const free =
        cause.code === 'EADDRINUSE' ? 'It is in use: take another, or 0 for any that is free.' : cause.message;
      reject(
        new FairleadError('STORE_FAILED', `The page cannot listen on port ${port} of ${host}. ${free}`, {
          cause,
          details: { field: 'port', expected: 'a port that is free', given: String(port) },
        }),
      );
    });
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  const closing = closeable(async () => {
    for (const end of api.streams) end();
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  const shownHost = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return { ...closing, url: `http://${shownHost}:${address.port}/`, port: address.port };
}
