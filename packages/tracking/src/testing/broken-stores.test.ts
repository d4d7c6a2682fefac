import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, test } from 'vitest';
import { openEmbeddedStore } from '../embedded/embedded-store';
import { nodeFiles } from '../files/node-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import type { Break } from './break-store.fixture';
import { brokenStores } from './broken-stores.fixture';
import { trackingStoreConformance } from './tracking-store-conformance';
import type { StoreKeeps } from './tracking-store-place';

/** The cases of one group, on an embedded store that breaks a rule. */
function casesOn(group: string, broken: Break, keeps: Partial<StoreKeeps> = {}) {
  const cases = trackingStoreConformance({
    keeps,
    async createPlace() {
      const [dir, folder] = [await temporaryFolder(), await temporaryFolder()];
      const clock = createVirtualClock();
      const options = { files: nodeFiles, dir, clock, pollMs: 1000, maxBufferedBytes: 1e7, overflow: 'write' } as const;
      return { clock, folder, open: async () => broken(await openEmbeddedStore(options)) };
    },
  });
  return cases.filter(({ name }) => name.startsWith(`${group}:`));
}

/** What the suite says of a store: the message of the first case that it fails. */
async function verdictOn(group: string, broken: Break, keeps?: Partial<StoreKeeps>): Promise<string> {
  for (const { name, run } of casesOn(group, broken, keeps)) {
    try {
      await run();
    } catch (error) {
      return `${name}: ${(error as Error).message}`;
    }
  }
  return 'no fault found';
}

describe('the suite finds a store that', () => {
  test.each(Object.entries(brokenStores))(
    '%s',
    async (_what, [group, broken]) => {
      expect(await verdictOn(group, broken)).toMatch(/: Expected .+/);
    },
    30_000,
  );
});

describe('what a store says that it does not keep is not asked of it:', () => {
  test.each<[keyof StoreKeeps, string]>([
    ['signOfZero', 'forgets the sign of zero'],
    ['largestNumbers', 'makes an infinity of the largest number'],
    ['equalPoints', 'keeps equal points once'],
    ['orderOfPoints', 'sorts points by their times'],
    ['fractionsOfTimes', 'rounds times down'],
    ['runningSummaries', 'knows no counts while a run goes on'],
  ])(
    '%s',
    async (capability, what) => {
      const [group, broken] = brokenStores[what] as (typeof brokenStores)[string];
      expect(await verdictOn(group, broken, { [capability]: false })).toBe('no fault found');
    },
    30_000,
  );
});
