import { FairleadError } from '@fairlead/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cachedModel } from './cached-model';
import { modelBytes, setUp, sha256Of } from './test-kit.fixture';

const url = 'https://models.test/digits.onnx';

/** What happens before a visit, and in it. */
const visit = fc.record({
  /** The file changes before this visit. */
  changes: fc.boolean(),
  /** Bytes after which each answer breaks off. */
  cuts: fc.array(fc.integer({ min: 0, max: 4000 }), { maxLength: 4 }),
  /** A bit of what is stored flips before this visit. */
  flips: fc.integer({ min: 0, max: 4 }).map((value) => value === 0),
  offline: fc.integer({ min: 0, max: 4 }).map((value) => value === 0),
  retries: fc.integer({ min: 0, max: 1 }),
});

const world = fc.record({
  ranges: fc.constantFrom('honest' as const, 'careless' as const, 'careless' as const, 'none' as const),
  etags: fc.constantFrom('strong', 'strong', 'weak', 'none'),
  tellsLength: fc.boolean(),
  digest: fc.boolean(),
  revalidate: fc.constantFrom('never' as const, 'always' as const),
  /** Where the file changes, its length may stay. */
  sameLength: fc.boolean(),
  visits: fc.array(visit, { minLength: 1, maxLength: 6 }),
});

describe('any download', () => {
  it('ends with the right bytes or an error, whatever is cut, resumed, changed and corrupted', {
    timeout: 60_000,
  }, async () => {
    let loaded = 0;
    let resumed = 0;
    await fc.assert(
      fc.asyncProperty(world, async (given) => {
        const kit = setUp();
        const { server, clock, storage } = kit;
        Object.assign(server, { ranges: given.ranges, tellsLength: given.tellsLength, chunkBytes: 700 });
        let version = 0;
        const deployed = new Map<string, Uint8Array>();
        const deploy = (): void => {
          version += 1;
          const bytes = modelBytes(given.sameLength ? 3000 : 2000 + 500 * version, version);
          const etag = { strong: `"${version}"`, weak: `W/"${version}"`, none: undefined }[given.etags];
          server.files.set(url, { bytes, ...(etag === undefined ? {} : { etag }) });
          deployed.set(sha256Of(bytes), bytes);
        };
        deploy();
        const promised = [...deployed.keys()][0] as string;
        for (const { changes, cuts, flips, offline, retries } of given.visits) {
          if (changes) deploy();
          Object.assign(server, { cuts: [...cuts], offline });
          if (flips && typeof storage === 'object') await flip(storage);
          const options = { revalidate: given.revalidate, ...(given.digest ? { digest: promised } : {}) };
          const outcome = cachedModel(url, { cache: kit.open(), retries, stallTimeoutMs: 1_000_000, ...options })
            .resolve({})
            .catch((error: unknown) => error);
          let ended = false;
          void outcome.then(() => {
            ended = true;
          });
          // Digests are computed in other threads, so that one advance may come before the timer that it is for.
          while (!ended) await clock.advance(1000);
          const result = await outcome;
          if (result instanceof Error) {
            expect(FairleadError.isInstance(result), String(result)).toBe(true);
            continue;
          }
          const model = result as { bytes: Uint8Array; digest: string };
          loaded += 1;
          // The very bytes of one version that was deployed, and of the promised one where there was a promise.
          expect(sha256Of(model.bytes)).toBe(model.digest);
          expect(deployed.has(model.digest)).toBe(true);
          if (given.digest) expect(model.digest).toBe(promised);
        }
        resumed += server.requests.filter(({ status }) => status === 206).length;
        expect(clock.pendingTimers).toBe(0);
      }),
      { numRuns: 150 },
    );
    // The worlds were not all trivial.
    expect(loaded).toBeGreaterThan(50);
    expect(resumed).toBeGreaterThan(15);
  });
});

async function flip(storage: {
  keys(): Promise<readonly string[]>;
  read(key: string): Promise<Uint8Array | undefined>;
  write(key: string, bytes: Uint8Array): Promise<void>;
}): Promise<void> {
  const key = (await storage.keys()).find((name) => name.startsWith('file-'));
  if (key === undefined) return;
  const bytes = (await storage.read(key)) as Uint8Array;
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] as number) ^ 4;
  await storage.write(key, bytes);
}
