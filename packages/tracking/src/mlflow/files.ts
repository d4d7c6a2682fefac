import { type CallOptions, FairleadError } from '@fairlead/core';
import { proxy, proxyPath } from './artifacts';
import type { MlflowHttp } from './http';
import { answers } from './wire';

/** A file or folder below an address. */
export interface MlflowEntry {
  /** Its own name, with no slash. */
  readonly name: string;
  readonly isFolder: boolean;
  /** Bytes; absent for a folder. */
  readonly size?: number;
}

/**
 * Files behind the server's proxy by their address, such as `mlflow-artifacts:/1/<run>/artifacts/model`: for those that are
 * no run's, as the files of MLflow's logged models. All calls reject with `UNSUPPORTED` for an address that is not behind
 * the proxy, `REMOTE_FAILED` and `ABORTED`.
 */
export interface MlflowFiles {
  /** What is in a folder; nothing for one that is not there, and for a file. */
  list(uri: string, options?: CallOptions): Promise<readonly MlflowEntry[]>;
  /** The bytes of a file, as they come; cut short, they are an error. @throws FairleadError `NOT_FOUND` */
  get(uri: string, options?: CallOptions): AsyncIterable<Uint8Array>;
}

/** The calls on files by their address. */
export function createFiles(http: MlflowHttp): MlflowFiles {
  return {
    async list(uri, call = {}) {
      const path = decodeURIComponent(proxyPath(uri));
      try {
        const page = await http.ask({ method: 'GET', path: proxy, query: { path }, ...call }, answers.files);
        return page.files.map(({ path: name, is_dir: isFolder, file_size: size }) => ({
          name: name.slice(name.lastIndexOf('/') + 1),
          isFolder,
          ...(isFolder || size === undefined ? {} : { size }),
        }));
      } catch (error) {
        // What lies below the proxy may know no empty folders.
        if (FairleadError.isInstance(error, 'NOT_FOUND')) return [];
        throw error;
      }
    },
    get: (uri, call = {}) => http.stream({ method: 'GET', path: `${proxy}/${proxyPath(uri)}`, ...call }),
  };
}

/** The address of a file in a folder. MLflow's addresses are not escaped. */
export function uriOf(folder: string, file: string): string {
  return `${folder.replace(/\/+$/, '')}/${file}`;
}
