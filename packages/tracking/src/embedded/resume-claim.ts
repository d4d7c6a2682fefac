import { FairleadError } from '@fairlead/core';
import type { Files } from '../files/files';

/*
 * Of several processes that resume one run in the same moment, one gets it. The n-th resumption of a run is claimed by the
 * file `.resume-<n>` in its folder, which a hard link makes in one step, as it does the commits of the registry. Who claims
 * it writes the event `resume` next; one that was killed in between leaves a claim that no event follows, and that counts for
 * as long as the lease that was asked for. How old a claim is, the file system says of both sides, so that no process's own
 * clock decides.
 */

const pattern = /^\.resume-(\d{10})$/;
/** How long a claim counts whose content cannot be read, in milliseconds. */
const usualLeaseMs = 60_000;

const nameOf = (number: number): string => `.resume-${String(number).padStart(10, '0')}`;

/** What a resumption says of itself. */
export interface ResumeLease {
  /** The time of the event `resume`, epoch milliseconds. */
  readonly at: number;
  readonly leaseUntil: number;
}

/** Where a run is claimed. */
export interface ClaimSubject {
  readonly files: Files;
  /** The run's folder. */
  readonly folder: string;
  readonly id: string;
  /** When the run was last resumed, as its segments say now. */
  readonly resumedAt: () => Promise<number>;
  /** Whether the run is being logged, as its segments say now. */
  readonly isRunning: () => Promise<boolean>;
}

/** The numbers of a run's claims, the smallest first. */
async function claimsIn(files: Files, folder: string): Promise<number[]> {
  const names = await files.list(folder);
  return names.flatMap((name) => Number(pattern.exec(name)?.[1] ?? [])).sort((a, b) => a - b);
}

function conflict(id: string, why: string): FairleadError {
  return new FairleadError('CONFLICT', `The run ${id} ${why}`, { details: { field: 'id', given: id } });
}

function parseClaim(bytes: Uint8Array | undefined): { readonly at: number; readonly leaseMs: number } {
  try {
    const { at, leaseMs } = JSON.parse(new TextDecoder().decode(bytes)) as { at?: unknown; leaseMs?: unknown };
    if (typeof at === 'number' && typeof leaseMs === 'number') return { at, leaseMs };
  } catch {
    // Without hard links a crash may have torn it.
  }
  return { at: Number.POSITIVE_INFINITY, leaseMs: usualLeaseMs };
}

/** The time by the clock that stamps the files of a folder, epoch milliseconds. */
async function fileSystemTime(files: Files, folder: string): Promise<number> {
  const path = files.join(folder, `.tmp-${crypto.randomUUID()}`);
  const file = await files.open(path, 'create');
  try {
    await file?.close();
    return (await files.facts(path))?.modifiedAt ?? Date.now();
  } finally {
    await files.remove(path);
  }
}

/** How many milliseconds a claim goes on without the resumption that it is for; 0 once that came, or when it never will. */
async function pendingMs({ files, folder, resumedAt }: ClaimSubject, number: number): Promise<number> {
  const path = files.join(folder, nameOf(number));
  const facts = await files.facts(path);
  const { at, leaseMs } = parseClaim(await files.read(path));
  if ((await resumedAt()) >= at) return 0;
  return Math.max(0, (facts?.modifiedAt ?? 0) + leaseMs - (await fileSystemTime(files, folder)));
}

/**
 * Claims a run for who resumes it.
 * @returns checks, once the resumption is written, that nobody took it over meanwhile for dead
 * @throws FairleadError `CONFLICT` where somebody else has it or claimed it, `STORE_FAILED`
 */
export async function claimResume(
  subject: ClaimSubject,
  { at, leaseUntil }: ResumeLease,
): Promise<() => Promise<boolean>> {
  const { files, folder, id, isRunning } = subject;
  const before = (await claimsIn(files, folder)).at(-1) ?? 0;
  if (before > 0) {
    const ms = await pendingMs(subject, before);
    if (ms > 0) {
      const seconds = Math.ceil(ms / 1000);
      throw conflict(
        id,
        `is being resumed by another process. Should that have died, its claim is over in ${seconds} s.`,
      );
    }
  }
  // After the claims were listed: whoever made the last of them may have the run by now.
  if (await isRunning()) throw conflict(id, 'was resumed by another process in this moment.');
  const number = before + 1;
  const content = new TextEncoder().encode(`${JSON.stringify({ at, leaseMs: leaseUntil - at })}\n`);
  if (!(await files.claim(files.join(folder, nameOf(number)), content))) {
    throw conflict(id, 'was resumed by another process in this moment.');
  }
  return async () => (await claimsIn(files, folder)).at(-1) === number;
}

/** Removes claims that a later one follows, of a run that nobody has written to for a while. */
export async function removeOldClaims(files: Files, folder: string): Promise<void> {
  const claims = await claimsIn(files, folder);
  for (const number of claims.slice(0, -1)) await files.remove(files.join(folder, nameOf(number)));
}
