import { readFile, rm, writeFile } from 'node:fs/promises';
import { FairleadError } from '@fairlead/core';

/** Folders that this process has. */
const held = new Set<string>();

/**
 * Takes a folder for this process by a file that names it. A file that a dead process left is taken over.
 *
 * @param path of the file
 * @param does what who has it does, for the error
 * @returns a function that gives the folder free
 * @throws FairleadError `CONFLICT`; what the file system throws is passed on
 */
export async function lockFolder(
  path: string,
  does = 'keeps predictions in this folder',
): Promise<() => Promise<void>> {
  for (let tries = 0; tries < 3; tries++) {
    if (held.has(path)) throw conflict(path, process.pid, does);
    try {
      await writeFile(path, `${process.pid}\n`, { flag: 'wx' });
      held.add(path);
      return async () => {
        held.delete(path);
        await rm(path, { force: true });
      };
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'EEXIST') throw error;
    }
    const owner = Number.parseInt(await readFile(path, 'utf8').catch(() => ''), 10);
    // In a container every process has the same number; one of ours that we do not know of is one that died.
    if (owner !== process.pid && isAlive(owner)) throw conflict(path, owner, does);
    await rm(path, { force: true });
  }
  throw conflict(path, undefined, does);
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of somebody else is alive too.
    return (error as { code?: unknown }).code === 'EPERM';
  }
}

function conflict(path: string, owner: number | undefined, does: string): FairleadError {
  const who = owner === undefined ? 'Another process' : `Process ${owner}`;
  return new FairleadError(
    'CONFLICT',
    `${who} ${does} (${path}). Give each process one of its own; if that process is none of yours, remove the file.`,
    { details: { field: 'dir', expected: 'a folder that no other process uses', given: path } },
  );
}
