import 'fake-indexeddb/auto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openTracker } from '../open-tracker';
import type { Run } from '../run/run';
import { createWorld, type Line, type Tab, until, type World } from './tabs.fixture';

const stepsOf = async (world: World, id: string): Promise<number[]> => {
  const run = await world.server().getRun(id);
  return 'loss' in run.metrics ? Array.from((await run.history('loss')).steps) : [];
};
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

function logSome(run: Run, from: number, count: number): void {
  for (let step = from; step < from + count; step++) run.log({ loss: step / 2 }, { step });
}

describe('a tracker in a page', () => {
  test('sends everything that a run has to the tracker on the server', async () => {
    const world = await createWorld();
    const { tracker } = await world.openTab();
    const run = await tracker.startRun({
      experiment: 'digits',
      name: 'page',
      params: { lr: 0.1, nan: Number.NaN },
      tags: { a: 'b' },
    });
    run.log({ loss: Number.NaN }, { step: 0 });
    run.log({ loss: -0 }, { step: 1 });
    await run.logArtifact('model/a.bin', new Uint8Array(3_000_000).fill(7));
    await run.logDataset({ name: 'digits', bytes: new Uint8Array(3) });
    await run.complete();
    expect((await tracker.getRun(run.id)).status).toBe('FINISHED');
    await world.settle();
    const record = await world.server().getRun(run.id);
    expect(record).toMatchObject({
      status: 'FINISHED',
      experiment: 'digits',
      name: 'page',
      params: { lr: 0.1, nan: Number.NaN },
      tags: { a: 'b', 'relay.principal': 'ada' },
      inputs: [{ name: 'digits' }],
    });
    expect(Array.from((await record.history('loss')).values)).toEqual([Number.NaN, -0]);
    expect((await record.artifact('model/a.bin').read()).byteLength).toBe(3_000_000);
    expect(world.requests.filter((request) => request.startsWith('PUT'))).toHaveLength(1);
    await tracker.close();
  });

  test('keeps what was logged without a line, over a reload, and sends it once when there is one again', async () => {
    const world = await createWorld();
    const tab = await world.openTab();
    world.line = () => 'down';
    const run = await tab.tracker.startRun();
    logSome(run, 0, 100);
    await run.flush();
    await expect(run.flush({ durability: 'remote' })).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(run.health()).toMatchObject({ bufferedPoints: 0, unsyncedPoints: 100 });
    expect(String(run.health().lastError)).toContain('http://relay.test/tracking');
    logSome(run, 100, 10);
    tab.crash(); // what was not flushed is gone
    world.line = () => 'up';
    const again = await world.openTab();
    await world.settle();
    expect(await stepsOf(world, run.id)).toEqual(range(100));
    expect((await world.server().getRun(run.id)).metrics.loss?.count).toBe(100);
    await again.tracker.close();
  });

  test('waits longer after each failure, and tries at once when the browser is online again or somebody flushes', async () => {
    const world = await createWorld();
    let attempts = 0;
    world.line = () => {
      attempts++;
      return 'down';
    };
    const { tracker, events } = await world.openTab();
    const run = await tracker.startRun();
    await run.flush();
    await until(() => attempts === 1);
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const before = attempts;
      let waited = 0;
      while (attempts === before) {
        await world.clock.advance(250);
        for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve));
        waited += 250;
      }
      pauses.push(waited);
    }
    expect(pauses).toEqual([750, 1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000]);
    const before = attempts;
    events.online();
    await until(() => attempts === before + 1);
    world.line = () => 'up';
    await run.flush({ durability: 'remote' });
    expect(run.health().unsyncedPoints).toBe(0);
    await tracker.close();
  });

  test('lets one tab send for all, and another take over when that one dies', async () => {
    const world = await createWorld();
    const [first, second] = [await world.openTab(), await world.openTab()];
    const inFirst = await first.tracker.startRun({ name: 'first' });
    const inSecond = await second.tracker.startRun({ name: 'second' });
    logSome(inFirst, 0, 10);
    logSome(inSecond, 0, 10);
    await Promise.all([inFirst.flush({ durability: 'remote' }), inSecond.flush({ durability: 'remote' })]);
    expect(await stepsOf(world, inSecond.id)).toEqual(range(10));
    first.crash();
    logSome(inSecond, 10, 10);
    await inSecond.complete();
    await inSecond.close();
    await world.settle();
    expect(await stepsOf(world, inSecond.id)).toEqual(range(20));
    expect(await stepsOf(world, inFirst.id)).toEqual(range(10));
    await second.tracker.close();
  });

  test('tells what the relay refuses for good, once, and goes on with the rest', async () => {
    const world = await createWorld();
    const { tracker } = await world.openTab();
    const run = await tracker.startRun();
    run.log({ loss: 0 });
    await run.flush({ durability: 'remote' });
    run.setTags({ 'relay.principal': 'eve' });
    run.log({ loss: 1 }, { step: 1 });
    await expect(run.flush({ durability: 'remote' })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('relay.principal'),
    });
    expect(run.health().droppedPoints).toBe(1);
    run.log({ loss: 2 }, { step: 2 });
    await run.flush({ durability: 'remote' });
    expect(await stepsOf(world, run.id)).toEqual([0, 2]);
    await tracker.close();
  });

  test('an artifact that is too large is refused, and takes nothing with it', async () => {
    const world = await createWorld({ limits: { artifactBytes: 1000, requestsPerSecond: 1e6 } });
    const { tracker } = await world.openTab();
    const run = await tracker.startRun();
    run.log({ loss: 0 });
    await run.logArtifact('large', new Uint8Array(1001));
    await run.logArtifact('small', new Uint8Array(1000));
    await expect(run.flush({ durability: 'remote' })).rejects.toMatchObject({
      message: expect.stringContaining('artifactBytes'),
    });
    await run.flush({ durability: 'remote' });
    const record = await world.server().getRun(run.id);
    expect(record.artifacts.map(({ name }) => name)).toEqual(['small']);
    expect(record.metrics.loss?.count).toBe(1);
    await tracker.close();
  });

  test('waits while it may not send, and sends when it may', async () => {
    let user: string | undefined;
    const world = await createWorld({ authorize: () => user });
    const { tracker } = await world.openTab();
    const run = await tracker.startRun();
    await run.flush();
    await expect(run.flush({ durability: 'remote' })).rejects.toMatchObject({
      message: expect.stringContaining('Sign in'),
    });
    user = 'ada';
    await run.flush({ durability: 'remote' });
    user = 'eve';
    run.log({ loss: 1 });
    await expect(run.flush({ durability: 'remote' })).rejects.toMatchObject({
      message: expect.stringContaining("somebody else's"),
    });
    user = 'ada';
    await run.flush({ durability: 'remote' });
    expect(await stepsOf(world, run.id)).toEqual([0]);
    await tracker.close();
  });

  test('goes on where the server lost what it had', async () => {
    const world = await createWorld();
    const { tracker } = await world.openTab();
    const run = await tracker.startRun();
    logSome(run, 0, 5);
    await run.flush({ durability: 'remote' });
    logSome(run, 5, 5);
    await run.flush({ durability: 'remote' });
    // As from a copy that was made before the second batch.
    const [name] = await world.disk.files.list(`/store/runs/${run.id}`);
    const path = `/store/runs/${run.id}/${name}`;
    const whole = (await world.disk.files.read(path)) as Uint8Array;
    await world.restartServer(() => 0);
    await world.disk.files.remove(path);
    await world.disk.files.claim(path, whole.slice(0, -150));
    logSome(run, 10, 5);
    await run.flush({ durability: 'remote' });
    expect((await stepsOf(world, run.id)).sort((a, b) => a - b)).toEqual([...range(5), 10, 11, 12, 13, 14]);
    await tracker.close();
  });

  test('a full browser is told by flush and health, and what waits in memory goes when there is room', async () => {
    const world = await createWorld();
    world.line = () => 'down';
    const { tracker } = await world.openTab({ maxBufferedBytes: 65_536 });
    const run = await tracker.startRun();
    await run.flush();
    const put = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function full() {
      throw new DOMException('no room', 'QuotaExceededError');
    };
    try {
      logSome(run, 0, 100);
      await expect(run.flush()).rejects.toMatchObject({
        code: 'STORE_FAILED',
        details: { errno: 'QuotaExceededError' },
      });
      expect(run.health()).toMatchObject({ bufferedPoints: 100, failures: expect.any(Number) });
      expect(String(run.health().lastError)).toContain('full');
      for (let i = 0; i < 30; i++) logSome(run, 100 + i * 1000, 1000);
      await expect(run.flush()).rejects.toMatchObject({ details: { errno: 'QuotaExceededError' } });
      expect(run.health().droppedPoints).toBeGreaterThan(1000);
    } finally {
      IDBObjectStore.prototype.put = put;
    }
    await expect(run.flush()).rejects.toMatchObject({ message: expect.stringContaining('were dropped') });
    world.line = () => 'up';
    await run.flush({ durability: 'remote' });
    const steps = await stepsOf(world, run.id);
    expect(steps.slice(0, 100)).toEqual(range(100));
    expect(new Set(steps).size).toBe(steps.length);
    await tracker.close();
  });

  test('says of what it cannot do that it only sends', async () => {
    const world = await createWorld();
    const { tracker } = await world.openTab();
    const run = await tracker.startRun();
    for (const call of [
      () => tracker.search(),
      () => tracker.experiments(),
      () => tracker.registry.models(),
      () => tracker.registry.registerVersion('digits', { artifact: new Uint8Array(1) }),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringContaining('only sends'),
      });
    }
    await run.complete();
    const resumed = await tracker.resumeRun(run.id);
    resumed.log({ loss: 1 });
    await resumed.complete();
    await world.settle();
    expect(await stepsOf(world, run.id)).toEqual([0]);
    await tracker.close();
  });

  test('without a database it promises only what the relay has', async () => {
    const world = await createWorld();
    const { tracker } = await world.openTab({ database: false });
    const run = await tracker.startRun();
    run.log({ loss: 1 });
    await expect(run.flush({ durability: 'disk' })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    world.line = () => 'down';
    await expect(run.complete()).rejects.toMatchObject({ message: expect.stringContaining('waits in memory') });
    world.line = () => 'up';
    await run.complete();
    expect((await world.server().getRun(run.id)).status).toBe('FINISHED');
    await tracker.close();
  });

  test.each([
    ['relay.url', { url: 'tracking' }],
    ['relay.url', 'ftp://host/x'],
    ['relay.timeoutMs', { url: 'http://h/', timeoutMs: 0 }],
    ['relay.headers', { url: 'http://h/', headers: 1 }],
    ['relay.typo', { url: 'http://h/', typo: 1 }],
    ['relay', 1],
  ])('refuses options that cannot be used, by name: %s %j', async (field, relay) => {
    await expect(openTracker({ relay } as unknown as Parameters<typeof openTracker>[0])).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { field },
    });
  });
});

const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('log' as const), points: fc.integer({ min: 1, max: 40 }), tab: fc.nat(1) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('flush' as const), tab: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('artifact' as const), tab: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reload' as const), tab: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), tab: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), tab: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), tab: fc.nat(1) }) },
);

test('cuts before and after the effect, reloads and power cuts of the server: nothing twice, and nothing lost that was flushed', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 1, maxLength: 25 }),
      fc.infiniteStream(fc.nat()),
      async (actions, luck) => {
        const draw = (limit: number): number => (luck.next().value as number) % limit;
        const world = await createWorld();
        const lines: readonly Line[] = ['up', 'up', 'cut-before', 'cut-after', 'down'];
        world.line = () => lines[draw(lines.length)] as Line;
        const open = async () => {
          const tab: Tab = await world.openTab();
          const run = await tab.tracker.startRun();
          return { tab, run, logged: 0, flushed: -1, artifacts: 0, flushedArtifacts: 0 };
        };
        const tabs = [await open(), await open()];
        const all = [...tabs];
        for (const each of actions) {
          const mine = tabs[each.tab] as (typeof tabs)[number];
          if (each.do === 'log') {
            logSome(mine.run, mine.logged, each.points);
            mine.logged += each.points;
          } else if (each.do === 'flush') {
            await mine.run.flush({ durability: 'disk' });
            Object.assign(mine, { flushed: mine.logged, flushedArtifacts: mine.artifacts });
          } else if (each.do === 'artifact') {
            await mine.run.logArtifact(
              `a${mine.artifacts}`,
              new TextEncoder().encode(`${mine.run.id} ${mine.artifacts}`),
            );
            mine.artifacts++;
          } else if (each.do === 'reload') {
            mine.tab.crash();
            const next = await open();
            tabs[each.tab] = next;
            all.push(next);
          } else if (each.do === 'restart') await world.restartServer(draw);
          else if (each.do === 'leave') mine.tab.events.leave();
          else await world.clock.advance(draw(5000));
          for (let turns = draw(30); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
        }
        world.line = () => 'up';
        await world.settle();
        for (const { run, logged, flushed, flushedArtifacts, artifacts } of all) {
          const record = await world
            .server()
            .getRun(run.id)
            .catch(() => undefined);
          if (record === undefined) {
            expect(flushed, 'a run that was flushed').toBe(-1);
            continue;
          }
          const steps = await stepsOf(world, run.id);
          expect(steps).toEqual(range(steps.length)); // each once, in order, without a gap
          expect(steps.length).toBeGreaterThanOrEqual(flushed);
          expect(steps.length).toBeLessThanOrEqual(logged);
          expect(record.metrics.loss?.count ?? 0).toBe(steps.length);
          expect(record.artifacts.length).toBeGreaterThanOrEqual(flushedArtifacts);
          expect(record.artifacts.length).toBeLessThanOrEqual(artifacts);
          for (const artifact of record.artifacts) {
            expect(new TextDecoder().decode(await artifact.read())).toBe(`${run.id} ${artifact.name.slice(1)}`);
          }
        }
        for (const { tab } of tabs) tab.crash();
      },
    ),
    { numRuns: 40 },
  );
});
