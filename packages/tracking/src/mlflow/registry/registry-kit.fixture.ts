import { type Clock, systemClock } from '@fairlead/core';
import { onTestFinished } from 'vitest';
import type { BlobInfo } from '../../store/artifact-store';
import type { RegistryChange, StoredVersion } from '../../store/registry-store';
import { createMlflowClient } from '../client';
import { createFakeRegistry } from '../fake-registry.fixture';
import type { AdoptedVersions } from './adoption';
import type { BlobPlace } from './places';
import { createMlflowRegistry } from './registry-store';

export const evidence = { actor: 'ada', reason: 'because' };
export const runId = 'a'.repeat(32);
const pollMs = 5000;

/** A fake server, which ends with the test. */
export async function startServer() {
  const server = await createFakeRegistry();
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

export type FakeRegistry = Awaited<ReturnType<typeof startServer>>;

/** A registry on a fake server. Waits are over at once, and polls happen when the test says so. */
export function openStore(server: FakeRegistry, options: { readonly adopt?: AdoptedVersions; skewMs?: number } = {}) {
  const polls: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    epochMs: () => server.now() + (options.skewMs ?? 0),
    setTimer(callback, delayMs) {
      if (delayMs !== pollMs) return systemClock.setTimer(callback, 0);
      polls.push(callback);
      return { clear: () => void (polls.includes(callback) && polls.splice(polls.indexOf(callback), 1)) };
    },
  };
  const warnings: string[] = [];
  const warn = (_details: object, message: string): void => void warnings.push(message);
  const learned = new Map<string, BlobPlace>();
  const client = createMlflowClient({ url: server.url, auth: 'none', retry: { retries: 0 } });
  const store = createMlflowRegistry({
    client,
    clock,
    pollMs,
    logger: { debug() {}, info() {}, warn, error: warn },
    ...(options.adopt === undefined ? {} : { adopt: options.adopt }),
    places: {
      learn: (blob, place) => void learned.set(blob.digest, place),
      find: async ({ digest }) => ({ folder: `mlflow-artifacts:/1/${runId}/artifacts/${digest}`, file: 'blob', runId }),
    },
  });
  onTestFinished(() => store.close());
  return { store, warnings, learned, poll: () => polls.shift()?.(), polls };
}

/** A version of some bytes, as the tracker proposes it. */
export function versionOf(text: string, more: Partial<StoredVersion> = {}): RegistryChange {
  const blob: BlobInfo = { digest: Buffer.from(text).toString('hex').padEnd(64, '0'), size: text.length };
  return {
    type: 'version',
    at: 1,
    version: {
      version: '1',
      ...blob,
      metrics: { accuracy: Number.NaN },
      tags: {},
      parents: [],
      datasets: [],
      evaluations: [],
      sidecars: {},
      registeredAt: 1,
      ...more,
    },
  };
}

/** A move of the champion to a version. */
export function moveTo(to: string | null, from: string | null = null): RegistryChange {
  return { type: 'alias', alias: 'champion', from, to, evidence, at: 2 };
}
