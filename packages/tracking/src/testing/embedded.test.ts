import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, test } from 'vitest';
import { openEmbeddedStore } from '../embedded/embedded-store';
import { nodeFiles } from '../files/node-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { trackingStoreConformance } from './tracking-store-conformance';
import { keepsEverything } from './tracking-store-place';

describe('the embedded store', () => {
  const cases = trackingStoreConformance({
    keeps: keepsEverything,
    async createPlace() {
      const [dir, folder] = [await temporaryFolder(), await temporaryFolder()];
      const clock = createVirtualClock();
      const options = { files: nodeFiles, dir, clock, pollMs: 1000, maxBufferedBytes: 1e7, overflow: 'write' } as const;
      return { clock, folder, open: () => openEmbeddedStore(options) };
    },
  });
  for (const { name, run } of cases) test(name, run, 30_000);

  test('keeps everything that the suite knows of', () => {
    expect(Object.values(keepsEverything).every(Boolean)).toBe(true);
    expect(Object.keys(keepsEverything)).toHaveLength(6);
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });
});
