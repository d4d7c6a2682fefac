import { type CallOptions, type Clock, FairleadError, throwIfAborted } from '@fairlead/core';
import { createSha256 } from '#files';
import type { Files } from '../files/files';
import { type ClaimPurpose, claimFolder } from '../files/folder-claim';
import { pause } from '../pause';
import { createSerial } from '../serial';
import { type CopyMarks, createMarkFiles } from './copy-marks';

/** Milliseconds between two looks whether another process is done, and after which it is no longer waited for. */
const lookMs = 250;
const longestWaitMs = 60_000;

const purpose: ClaimPurpose = {
  does: 'copies the runs of this folder to or from the same server',
  advice: 'Wait until it is done',
  expected: 'a folder that no other process copies',
};

/** Copies within this process come one after the other, by what they copy. */
const serials = new Map<string, ReturnType<typeof createSerial>>();

/** The folder in a store in which it is noted what was copied to, or from, one server. */
export interface SyncFolder {
  readonly marks: CopyMarks;
  /**
   * Runs work that nobody else does at the same time, in this process or another.
   * @param options `waits`: whether a process that is at it is waited for, a minute at most
   * @throws FairleadError `CONFLICT` while another process is at it; `ABORTED`
   */
  alone<T>(work: () => Promise<T>, options: CallOptions & { readonly waits: boolean }): Promise<T>;
}

/** A name for a folder that tells people which server it is about. */
function folderName(direction: 'to' | 'from', url: string): string {
  const hash = createSha256();
  hash.update(new TextEncoder().encode(url));
  const { host } = new URL(url);
  return `${direction}-${host.replace(/[^\w.-]/g, '-').slice(0, 80)}-${hash.hex().slice(0, 12)}`;
}

/**
 * The folder for one server.
 * @param dir the store's folder
 * @param url of the server, without credentials
 */
export function createSyncFolder(
  files: Files,
  dir: string,
  direction: 'to' | 'from',
  url: string,
  clock: Clock,
): SyncFolder {
  const folder = files.join(dir, 'sync', folderName(direction, url));
  const claimPath = files.join(folder, 'claim');

  const claim = async (waits: boolean, signal: AbortSignal | undefined): Promise<() => Promise<void>> => {
    await files.makeFolder(folder);
    const until = clock.epochMs() + (waits ? longestWaitMs : 0);
    for (;;) {
      throwIfAborted(signal, 'The copy');
      try {
        return await claimFolder(files, claimPath, purpose);
      } catch (error) {
        if (!FairleadError.isInstance(error, 'CONFLICT') || clock.epochMs() >= until) throw error;
      }
      await pause(clock, lookMs, signal, 'The copy');
    }
  };

  return {
    marks: createMarkFiles(files, folder, url),
    alone(work, { waits, signal }) {
      const serial = serials.get(claimPath) ?? createSerial();
      serials.set(claimPath, serial);
      return serial(async () => {
        const release = await claim(waits, signal);
        try {
          return await work();
        } finally {
          await release();
        }
      });
    },
  };
}
