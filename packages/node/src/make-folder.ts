import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder, and those that it lies in. Node's own `recursive` tries for ever where a file system lets nobody make any, such as `/proc`.
 *
 * @throws what the file system says
 */
export async function makeFolder(path: string): Promise<void> {
  const folder = resolve(path);
  try {
    await mkdir(folder);
  } catch (error) {
    const above = dirname(folder);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === folder) return checkFolder(folder, error);
    await makeFolder(above);
    await mkdir(folder).catch((again: unknown) => checkFolder(folder, again));
  }
}

/** Somebody may have made it before, and not every system says so. */
async function checkFolder(folder: string, error: unknown): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) throw error;
}
