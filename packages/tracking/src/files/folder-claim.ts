import { FairleadError } from '@fairlead/core';
import type { Files } from './files';

/** What a claim is for, in the words of its error. */
export interface ClaimPurpose {
  /** What the owner does, such as `keeps predictions in this folder`. */
  readonly does: string;
  /** What to do about it. */
  readonly advice: string;
  /** What the error's details expect. */
  readonly expected: string;
}

/** Files that this process holds. */
const held = new Set<string>();

/**
 * Takes a folder for this process by a file that names it. A file that a dead process left is taken over.
 *
 * @returns a function that gives the folder free
 * @throws FairleadError `CONFLICT`, `STORE_FAILED`
 */
export async function claimFolder(files: Files, path: string, purpose: ClaimPurpose): Promise<() => Promise<void>> {
  if (held.has(path)) throw conflict(path, process.pid, purpose);
  const bytes = new TextEncoder().encode(`${process.pid}\n`);
  for (let tries = 0; tries < 3; tries++) {
    if (await files.claim(path, bytes)) {
      held.add(path);
      return async () => {
        held.delete(path);
        await files.remove(path);
      };
    }
    const owner = Number.parseInt(new TextDecoder().decode(await files.read(path)), 10);
    // In a container every process has the same number; one of ours that is not held is one that died.
    if (owner !== process.pid && isAlive(owner)) throw conflict(path, owner, purpose);
    await files.remove(path);
  }
  throw conflict(path, undefined, purpose);
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

function conflict(path: string, owner: number | undefined, { does, advice, expected }: ClaimPurpose): FairleadError {
  const who = owner === undefined ? 'Another process' : `Process ${owner}`;
  return new FairleadError(
    'CONFLICT',
    `${who} ${does} (${path}). ${advice}; if that process is none of yours, remove the file.`,
    { details: { field: 'dir', expected, given: path } },
  );
}
