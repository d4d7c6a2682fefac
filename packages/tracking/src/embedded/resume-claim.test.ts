import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Files } from '../files/files';
import { nodeFiles } from '../files/node-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import { openEmbeddedStore } from './embedded-store';

const hourMs = 3_600_000;
const leaseMs = 60_000;

async function open(dir: string, files: Files = nodeFiles, epochMs = Date.now()) {
  const clock = createVirtualClock(epochMs);
  const options = { pollMs: 1000, maxBufferedBytes: 65_536, overflow: 'write' } as const;
  const store = await openEmbeddedStore({ files, dir, clock, ...options });
  const tracker = await openTracker({ store, clock });
  onTestFinished(() => tracker.close());
  return tracker;
}

/** A folder with a run that has ended. */
async function withEndedRun(): Promise<{ dir: string; id: string; folder: string }> {
  const dir = await temporaryFolder();
  const tracker = await open(dir, nodeFiles, Date.now() - 3 * hourMs);
  const id = await tracker.withRun({}, (run) => run.id);
  return { dir, id, folder: join(dir, 'runs', id) };
}

const claimsIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.startsWith('.resume-')).sort();

/** Makes a claim older. */
const age = (folder: string, name: string, ms: number): Promise<void> => {
  const at = new Date(Date.now() - ms);
  return utimes(join(folder, name), at, at);
};

describe('a claim of a resumption', () => {
  test.each([0, hourMs, -hourMs])(
    'is given to one of two, also where the clock of the other is off by %i ms',
    async (off) => {
      const { dir, id } = await withEndedRun();
      const trackers = [await open(dir), await open(dir, nodeFiles, Date.now() + off)];
      const asked = await Promise.allSettled(trackers.map((tracker) => tracker.resumeRun(id)));
      expect(asked.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(asked.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'CONFLICT' } });
    },
  );

  test('of a process that was killed before it wrote anything stands in the way for its lease, and no longer', async () => {
    const { dir, id, folder } = await withEndedRun();
    const killed: Files = {
      ...nodeFiles,
      open: async (path, mode) => {
        if (mode === 'create' && path.endsWith('.seg')) throw new Error('killed');
        return nodeFiles.open(path, mode);
      },
    };
    await expect((await open(dir, killed)).resumeRun(id)).rejects.toThrow('killed');
    // Neither a clock that is ahead nor one that is behind changes how long.
    for (const off of [0, hourMs, -hourMs]) {
      const other = await open(dir, nodeFiles, Date.now() + off);
      await expect(other.resumeRun(id)).rejects.toMatchObject({
        code: 'CONFLICT',
        message: expect.stringMatching(/over in (59|60) s/),
      });
    }
    const [claim = ''] = await claimsIn(folder);
    await age(folder, claim, leaseMs + 1000);
    const run = await (await open(dir)).resumeRun(id);
    expect(run.status).toBe('RUNNING');
    await run.complete();
    expect(await claimsIn(folder)).toEqual(['.resume-0000000001', '.resume-0000000002']);
  });

  test('is given back by a process that stood still until another took it for dead', async () => {
    const { dir, id, folder } = await withEndedRun();
    let [reached, goOn] = [() => {}, () => {}];
    const isReached = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const stall = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const slow: Files = {
      ...nodeFiles,
      open: async (path, mode) => {
        if (mode === 'create' && path.endsWith('.seg')) {
          reached();
          await stall;
        }
        return nodeFiles.open(path, mode);
      },
    };
    const late = (await open(dir, slow)).resumeRun(id);
    await isReached;
    await age(folder, '.resume-0000000001', leaseMs + 1000);
    const other = await open(dir);
    const run = await other.resumeRun(id);
    const segments = async () => (await readdir(folder)).filter((name) => name.endsWith('.seg')).length;
    expect(await segments()).toBe(2);
    goOn();
    await expect(late).rejects.toMatchObject({ code: 'CONFLICT', details: { field: 'id', given: id } });
    expect(await segments()).toBe(2);
    run.log({ loss: 1 });
    await run.complete();
    expect(await other.getRun(id)).toMatchObject({ status: 'FINISHED', metrics: { loss: { last: 1 } }, damage: [] });
    expect((await other.check()).problems).toEqual([]);
  });

  test('that was torn counts for a minute, and compaction keeps the last one alone', async () => {
    const { dir, id, folder } = await withEndedRun();
    await writeFile(join(folder, '.resume-0000000007'), '{"at":');
    const tracker = await open(dir);
    await expect(tracker.resumeRun(id)).rejects.toMatchObject({ code: 'CONFLICT' });
    await age(folder, '.resume-0000000007', leaseMs + 1000);
    const run = await tracker.resumeRun(id);
    await run.complete();
    for (const name of await readdir(folder)) await age(folder, name, hourMs);
    expect(await tracker.compact()).toMatchObject({ runs: 1 });
    expect(await claimsIn(folder)).toEqual(['.resume-0000000008']);
    await (await tracker.resumeRun(id)).complete();
    expect(await claimsIn(folder)).toEqual(['.resume-0000000008', '.resume-0000000009']);
  });
});
