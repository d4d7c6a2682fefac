import type { CallOptions } from '@fairlead/core';
import type { FolderEntry } from '../files/files';
import { checkArtifactName, invalidArgument } from '../names';
import type { BlobInfo } from '../store/artifact-store';

/** How a folder is logged. */
export interface LogArtifactsOptions extends CallOptions {
  /** What goes before the name of every file, with a slash between. @default nothing */
  readonly prefix?: string;
}

/** One file of a folder that was logged. */
export interface LoggedArtifact extends BlobInfo {
  readonly name: string;
}

/** Checks the arguments. @throws FairleadError `INVALID_ARGUMENT` */
function checkArguments(folder: string, options: LogArtifactsOptions): void {
  if (typeof folder !== 'string' || folder === '') throw invalidArgument('folder', 'the path of a folder', folder);
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument('options of logArtifacts', "an object such as { prefix: 'model' }", options);
  }
  for (const key of Object.keys(options)) {
    if (key !== 'prefix' && key !== 'signal')
      throw invalidArgument(`options.${key}`, 'no such option of logArtifacts', key);
  }
  if (options.prefix !== undefined) checkArtifactName(options.prefix);
}

/**
 * Logs every file of a folder. All names are checked before the first upload, and the first one that fails stops the others;
 * what was logged by then stays logged.
 */
export async function logFolder(
  folder: string,
  options: LogArtifactsOptions,
  walk: (folder: string) => Promise<readonly FolderEntry[]>,
  log: (name: string, path: string, call: CallOptions) => Promise<BlobInfo>,
): Promise<readonly LoggedArtifact[]> {
  checkArguments(folder, options);
  const { prefix, signal } = options;
  const entries = (await walk(folder)).map(({ path, name }) => ({
    path,
    name: prefix === undefined ? name : `${prefix}/${name}`,
  }));
  for (const { name } of entries) checkArtifactName(name);
  const stop = new AbortController();
  const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  let failure: { readonly error: unknown } | undefined;
  const logged = await Promise.all(
    entries.map(async ({ path, name }) => {
      try {
        return { name, ...(await log(name, path, { signal: both })) };
      } catch (error) {
        failure ??= { error };
        stop.abort(error);
        return undefined;
      }
    }),
  );
  if (failure !== undefined) throw failure.error;
  return logged.filter((file) => file !== undefined);
}
