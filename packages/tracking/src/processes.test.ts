import { expect, test } from 'vitest';
import { startChild } from './fixtures/child';
import { temporaryFolder } from './fixtures/temporary-folder';
import { openTracker } from './open-tracker';

test('kill -9 of a process that logs loses no point that a flush acknowledged', { timeout: 60_000 }, async () => {
  const dir = await temporaryFolder();
  for (const flushes of [1, 7, 23]) {
    const child = startChild('log-for-ever.ts', dir);
    const id = await child.line();
    let acknowledged = 0;
    for (let i = 0; i < flushes; i++) acknowledged = Number(await child.line());
    child.process.kill('SIGKILL');
    expect(await child.ended).toBe('SIGKILL');
    const tracker = await openTracker({ dir });
    const run = await tracker.getRun(id);
    const history = await run.history('loss');
    expect(history.steps.length).toBeGreaterThanOrEqual(acknowledged);
    expect(history.steps.every((step, i) => step === i)).toBe(true);
    expect(history.values.every((value, i) => value === i / 2)).toBe(true);
    expect(run.status).toBe('RUNNING'); // until its lease is over
    await tracker.close();
  }
});

test('8 processes make 200 registry commits each at once, and none is lost', { timeout: 120_000 }, async () => {
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
