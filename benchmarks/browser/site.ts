import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const runtimeFolder = fileURLToPath(new URL('../../node_modules/onnxruntime-web/dist', import.meta.url));

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** A page on the loopback, cross-origin isolated, with models that can be added while it is served. */
export interface BenchSite {
  readonly origin: string;
  /** Models by the last part of their URL, `/models/<name>`. */
  readonly models: Map<string, Uint8Array>;
  /** Names of the models that were asked for, in their order. */
  readonly asked: string[];
  /** Bytes a second at which models are sent; undefined: as fast as they go. */
  bytesPerSecond: number | undefined;
  close(): Promise<void>;
}

/** Serves a bundled page at `/`, models under `/models/` and the files of the runtime under `/ort/`. */
export async function serveBench(folder: string): Promise<BenchSite> {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://site').pathname);
    if (path.startsWith('/models/')) {
      const name = path.slice('/models/'.length);
      site.asked.push(name);
      await sendModel(site.models.get(name), site.bytesPerSecond, response);
    } else if (path.startsWith('/ort/')) sendFile(join(runtimeFolder, normalize(path.slice(4))), response);
    else sendFile(join(folder, normalize(path === '/' ? '/index.html' : path)), response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const site: BenchSite = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    models: new Map(),
    asked: [],
    bytesPerSecond: undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return site;
}

const isolationHeaders = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
};

function sendFile(file: string, response: ServerResponse): void {
  if (!existsSync(file) || !statSync(file).isFile()) {
    response.writeHead(404, isolationHeaders).end('not found');
    return;
  }
  const type = types[extname(file)] ?? 'application/octet-stream';
  // As a site does that puts a hash into the names of its files: the second visit finds scripts and runtime at hand.
  const caching = type.startsWith('text/html') ? 'no-cache' : 'public, max-age=31536000, immutable';
  response.writeHead(200, {
    ...isolationHeaders,
    'content-type': type,
    'content-length': statSync(file).size,
    'cache-control': caching,
  });
  createReadStream(file).pipe(response);
}

/** Milliseconds between the pieces of an answer that is slowed down. */
const pieceMs = 20;

async function sendModel(
  bytes: Uint8Array | undefined,
  bytesPerSecond: number | undefined,
  response: ServerResponse,
): Promise<void> {
  if (bytes === undefined) {
    response.writeHead(404, isolationHeaders).end('not found');
    return;
  }
  // The browser's own cache is kept out of it: what is measured are those that pages fill themselves.
  response.writeHead(200, {
    ...isolationHeaders,
    'content-type': 'application/octet-stream',
    'content-length': bytes.length,
    'cache-control': 'no-store',
  });
  if (bytesPerSecond === undefined) {
    response.end(bytes);
    return;
  }
  const startedAt = performance.now();
  for (let sent = 0; sent < bytes.length && !response.destroyed; ) {
    await pause(pieceMs);
    const due = Math.min(bytes.length, Math.ceil(((performance.now() - startedAt) / 1000) * bytesPerSecond));
    if (due > sent) response.write(bytes.subarray(sent, due));
    sent = due;
  }
  response.end();
}
