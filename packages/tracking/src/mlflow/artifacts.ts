import type { CallOptions } from '@fairlead/core';
import { checkArtifactName, invalidArgument } from '../names';
import type { ArtifactBody, ArtifactProxy } from './artifact-proxy';
import type { MlflowHttp } from './http';
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
   * Sends bytes, replacing what is there. More than 100 MB of known size go in parts straight to the storage behind the
   * server, where that offers it.
   * @param body the bytes; a function that makes their stream anew for every attempt; or their size, and how to read them
   * from a place on
   * @throws FairleadError `UNSUPPORTED` where the run's artifacts do not lie behind the proxy
   */
  put(
    runId: string,
    path: string,
    body: ArtifactBody,
    options?: CallOptions & { readonly mediaType?: string },
  ): Promise<void>;
}

/** The calls on artifacts. */
export function createArtifacts(http: MlflowHttp, runs: MlflowRuns, proxy: ArtifactProxy): MlflowArtifacts {
  // Where a run's artifacts lie never changes; the newest are kept.
  const places = new Map<string, string>();
  const placeOf = async (runId: string, call: CallOptions): Promise<string> => {
    const known = places.get(runId);
    if (known !== undefined) return known;
    const place = (await runs.get(runId, call)).artifactUri;
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
          files.push({ path: name, isFolder, ...(isFolder ? {} : { size }) });
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
      yield* proxy.get(`${place}/${path}`, { offset, ...call });
    },
    async put(runId, path, body, options = {}) {
      checkId('run id', runId);
      checkArtifactName(path);
      const { signal } = options;
      await proxy.put(`${await placeOf(runId, signal === undefined ? {} : { signal })}/${path}`, body, options);
    },
  };
}
