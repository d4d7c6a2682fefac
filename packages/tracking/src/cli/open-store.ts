import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { openTracker } from '../open-tracker';
import type { Tracker } from '../tracker';
import { type CommandIo, UsageError } from './command';

/** The option that names the store, for {@link parseArguments}. */
export const storeOption = { dir: { type: 'string', default: '.fairlead' } } as const;

/** The lines of that option for a command's usage. */
export const storeUsage = '  --dir <folder>   folder of the store (default: .fairlead)';

/**
 * The absolute path of a store that exists: a command never makes one, since a mistyped folder would look like an empty store.
 * @throws UsageError
 */
export async function storeFolder(dir: string, { cwd }: Pick<CommandIo, 'cwd'>): Promise<string> {
  const folder = resolve(cwd, dir);
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) {
    throw new UsageError(
      `There is no folder ${folder}. Log a run there first, with openTracker({ dir: '${dir}' }), or name the folder of your store: --dir <folder>.`,
    );
  }
  if (!found.isDirectory())
    throw new UsageError(`${folder} is no folder. Name the folder of your store: --dir <folder>.`);
  const manifest = await stat(join(folder, 'fairlead.json')).catch(() => undefined);
  if (manifest === undefined) {
    throw new UsageError(
      `${folder} is no store: it has no fairlead.json. Name the folder that openTracker({ dir }) was given: --dir <folder>.`,
    );
  }
  return folder;
}

/**
 * Opens the store of a command; the caller closes the tracker.
 * @throws UsageError, FairleadError
 */
export async function openStore(dir: string, io: Pick<CommandIo, 'cwd'>): Promise<Tracker> {
  return openTracker({ dir: await storeFolder(dir, io) });
}
