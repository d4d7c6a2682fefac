import { type CallOptions, FairleadError } from '@fairlead/core';
import { invalidArgument } from '../names';
import type { MlflowMultipartOptions } from './client-options';
import type { MlflowHttp, RequestBody } from './http';
import { createMultipart, type SizedBody } from './multipart';
import { answers } from './wire';

/** A file behind the proxy, or a folder. */
export interface ProxyFile {
  /** In its folder. */
  readonly name: string;
  readonly isFolder: boolean;
  /** Bytes; absent for a folder. */
  readonly size?: number;
}

/** The proxy of a server, by places such as `mlflow-artifacts:/0/<run>/artifacts/model.onnx`. */
export interface ArtifactProxy {
  /** What is in a folder; nothing where there is no such folder. */
  list(uri: string, options?: CallOptions): Promise<readonly ProxyFile[]>;
  /** The bytes from an offset on. */
  get(uri: string, options?: CallOptions & { readonly offset?: number }): AsyncIterable<Uint8Array>;
  put(uri: string, body: ArtifactBody, options?: CallOptions & { readonly mediaType?: string }): Promise<void>;
}

/** The bytes of an artifact: as a request takes them, or with their size and readable from any place on. */
export type ArtifactBody = RequestBody | SizedBody;

const proxy = '/api/2.0/mlflow-artifacts/artifacts';

function escapePath(path: string): string {
  return path
    .split('/')
    .map((part) => encodeURIComponent(part))
    .join('/');
}

/** Where the proxy has something, not escaped. @throws FairleadError `UNSUPPORTED` for what lies elsewhere */
function proxyPath(uri: string): string {
  // mlflow-artifacts:/0/<run>/artifacts, or with the server's own address in the middle.
  const match = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.+)$/.exec(uri);
  if (match !== null) return match[1] as string;
  const [scheme] = uri.split(':', 1);
  throw new FairleadError(
    'UNSUPPORTED',
    `The artifacts of this run lie at a place of the scheme "${scheme}", which only its own clients reach. Start the server ` +
      'with --serve-artifacts and --artifacts-destination, and use an experiment made since.',
    { details: { field: 'artifactUri', expected: 'mlflow-artifacts:/…', given: `${scheme}:` } },
  );
}

/** The bytes of a request that takes all of a body. */
function wholeOf(body: ArtifactBody): RequestBody {
  return body instanceof Uint8Array || typeof body === 'function' ? body : () => body.read(0, body.size);
}

function sizedOf(body: ArtifactBody): SizedBody | undefined {
  if (typeof body === 'function') return undefined;
  if (!(body instanceof Uint8Array)) return body;
  return {
    size: body.byteLength,
    async *read(from, to) {
      yield body.subarray(from, to);
    },
  };
}

/** The calls on the proxy. */
export function createProxy(http: MlflowHttp, options: Required<MlflowMultipartOptions>): ArtifactProxy {
  const multipart = createMultipart(http, options);
  return {
    async list(uri, call = {}) {
      const query = { path: proxyPath(uri) };
      const { files } = await http.ask({ method: 'GET', path: proxy, query, ...call }, answers.files);
      return files.map(({ path, is_dir: isFolder, file_size: size }) => ({
        name: path,
        isFolder,
        ...(isFolder ? {} : { size }),
      }));
    },
    async *get(uri, { offset = 0, ...call } = {}) {
      // Not every artifact store behind the proxy knows ranges, so what comes too early is left out here.
      let left = offset;
      const path = `${proxy}/${escapePath(proxyPath(uri))}`;
      for await (const piece of http.stream({ method: 'GET', path, ...call })) {
        const skipped = Math.min(left, piece.byteLength);
        left -= skipped;
        if (skipped < piece.byteLength) yield piece.subarray(skipped);
      }
      if (left > 0) throw invalidArgument('offset', 'at most the size of the artifact', offset);
    },
    async put(uri, body, { mediaType = 'application/octet-stream', ...call } = {}) {
      const place = escapePath(proxyPath(uri));
      const sized = sizedOf(body);
      if (sized !== undefined && (await multipart(place, sized, call))) return;
      const headers = { 'content-type': mediaType };
      await http.tell({ method: 'PUT', path: `${proxy}/${place}`, body: wholeOf(body), headers, ...call });
    },
  };
}
