import { createHash, randomUUID } from 'node:crypto';
import { link, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FairleadError, messageOf } from '@fairlead/core';
import { makeFolder } from '../make-folder';

/*
 * Values in files that several processes change, one after another, without a lock: a killed process can leave none behind.
 * A value is a folder of revisions, `000000000042.json`; the highest is the present one. A change writes revision n + 1 whole
 * into a draft, and links it to its name, which fails where somebody else has done so: then it begins again from theirs.
 */

/** The present value of a folder; revision 0 and no text where nothing was ever written. */
export interface Revision {
  readonly revision: number;
  readonly text: string | undefined;
}

/** Revisions that are kept beside the present one: a reader or writer may be behind by so many before it has to look again. */
const keptBehind = 8;
/** A draft that is older belonged to a process that died. */
const draftMs = 60_000;

/** The folder of a name, readable and unique, whatever the file system thinks of its letters. */
export function folderOf(directory: string, name: string): string {
  const readable = name.replace(/[^A-Za-z0-9_-]+/g, '_').slice(0, 60);
  return join(directory, `${readable}-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`);
}

/** The highest revision that a folder has; 0 for none. */
export async function latestRevision(folder: string): Promise<number> {
  return attempt(folder, 'read', async () => Math.max(0, ...(await revisionsIn(folder))));
}

/** Reads the present value. */
export function readRevision(folder: string): Promise<Revision> {
  return attempt(folder, 'read', async () => {
    for (;;) {
      const revision = Math.max(0, ...(await revisionsIn(folder)));
      if (revision === 0) return { revision, text: undefined };
      try {
        return { revision, text: await readFile(join(folder, fileOf(revision)), 'utf8') };
      } catch (error) {
        // Nine others have written since the folder was listed.
        if (codeOf(error) !== 'ENOENT') throw error;
      }
    }
  });
}

/**
 * Changes the value by a function of the present one, which is called again where somebody else was faster. What it throws
 * is thrown; where it answers `undefined`, nothing is written.
 */
export async function changeRevision(
  folder: string,
  change: (text: string | undefined) => string | undefined,
): Promise<void> {
  for (;;) {
    const { revision, text } = await readRevision(folder);
    const next = change(text);
    if (next === undefined) return;
    if (await attempt(folder, 'written', () => publish(folder, revision + 1, next))) return;
  }
}

/** Whether the revision is now ours. */
async function publish(folder: string, revision: number, text: string): Promise<boolean> {
  await makeFolder(folder);
  const draft = join(folder, `${randomUUID()}.draft`);
  const name = join(folder, fileOf(revision));
  try {
    const file = await open(draft, 'wx');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    try {
      await link(draft, name);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
  } finally {
    await rm(draft, { force: true });
  }
  const revisions = await revisionsIn(folder);
  if (Math.max(...revisions) > revision + keptBehind) {
    // Others are so far ahead that the name may have been free because theirs was cleared away: nobody reads it then. Where it
    // was read after all, whoever asked finds his change in the present value when he begins again.
    await rm(name, { force: true });
    return false;
  }
  await clearAway(folder, revisions, revision);
  return true;
}

async function clearAway(folder: string, revisions: readonly number[], present: number): Promise<void> {
  const old = revisions.filter((revision) => revision < present - keptBehind);
  await Promise.all(old.map((revision) => rm(join(folder, fileOf(revision)), { force: true })));
  if (present % 64 !== 0) return;
  for (const entry of await readdir(folder)) {
    if (!entry.endsWith('.draft')) continue;
    const draft = join(folder, entry);
    const age = await stat(draft).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > draftMs) await rm(draft, { force: true });
  }
}

function fileOf(revision: number): string {
  return `${String(revision).padStart(12, '0')}.json`;
}

async function revisionsIn(folder: string): Promise<number[]> {
  let entries: string[];
  try {
    entries = await readdir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
  return entries.filter((entry) => /^\d{12}\.json$/.test(entry)).map((entry) => Number(entry.slice(0, 12)));
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

async function attempt<T>(folder: string, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new FairleadError('STORE_FAILED', `${folder} cannot be ${what}: ${messageOf(cause)}`, {
      cause,
      details: { store: 'file' },
    });
  }
}
