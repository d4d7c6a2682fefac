import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { raiseLimit, startChild, startLimitedChild } from './fixtures/child';
import { temporaryFolder } from './fixtures/temporary-folder';
import { openTracker } from './open-tracker';

test('8 processes make 200 registry commits each at once, and none is lost', { timeout: 180_000 }, async () => {
  const dir = await temporaryFolder();
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const children = names.map((name) => startChild('commit-many.ts', dir, name, '200'));
  const made = await Promise.all(children.map(async (child) => JSON.parse(await child.line()) as string[]));
  expect(await Promise.all(children.map((child) => child.ended))).toEqual(names.map(() => 0));
  const tracker = await openTracker({ dir });
  const model = await tracker.registry.getModel('digits');
  expect(model.versions.map((version) => version.version)).toEqual(
    Array.from({ length: 800 }, (_, i) => String(i + 1)),
  );
  for (const [i, name] of names.entries()) {
    const own = model.versions.filter((version) => version.tags.by === name).map((version) => version.version);
    expect(own).toEqual(made[i]);
    const history = await tracker.registry.aliasHistory('digits', `of-${name}`);
    expect(history.map((move) => move.to)).toEqual(own);
    expect(history.map((move) => move.from)).toEqual([null, ...own.slice(0, -1)]);
  }
  expect(model.damage).toEqual([]);
  await tracker.close();
});

// Only Linux lets another process move a limit; on every platform the refusals are injected in faults.test.ts.
test.runIf(process.platform === 'linux')(
  'a file system that takes no more fails the flush of a process and shows in its health, until there is room again',
  { timeout: 60_000 },
  async () => {
    const child = startLimitedChild('log-into-limit.ts', await temporaryFolder());
    const refused = JSON.parse(await child.line()) as unknown;
    expect(refused).toEqual({
      code: 'STORE_FAILED',
      errno: 'EFBIG',
      health: { failures: 1, droppedPoints: 0, lastErrno: 'EFBIG' },
    });
    await raiseLimit(child);
    expect(JSON.parse(await child.line())).toEqual({ kept: 20_000, inOrder: true, problems: [] });
    expect(await child.ended).toBe(0);
  },
);

test('a copy that is made file by file while a run is logged holds all that was acknowledged before it', {
  timeout: 60_000,
}, async () => {
  const [dir, copy] = [await temporaryFolder(), await temporaryFolder()];
  const tracker = await openTracker({ dir });
  const run = await tracker.startRun();
  let [logged, acknowledged] = [0, 0];
  let over = false;
  const logging = (async () => {
    while (!over) {
      for (let i = 0; i < 200; i++) run.log({ loss: logged / 2 }, { step: logged++ });
      await run.flush({ durability: 'os' });
      acknowledged = logged;
    }
  })();
  for (let round = 0; round < 20; round++) {
    const before = acknowledged;
    // Over the copy of the round before, as rsync does it.
    await cp(dir, copy, { recursive: true, preserveTimestamps: true });
    const other = await openTracker({ dir: copy });
    const record = await other.getRun(run.id);
    if (before > 0) {
      const { steps, values } = await record.history('loss');
      expect(steps.length).toBeGreaterThanOrEqual(before);
      expect(steps.every((step, i) => step === i && values[i] === i / 2)).toBe(true);
    }
    expect((await other.runs()).map(({ id }) => id)).toEqual([run.id]);
    expect((await other.check()).problems.filter(({ kind }) => kind !== 'torn-tail')).toEqual([]);
    await other.close();
  }
  over = true;
  await logging;
  await tracker.close();
});

test('of 6 processes that resume one run in the same moment, one gets it, time after time', {
  timeout: 60_000,
}, async () => {
  const [dir, signals] = [await temporaryFolder(), await temporaryFolder()];
  const rounds = 12;
  const tracker = await openTracker({ dir });
  const id = await tracker.withRun({}, (run) => run.id);
  const children = Array.from({ length: 6 }, () => startChild('resume-runs.ts', dir, signals, id, String(rounds)));
  const lines = () => Promise.all(children.map((child) => child.line()));
  expect(await lines()).toEqual(children.map(() => 'ready'));
  for (let round = 0; round < rounds; round++) {
    await writeFile(join(signals, `begin-${round}`), '');
    expect((await lines()).sort()).toEqual([...children.slice(1).map(() => 'CONFLICT'), 'got it']);
    expect(await tracker.getRun(id)).toMatchObject({ status: 'RUNNING' });
    await writeFile(join(signals, `end-${round}`), '');
    expect(await lines()).toEqual(children.map(() => 'done'));
  }
  expect(await Promise.all(children.map((child) => child.ended))).toEqual(children.map(() => 0));
  const run = await tracker.getRun(id);
  expect(run).toMatchObject({ status: 'FINISHED', metrics: { rounds: { count: rounds, last: rounds - 1 } } });
  await tracker.close();
});
