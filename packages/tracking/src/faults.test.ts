import { systemClock } from '@fairlead/core';
import { createVirtualClock } from '@fairlead/core/testing';
import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { openEmbeddedStore } from './embedded/embedded-store';
import type { Files } from './files/files';
import { createCrashingFiles } from './fixtures/crashing-files';
import { createFaultyFiles } from './fixtures/faulty-files';
import { temporaryFolder } from './fixtures/temporary-folder';
import { openTracker } from './open-tracker';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const options = { pollMs: 1000, maxBufferedBytes: 65_536, overflow: 'write' } as const;

async function openOn(files: Files, dir: string, clock = createVirtualClock(1_700_000_000_000)) {
  return openTracker({ store: await openEmbeddedStore({ files, dir, clock, ...options }), clock });
}

/** What a process does before the power goes. */
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('log' as const), points: fc.integer({ min: 1, max: 300 }) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'write' as const }) },
  { weight: 3, arbitrary: fc.constant({ do: 'flush' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'tag' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'artifact' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'register' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'end' as const }) },
);

test('when the power goes, on a disk that tears, reorders and drops what was not synced, nothing acknowledged is lost', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 1, maxLength: 25 }),
      fc.infiniteStream(fc.nat()),
      async (actions, luck) => {
        const draw = (limit: number): number => (luck.next().value as number) % limit;
        const disk = createCrashingFiles();
        const tracker = await openOn(disk.files, '/store');
        let run = await tracker.startRun();
        const runs = [{ id: run.id, logged: 0, acknowledged: 0, tags: 0, acknowledgedTags: 0, ended: false }];
        const artifacts: string[] = [];
        let versions = 0;
        for (const each of actions) {
          const mine = runs.at(-1) as (typeof runs)[number];
          if (each.do === 'log') {
            for (let i = 0; i < each.points; i++) run.log({ loss: mine.logged / 2 }, { step: mine.logged++ });
          } else if (each.do === 'write') await run.flush({ durability: 'os' });
          else if (each.do === 'tag') run.setTags({ [`tag ${mine.tags++}`]: 'x'.repeat(600) });
          else if (each.do === 'artifact')
            artifacts.push((await run.logArtifact('a', bytesOf(`bytes ${artifacts.length}`))).digest);
          else if (each.do === 'register') {
            await tracker.registry.registerVersion('digits', { artifact: bytesOf('model') });
            versions++;
          } else if (each.do === 'flush') {
            await run.flush({ durability: 'disk' });
            Object.assign(mine, { acknowledged: mine.logged, acknowledgedTags: mine.tags });
          } else {
            await run.complete();
            Object.assign(mine, { acknowledged: mine.logged, acknowledgedTags: mine.tags, ended: true });
            run = await tracker.startRun();
            runs.push({ id: run.id, logged: 0, acknowledged: 0, tags: 0, acknowledgedTags: 0, ended: false });
          }
        }
        disk.crash(draw);
        const again = await openOn(disk.files, '/store');
        for (const { id, logged, acknowledged, acknowledgedTags, ended } of runs) {
          const record = await again.getRun(id).catch(() => undefined);
          if (record === undefined) {
            expect(acknowledged + acknowledgedTags, 'points of a run that is gone').toBe(0);
            expect(ended).toBe(false);
            continue;
          }
          if (ended) expect(record.status).toBe('FINISHED');
          const steps = 'loss' in record.metrics ? await record.history('loss') : undefined;
          const kept = Array.from(steps?.steps ?? []);
          // Whatever was acknowledged is there, in its order; whatever else is there was logged.
          expect(kept.slice(0, acknowledged)).toEqual(Array.from({ length: acknowledged }, (_, i) => i));
          expect(kept.every((step, i) => step < logged && (i === 0 || step > (kept[i - 1] as number)))).toBe(true);
          expect(steps?.values.every((value, i) => value === (kept[i] as number) / 2) ?? true).toBe(true);
          for (let i = 0; i < acknowledgedTags; i++) expect(record.tags[`tag ${i}`]).toHaveLength(600);
        }
        const model = await again.registry.getModel('digits').catch(() => undefined);
        expect(model?.versions.length ?? 0).toBe(versions);
        const store = await openEmbeddedStore({ files: disk.files, dir: '/store', clock: systemClock, ...options });
        for (const digest of artifacts) expect((await store.artifacts.read({ digest })).byteLength).toBeGreaterThan(6);
        const report = await again.check();
        expect(report.problems.filter((problem) => problem.kind === 'missing-file')).toEqual([]);
        // It goes on as if nothing had been.
        await again.withRun({}, (next) => next.log({ loss: 1 }));
        expect((await again.runs()).length).toBeGreaterThan(0);
        await again.close();
      },
    ),
    { numRuns: 300 },
  );
});

test.each(['ENOSPC', 'EDQUOT', 'EACCES', 'EROFS', 'EIO'])(
  '%s reaches flush and health, and the store recovers',
  async (errno) => {
    const faulty = createFaultyFiles();
    const dir = await temporaryFolder();
    const tracker = await openOn(faulty.files, dir);
    onTestFinished(() => tracker.close());
    const run = await tracker.startRun();
    for (let step = 0; step < 100; step++) run.log({ loss: step }, { step });
    await run.flush();
    faulty.writeFault = errno;
    for (let step = 100; step < 200; step++) run.log({ loss: step }, { step });
    await expect(run.flush()).rejects.toMatchObject({ code: 'STORE_FAILED', details: { errno } });
    expect(run.health()).toMatchObject({ bufferedPoints: 100, failures: 1, lastError: { details: { errno } } });
    run.log({ loss: 200 }, { step: 200 }); // throws nothing
    faulty.writeFault = undefined;
    await run.flush();
    expect(run.health()).toMatchObject({ bufferedPoints: 0, droppedPoints: 0 });
    await run.complete();
    const history = await (await tracker.getRun(run.id)).history('loss');
    expect(Array.from(history.steps)).toEqual(Array.from({ length: 201 }, (_, i) => i));
    expect((await tracker.check()).problems).toEqual([]);
  },
);
