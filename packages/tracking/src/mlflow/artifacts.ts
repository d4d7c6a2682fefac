import { type CallOptions, FairleadError } from '@fairlead/core';
import { checkArtifactName, invalidArgument } from '../names';
import type { MlflowHttp, RequestBody } from './http';
import { checkId } from './limits';
import type { MlflowRuns } from './runs';
import { answers } from './wire';

/** A file or folder of a run. */
export interface MlflowFile {
  /** From the root of the run's artifacts. */
  readonly path: string;
  readonly isFolder: boolean;
  /** Bytes; absent for a folder. */
  readonly size?: number;
}

/**
 * The artifacts of runs, by the proxy of a server that was started with `--serve-artifacts`, which is the default. All calls
 * reject with `NOT_FOUND` for a run that is not there, `REMOTE_FAILED` and `ABORTED`.
 */
export interface MlflowArtifacts {
  /** What is in a folder. @param path @default the root */
  list(runId: string, path?: string, options?: CallOptions): Promise<readonly MlflowFile[]>;
  /**
   * The bytes, as they come. One that is cut short is an error, never a short artifact.
   * @param options `offset`: bytes to leave out at the beginning @default 0
   * @throws FairleadError `NOT_FOUND`, `UNSUPPORTED` where the run's artifacts do not lie behind the proxy
   */
  get(runId: string, path: string, options?: CallOptions & { readonly offset?: number }): AsyncIterable<Uint8Array>;
  /**
   * Sends bytes, replacing what is there.
   * @param body the bytes, or a function that makes their stream anew for every attempt
   * @throws FairleadError `UNSUPPORTED` where the run's artifacts do not lie behind the proxy
   */
  put(
    runId: string,
    path: string,
    body: RequestBody,
    options?: CallOptions & { readonly mediaType?: string },
  ): Promise<void>;
}

const proxy = '/api/2.0/mlflow-artifacts/artifacts';

function escapePath(path: string): string {
  return path
    .split('/')
    .map((part) => encodeURIComponent(part))
    .join('/');
}

/** Where the proxy has the artifacts of a run. */
function proxyPath(artifactUri: string): string {
  // mlflow-artifacts:/0/<run>/artifacts, or with the server's own address in the middle.
  const match = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.+)$/.exec(artifactUri);
  if (match !== null) return escapePath(match[1] as string);
  const [scheme] = artifactUri.split(':', 1);
  throw new FairleadError(
    'UNSUPPORTED',
    `The artifacts of this run lie at a place of the scheme "${scheme}", which only its own clients reach. Start the server ` +
      'with --serve-artifacts and --artifacts-destination, and use an experiment made since.',
    { details: { field: 'artifactUri', expected: 'mlflow-artifacts:/…', given: `${scheme}:` } },
  );
}

/** The calls on artifacts. */
export function createArtifacts(http: MlflowHttp, runs: MlflowRuns): MlflowArtifacts {
  // Where a run's artifacts lie never changes; the newest are kept.
  const places = new Map<string, string>();
  const placeOf = async (runId: string, call: CallOptions): Promise<string> => {
    const known = places.get(runId);
    if (known !== undefined) return known;
    const place = proxyPath((await runs.get(runId, call)).artifactUri);
    if (places.size >= 1000) places.delete(places.keys().next().value as string);
    places.set(runId, place);
    return place;
  };
  return {
    async list(runId, path, call = {}) {
      checkId('run id', runId);
      if (path !== undefined) checkArtifactName(path);
      const files: MlflowFile[] = [];
      let token: string | undefined;
      do {
        const query = { run_id: runId, path, page_token: token };
        const page = await http.ask(
          { method: 'GET', path: '/api/2.0/mlflow/artifacts/list', query, ...call },
          answers.files,
        );
        for (const { path: name, is_dir: isFolder, file_size: size } of page.files) {
          files.push({ path: name, isFolder, ...(isFolder || size === undefined ? {} : { size }) });
        }
        token = page.next_page_token || undefined;
      } while (token !== undefined);
      return files;
    },
    async *get(runId, path, { offset = 0, ...call } = {}) {
      checkId('run id', runId);
      checkArtifactName(path);
      if (!Number.isSafeInteger(offset) || offset < 0)
        throw invalidArgument('offset', 'a whole number of bytes', offset);
      const place = await placeOf(runId, call);
      // Not every artifact store behind the proxy knows ranges, so what comes too early is left out here.
      let left = offset;
      for await (const piece of http.stream({
        method: 'GET',
        path: `${proxy}/${place}/${escapePath(path)}`,
        ...call,
      })) {
        const skipped = Math.min(left, piece.byteLength);
        left -= skipped;
        if (skipped < piece.byteLength) yield piece.subarray(skipped);
      }
      if (left > 0) throw invalidArgument('offset', 'at most the size of the artifact', offset);
    },
    async put(runId, path, body, { mediaType = 'application/octet-stream', ...call } = {}) {
      checkId('run id', runId);
      checkArtifactName(path);
      const place = await placeOf(runId, call);
      const headers = { 'content-type': mediaType };
      await http.tell({ method: 'PUT', path: `${proxy}/${place}/${escapePath(path)}`, body, headers, ...call });
    },
  };
}
