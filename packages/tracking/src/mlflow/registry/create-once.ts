import { type Clock, FairleadError } from '@fairlead/core';
import type { MlflowClient } from '../client';
import type { MlflowVersion, MlflowVersionDraft } from '../versions';

/** A text that nobody else makes. */
export function newToken(): string {
  return globalThis.crypto.randomUUID().replaceAll('-', '');
}

/** Waits. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(resolve, ms);
  });
}

const maxAttempts = 5;

/**
 * Makes a version whose tag `key` has a token as its value. Where the answer is lost, the version is looked for by its
 * token, and made again only when it is not there; a first request that arrives later still makes a second one of the same
 * token, which the caller must bear. It is not to be aborted: nobody could say what came of it.
 */
export async function createOnce(
  client: MlflowClient,
  clock: Clock,
  key: string,
  draft: Omit<MlflowVersionDraft, 'signal'> & { readonly tags: Readonly<Record<string, string>> },
): Promise<MlflowVersion> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await client.versions.create(draft);
    } catch (error) {
      if (!isLost(error)) throw error;
      const filter = `name = '${draft.name}' AND tags.\`${key}\` = '${draft.tags[key]}'`;
      const { items } = await client.versions.search({ filter, maxResults: 1 });
      if (items[0] !== undefined) return items[0];
      if (attempt === maxAttempts) throw error;
      // A server that gave up because many make versions of one model at the same time.
      await pause(clock, 100 * 2 ** attempt);
    }
  }
}

function isLost(error: unknown): boolean {
  if (!FairleadError.isInstance(error, 'REMOTE_FAILED') && !FairleadError.isInstance(error, 'PROTOCOL_ERROR'))
    return false;
  const { status } = (error.details ?? {}) as { status?: number };
  return status === undefined || status >= 500;
}
