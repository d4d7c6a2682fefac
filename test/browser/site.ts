import { createReadStream, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const pageFolder = fileURLToPath(new URL('./page', import.meta.url));
const modelsFolder = fileURLToPath(new URL('../../examples/models', import.meta.url));
const runtimeFolder = fileURLToPath(new URL('../../node_modules/onnxruntime-web/dist', import.meta.url));

/** How Vite writes workers: `iife` is what it does when it is told nothing. */
export type WorkerFormat = 'iife' | 'es';

/** A site on the loopback. */
export interface Site {
  readonly origin: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Bundles a page from the built packages, as an app would, into a folder that the caller removes.
 * @param root the folder of its `index.html`
 * @param alias folders of modules that are taken in place of the installed ones
 */
export async function buildPage(
  workerFormat: WorkerFormat,
  root = pageFolder,
  alias: Readonly<Record<string, string>> = {},
): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), 'fairlead-page-'));
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    resolve: { alias: { ...alias } },
    ...(workerFormat === 'es' ? { worker: { format: 'es' } } : {}),
    build: { outDir, emptyOutDir: true, reportCompressedSize: false },
  });
  return outDir;
}

/** Removes what {@link buildPage} wrote. */
export function removePage(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** The strictest policy that onnxruntime-web runs under. */
export const contentSecurityPolicy = "script-src 'self' 'wasm-unsafe-eval'; object-src 'none'";
export const isolationHeaders = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
};

/**
 * Serves a bundled page, the models under `/models/`, the files of the runtime under `/ort/`, a single-page host's
 * answer to unknown paths under `/app/` (its page), and 404 elsewhere.
 *
 * @param isolated whether everything carries the headers that threads need
 */
export function servePage(folder: string, isolated: boolean): Promise<Site> {
  const headers = {
    'content-security-policy': contentSecurityPolicy,
    ...(isolated ? isolationHeaders : {}),
  };
  return listen((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://site').pathname);
    if (path === '/' || path.startsWith('/app/')) sendFile(join(folder, 'index.html'), headers, response);
    else if (path.startsWith('/models/')) sendFile(join(modelsFolder, normalize(path.slice(7))), headers, response);
    else if (path.startsWith('/ort/')) sendFile(join(runtimeFolder, normalize(path.slice(4))), headers, response);
    else sendFile(join(folder, normalize(path)), headers, response);
  });
}

/** Serves a bundled page under a path, such as `/demo/`, as a static host with a strict policy does, and 404 elsewhere. */
export function serveUnder(path: string, folder: string): Promise<Site> {
  const headers = { 'content-security-policy': contentSecurityPolicy };
  return listen((request, response) => {
    const asked = decodeURIComponent(new URL(request.url ?? '/', 'http://site').pathname);
    const file = asked.startsWith(path) ? asked.slice(path.length) || 'index.html' : '../outside';
    sendFile(join(folder, normalize(`/${file}`)), headers, response);
  });
}

/** A folder as a site. */
export interface FolderOptions {
  /** Headers of every answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes in place of a file's own, by path. */
  readonly replaced?: ReadonlyMap<string, Uint8Array>;
  /** What lies under `/models/`. @default those of the examples */
  readonly models?: string;
}

/** Serves a folder with the headers of a page under a strict policy, or others, and the models under `/models/`. */
export function serveFolder(
  folder: string,
  { headers = {}, replaced, models = modelsFolder }: FolderOptions = {},
): Promise<Site> {
  const all = { 'content-security-policy': contentSecurityPolicy, ...headers };
  return listen((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://site').pathname);
    const bytes = replaced?.get(path);
    if (bytes !== undefined) {
      response
        .writeHead(200, { ...all, 'content-type': types[extname(path)] ?? 'application/octet-stream' })
        .end(bytes);
    } else if (path.startsWith('/models/')) sendFile(join(models, normalize(path.slice(7))), all, response);
    else sendFile(join(folder, normalize(path === '/' ? '/index.html' : path)), all, response);
  });
}

/** Serves the models to pages of its own origin only: no CORS header. */
export function serveModels(): Promise<Site> {
  return listen((request, response) => sendFile(join(modelsFolder, normalize(request.url ?? '/')), {}, response));
}

function sendFile(file: string, headers: Readonly<Record<string, string>>, response: ServerResponse): void {
  if (!existsSync(file) || !statSync(file).isFile()) {
    response.writeHead(404, headers).end('not found');
    return;
  }
  const type = types[extname(file)] ?? 'application/octet-stream';
  response.writeHead(200, { ...headers, 'content-type': type, 'content-length': statSync(file).size });
  createReadStream(file).pipe(response);
}

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<Site> {
  const server: Server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
