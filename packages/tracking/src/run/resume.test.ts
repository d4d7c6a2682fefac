import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as z from 'zod';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import type { Tracker } from '../tracker';
import type { TrackerOptions } from '../tracker-options';

async function open(dir: string, options: Partial<TrackerOptions> = {}): Promise<Tracker> {
  const tracker = await openTracker({ dir, ...options } as TrackerOptions);
  onTestFinished(() => tracker.close());
  return tracker;
}

describe('a run that is resumed', () => {
  test('goes on under its id, however it ended, and ends anew', async () => {
    const dir = await temporaryFolder();
    const clock = createVirtualClock();
    const tracker = await open(dir, { clock });
    const run = await tracker.startRun({ params: { lr: 0.1 }, tags: { a: 'b' } });
    run.log({ loss: 2 }, { step: 1 });
    await run.fail(new Error('no'));
    for (const [i, end] of (['complete', 'close'] as const).entries()) {
      const again = await tracker.resumeRun(run.id);
      expect(again).toMatchObject({ id: run.id, name: run.name, status: 'RUNNING', params: { lr: 0.1 } });
      const record = await tracker.getRun(run.id);
      expect(record).toMatchObject({ status: 'RUNNING' });
      expect(record).not.toHaveProperty('error');
      expect(() => again.logParams({ lr: 0.2 })).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
      again.logParams({ lr: 0.1, [`round${i}`]: i });
      again.log({ loss: 1 - i }, { step: 2 + i });
      await again[end]();
      expect((await tracker.getRun(run.id)).status).toBe(end === 'complete' ? 'FINISHED' : 'INTERRUPTED');
    }
    const other = await (await open(dir, { clock })).getRun(run.id);
    expect(other).toMatchObject({
      params: { lr: 0.1, round0: 0, round1: 1 },
      tags: { a: 'b' },
      metrics: { loss: { count: 3, last: 0, step: 3 } },
    });
    expect([...(await other.history('loss')).values].sort()).toEqual([0, 1, 2]);
  });

  test('is refused while it is logged here or its lease elsewhere goes on, and given when that is over', async () => {
    const dir = await temporaryFolder();
    const clock = createVirtualClock();
    const [mine, theirs] = [await open(dir, { clock, leaseMs: 30_000 }), await open(dir, { clock })];
    const run = await theirs.startRun();
    await run.flush();
    await expect(theirs.resumeRun(run.id)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(mine.resumeRun(run.id)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('60 s'),
    });
    const reader = await open(dir, { clock: createVirtualClock(clock.epochMs() + 60_001) });
    const resumed = await reader.resumeRun(run.id);
    expect(resumed.status).toBe('RUNNING');
    await resumed.complete();
    expect((await reader.getRun(run.id)).status).toBe('FINISHED');
    await expect(mine.resumeRun('f'.repeat(32))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(mine.resumeRun('nope')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('is given once where it is asked for twice at once', async () => {
    const tracker = await open(await temporaryFolder());
    const id = await tracker.withRun({}, (run) => run.id);
    const asked = await Promise.allSettled([tracker.resumeRun(id), tracker.resumeRun(id)]);
    expect(asked.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('a run that is part of another', () => {
  test('says so, is in the same experiment, and neither end ends the other', async () => {
    const tracker = await open(await temporaryFolder());
    const parent = await tracker.startRun({ experiment: 'sweep' });
    const child = await parent.startRun({ params: { lr: 1 } });
    const byId = await tracker.startRun({ parent: parent.id, experiment: 'elsewhere' });
    expect([child.parent, child.experiment, byId.parent, byId.experiment]).toEqual([
      parent.id,
      'sweep',
      parent.id,
      'elsewhere',
    ]);
    await parent.complete();
    expect([child.status, byId.status]).toEqual(['RUNNING', 'RUNNING']);
    child.log({ loss: 1 });
    await child.complete();
    await expect(parent.startRun()).rejects.toMatchObject({ code: 'CLOSED' });
    const found = await tracker.runs({ parent: parent.id });
    expect(new Set(found.map((run) => run.id))).toEqual(new Set([child.id, byId.id]));
    expect((await tracker.getRun(child.id)).parent).toBe(parent.id);
    await expect(tracker.startRun({ parent: 'f'.repeat(32) })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      details: { field: 'parent' },
    });
    await expect(tracker.startRun({ parent: 3 } as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});

describe('after its end', () => {
  test('a run takes tags, and two in one moment leave the later', async () => {
    const dir = await temporaryFolder();
    const tracker = await open(dir, { clock: createVirtualClock() });
    const id = await tracker.withRun({ tags: { note: 'first' } }, (run) => run.id);
    for (const note of ['second', 'third', 'fourth']) await tracker.setTags(id, { note });
    const run = await (await open(dir)).getRun(id);
    expect(run).toMatchObject({ status: 'FINISHED', tags: { note: 'fourth' } });
    await expect(tracker.setTags(id, { note: 3 } as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(tracker.setTags('f'.repeat(32), {})).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a run can be deleted and restored, and takes nothing in between', async () => {
    const tracker = await open(await temporaryFolder(), { clock: createVirtualClock() });
    const live = await tracker.startRun();
    await expect(tracker.deleteRun(live.id)).rejects.toMatchObject({ code: 'CONFLICT' });
    const id = await tracker.withRun({ experiment: 'e' }, (run) => run.id);
    for (let round = 0; round < 3; round++) {
      await tracker.deleteRun(id);
      await tracker.deleteRun(id);
      expect(await tracker.runs({ experiment: 'e' })).toEqual([]);
      expect(await tracker.runs({ deleted: 'only' })).toMatchObject([{ id, deletedAt: expect.any(Number) }]);
      expect((await tracker.experiments()).map(({ name }) => name)).toEqual(['default']);
      const conflict = expect.objectContaining({ code: 'CONFLICT' });
      await expect(tracker.resumeRun(id)).rejects.toEqual(conflict);
      await expect(tracker.setTags(id, { a: 'b' })).rejects.toEqual(conflict);
      await expect(tracker.startRun({ parent: id })).rejects.toEqual(conflict);
      await tracker.restoreRun(id);
      await tracker.restoreRun(id);
      expect(await tracker.runs({ experiment: 'e' })).toHaveLength(1);
    }
    expect(await tracker.experiments()).toMatchObject([
      { name: 'default', runs: 1 },
      { name: 'e', runs: 1 },
    ]);
    await expect(tracker.deleteRun('nope')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('parameters with a schema', () => {
  const schema = z.object({
    lr: z.number().positive().default(0.1),
    optimizer: z.object({ name: z.enum(['sgd', 'adam']), betas: z.array(z.number()).optional() }),
    seed: z.coerce.number().int(),
    note: z.string().nullable().default(null),
  });

  test('are what the schema makes of them, typed, and logged by dotted names', async () => {
    const tracker = await open(await temporaryFolder());
    const given = { optimizer: { name: 'adam' as const, betas: [0.9, 0.999] }, seed: '7' };
    const id = await tracker.withRun({ schema, params: given }, (run) => {
      const rate: number = run.params.lr;
      expect([rate, run.params.seed, run.params.optimizer.name]).toEqual([0.1, 7, 'adam']);
      return run.id;
    });
    expect((await tracker.getRun(id)).params).toEqual({
      lr: 0.1,
      'optimizer.name': 'adam',
      'optimizer.betas': '[0.9,0.999]',
      seed: 7,
      note: 'null',
    });
  });

  test('that do not pass start no run, and the error names the parameter', async () => {
    const tracker = await open(await temporaryFolder());
    const params = { lr: -1, optimizer: { name: 'adam' as const }, seed: 1 };
    await expect(tracker.startRun({ schema, params })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'params.lr' },
    });
    const loose = z.looseObject({});
    for (const [bad, field] of [
      [{ f: () => 1 }, 'params.f'],
      [{ f: new Map() }, 'params.f'],
      [{ 'a.b': 1, a: { b: 3 } }, 'params.a.b'],
    ] as const) {
      await expect(tracker.startRun({ schema: loose, params: bad as never })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { field: expect.stringContaining(field) },
      });
    }
    expect(await tracker.runs()).toEqual([]);
  });
});
