import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const modelsFolder = fileURLToPath(new URL('../../examples/models', import.meta.url));
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** A file that the site serves with an ETag, and in parts. */
export interface ServedFile {
  readonly bytes: Uint8Array;
  readonly digest: string;
}

/** A site with large files, and what it was asked for. */
export interface CacheSite {
  readonly origin: string;
  readonly port: number;
  /** What was asked for, files and models only: path and range. */
  readonly asked: { readonly path: string; readonly range: string | undefined }[];
  /** Bytes after which the next answer with a file stops and stays silent. */
  stopAfter: number | undefined;
  /** Holds answers with files back until this is resolved. */
  hold: Promise<void> | undefined;
  readonly files: ReadonlyMap<string, ServedFile>;
  close(): Promise<void>;
}

/** Bytes that could be a model's. */
export function largeFile(length: number, seed: number): ServedFile {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) bytes[index] = (index * seed + (index >> 9)) & 255;
  bytes[0] = 8;
  return { bytes, digest: createHash('sha256').update(bytes).digest('hex') };
}

/** Serves a bundled page, `files` under `/files/` in parts, and the models of the examples under `/models/`. */
export async function serveCacheSite(folder: string, files: ReadonlyMap<string, ServedFile>): Promise<CacheSite> {
  const asked: CacheSite['asked'] = [];
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://site').pathname;
    const { range } = request.headers;
    if (path.startsWith('/files/') || path.startsWith('/models/')) asked.push({ path, range });
    const file = files.get(path);
    if (file !== undefined) {
      await site.hold;
      const total = file.bytes.length;
      const condition = request.headers['if-range'];
      const isPart = range !== undefined && (condition === undefined || condition === `"${file.digest}"`);
      const start = isPart ? Number(/\d+/.exec(range)?.[0]) : 0;
      response.writeHead(isPart ? 206 : 200, {
        etag: `"${file.digest}"`,
        'content-length': total - start,
        ...(isPart ? { 'content-range': `bytes ${start}-${total - 1}/${total}` } : {}),
      });
      const { stopAfter } = site;
      site.stopAfter = undefined;
      if (stopAfter === undefined) response.end(file.bytes.subarray(start));
      else response.write(file.bytes.subarray(start, stopAfter));
      return;
    }
    if (path === '/app/digits.onnx') {
      response.writeHead(200, { 'content-type': 'text/html' }).end(readFileSync(join(folder, 'index.html')));
      return;
    }
    const local = path.startsWith('/models/')
      ? join(modelsFolder, normalize(path.slice(7)))
      : join(folder, normalize(path === '/' ? '/index.html' : path));
    if (!existsSync(local) || !statSync(local).isFile()) {
      response.writeHead(404).end('not found');
      return;
    }
    response.writeHead(200, {
      'content-type': types[extname(local)] ?? 'application/octet-stream',
      'content-length': statSync(local).size,
    });
    createReadStream(local).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const site: CacheSite = {
    origin: `http://127.0.0.1:${port}`,
    port,
    asked,
    stopAfter: undefined,
    hold: undefined,
    files,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return site;
}
