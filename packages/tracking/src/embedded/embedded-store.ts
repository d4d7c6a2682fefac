import { type Clock, closeable, FairleadError } from '@fairlead/core';
import type { Files } from '../files/files';
import type { ArtifactStore } from '../store/artifact-store';
import type { TrackingStore } from '../store/tracking-store';
import { createArtifactStore } from './artifact-store';
import { createMaintenance } from './maintenance/maintenance';
import { createRegistryStore } from './registry-store';
import { createRunStore } from './run-store';
import type { OverflowPolicy } from './segment-writer';

/** How an embedded store is opened. */
export interface EmbeddedStoreOptions {
  readonly files: Files;
  /** Folder of the store; made where it is missing. */
  readonly dir: string;
  readonly clock: Clock;
  /** Milliseconds between two looks for registry commits of other processes. */
  readonly pollMs: number;
  /** Bytes that a run may hold in memory before its overflow policy takes effect. */
  readonly maxBufferedBytes: number;
  readonly overflow: OverflowPolicy;
  /** Where artifacts are kept instead of the folder. */
  readonly artifacts?: ArtifactStore | undefined;
}

const manifestName = 'fairlead.json';
/** What this release writes. Format 1 knows fewer kinds of events and commits, and none that format 2 does not. */
const formatVersion = 2;
const oldestFormat = 1;

/**
 * Checks that a folder is a store that this release can read, or makes it one. Answers what has to be done before the
 * first write: a store of an older format must say that it holds newer records now.
 */
async function openManifest(files: Files, dir: string): Promise<() => Promise<void>> {
  const path = files.join(dir, manifestName);
  const fresh = new TextEncoder().encode(`${JSON.stringify({ format: formatVersion, kind: 'fairlead-tracking' })}\n`);
  const found = (await files.read(path)) ?? ((await files.claim(path, fresh)) ? fresh : await files.read(path));
  let format: unknown;
  try {
    format = (JSON.parse(new TextDecoder().decode(found)) as { format?: unknown }).format;
  } catch (error) {
    throw new FairleadError('STORE_CORRUPT', `${path} is damaged. It should read ${new TextDecoder().decode(fresh)}`, {
      cause: error,
      details: { field: 'dir', given: dir },
    });
  }
  if (!Number.isInteger(format) || (format as number) < oldestFormat || (format as number) > formatVersion) {
    throw new FairleadError(
      'UNSUPPORTED',
      `The store in ${dir} has format ${String(format)}, and this release reads ${oldestFormat} to ${formatVersion}. Use the release of ` +
        '@fairlead/tracking that wrote it, or a later one.',
      {
        details: {
          field: 'dir',
          expected: `format ${oldestFormat} to ${formatVersion}`,
          given: `format ${String(format)}`,
        },
      },
    );
  }
  let upgrading = format === formatVersion ? Promise.resolve() : undefined;
  return () => {
    upgrading ??= replaceManifest(files, dir, fresh).catch((error: unknown) => {
      upgrading = undefined; // the next writer tries again
      throw error;
    });
    return upgrading;
  };
}

/** Puts another manifest in the place of the one that stands there. Two processes that do so at once write the same. */
async function replaceManifest(files: Files, dir: string, content: Uint8Array): Promise<void> {
  const temporary = files.join(dir, `.tmp-${crypto.randomUUID()}`);
  try {
    await files.claim(temporary, content);
    await files.rename(temporary, files.join(dir, manifestName));
    await files.syncFolder(dir);
  } finally {
    await files.remove(temporary);
  }
}

/**
 * Opens the store that needs no server: a folder of segments, artifacts and registry commits. Several processes may use
 * one folder at once.
 * @throws FairleadError `STORE_FAILED`, `STORE_CORRUPT`, `UNSUPPORTED`
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<TrackingStore> {
  const { files, dir, clock } = options;
  for (const folder of ['runs', 'artifacts', 'registry']) await files.makeFolder(files.join(dir, folder));
  const beforeWrite = await openManifest(files, dir);
  const registry = createRegistryStore(options);
  const { maxBufferedBytes, overflow } = options;
  const runs = createRunStore({ files, dir, clock, maxBufferedBytes, overflow, beforeWrite });
  return {
    specVersion: 'v1',
    name: 'embedded',
    durabilities: ['os', 'disk'],
    runs,
    artifacts: options.artifacts ?? createArtifactStore({ files, dir, clock }),
    registry: {
      ...registry,
      async commit(...call) {
        await beforeWrite();
        return registry.commit(...call);
      },
    },
    maintenance: createMaintenance({ files, dir, clock, runs, registry, artifacts: options.artifacts }),
    ...closeable(async () => {
      await registry.close();
      await runs.close();
    }),
  };
}
