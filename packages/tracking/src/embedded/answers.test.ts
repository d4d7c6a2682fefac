import { createVirtualClock } from '@fairlead/core/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { nodeFiles } from '../files/node-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { parseFilter } from '../search/parse-filter';
import type { RunQuery } from '../search/query';
import type { RunStart } from '../store/run-store';
import { createRunStore } from './run-store';

test('a search that is asked for again looks at all runs only once one has changed, or its lease is over', async () => {
  const clock = createVirtualClock(Date.now());
  const store = createRunStore({
    files: nodeFiles,
    dir: await temporaryFolder(),
    clock,
    maxBufferedBytes: 65_536,
    overflow: 'write',
    beforeWrite: async () => {},
  });
  onTestFinished(() => store.close());
  const looks = vi.spyOn(store.index, 'runs');
  const startOf = (number: number): RunStart => ({
    type: 'start',
    at: clock.epochMs(),
    id: number.toString(16).padStart(32, '0'),
    experiment: 'e',
    name: `run ${number}`,
    leaseUntil: clock.epochMs() + 30_000,
  });
  const running: RunQuery = { filter: parseFilter("status = 'RUNNING'") };
  /** How many runs a search finds, and whether it looked at all runs for it. */
  const search = async (query: RunQuery) => {
    const before = looks.mock.calls.length;
    const { runs } = await store.search(query);
    return [runs.length, looks.mock.calls.length > before];
  };
  const first = await store.create(startOf(1));
  await first.flush('os');
  expect(await search(running)).toEqual([1, true]);
  expect(await search({ ...running })).toEqual([1, false]);
  expect(await search({})).toEqual([1, true]);
  expect(await search({ limit: 1 })).toEqual([1, true]);
  expect(await search({})).toEqual([1, false]);
  const second = await store.create(startOf(2));
  await second.flush('os');
  expect(await search({ limit: 1 })).toEqual([1, true]);
  expect(await search(running)).toEqual([2, true]);
  first.append({ type: 'tags', at: clock.epochMs(), tags: { a: 'b' } });
  await first.flush('os');
  expect(await search(running)).toEqual([2, true]);
  expect((await store.search(running)).runs.find(({ name }) => name === 'run 1')?.tags).toEqual({ a: 'b' });
  expect(await search(running)).toEqual([2, false]);
  // Nobody wrote anything: the time alone makes them dead.
  await clock.advance(30_001);
  expect(await search(running)).toEqual([0, true]);
  expect(await search(running)).toEqual([0, false]);
  await Promise.all([first.close(), second.close()]);
});
