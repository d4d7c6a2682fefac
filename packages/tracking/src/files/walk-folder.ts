import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { FairleadError, messageOf } from '@fairlead/core';
import { invalidArgument } from '../names';
import type { FolderEntry } from './files';

function isWithin(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

async function realFolder(folder: string): Promise<string> {
  let cause: unknown;
  try {
    const real = await realpath(folder);
    if ((await stat(real)).isDirectory()) return real;
  } catch (error) {
    cause = error;
  }
  throw new FairleadError('NOT_FOUND', `There is no folder at ${folder}. Check the path.`, {
    cause,
    details: { field: 'folder', expected: 'an existing folder', given: folder },
  });
}

/** The real path of a link's goal, which must lie within `root`. */
async function follow(root: string, path: string): Promise<string> {
  let goal: string;
  try {
    goal = await realpath(path);
  } catch (error) {
    throw invalidArgument('folder', 'free of links that lead nowhere', path, messageOf(error));
  }
  if (isWithin(root, goal)) return goal;
  throw invalidArgument(
    'folder',
    'free of symbolic links that leave it',
    `${path} -> ${goal}`,
    'Copy what it points to.',
  );
}

/** Every file in a folder and below it, sorted by name; see `Files.walk`. */
export async function walkFolder(folder: string): Promise<readonly FolderEntry[]> {
  const root = await realFolder(folder);
  const found: FolderEntry[] = [];

  const visit = async (real: string, shown: string, above: readonly string[]): Promise<void> => {
    if (above.includes(real)) throw invalidArgument('folder', 'free of links that lead in a circle', shown);
    for (const name of (await readdir(real)).sort()) {
      const path = join(shown, name);
      const isLink = (await lstat(join(real, name))).isSymbolicLink();
      const goal = isLink ? await follow(root, join(real, name)) : join(real, name);
      const facts = await stat(goal);
      if (facts.isDirectory()) await visit(goal, path, [...above, real]);
      else if (facts.isFile()) found.push({ path: goal, name: relative(root, path).split(sep).join('/') });
      else
        throw invalidArgument(
          'folder',
          'made of files and folders',
          path,
          'Sockets, pipes and devices have no content.',
        );
    }
  };
  try {
    await visit(root, root, []);
  } catch (error) {
    if (FairleadError.isInstance(error)) throw error;
    throw new FairleadError('STORE_FAILED', `Could not list ${folder}: ${messageOf(error)}. Check its permissions.`, {
      cause: error,
      details: { field: 'folder', path: folder },
    });
  }
  return found;
}
