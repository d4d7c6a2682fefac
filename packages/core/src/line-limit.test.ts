import { expect, test } from 'vitest';
import { createLineLimit } from './line-limit';
import { createVirtualClock } from './testing/virtual-clock';

test('lets so many lines of a kind through in 10 s, and tells of the others when they are over', async () => {
  const clock = createVirtualClock();
  const told: unknown[] = [];
  const limit = createLineLimit({ clock, maxLines: 2, onSuppressed: (...facts) => told.push(facts) });
  const ask = (kind: string, times: number) => Array.from({ length: times }, () => limit.admits(kind));

  expect(ask('A', 4)).toEqual([true, true, false, false]);
  // Each kind has its own, from its own first line on.
  await clock.advance(4000);
  expect(ask('B', 2)).toEqual([true, true]);
  expect(told).toEqual([]);
  await clock.advance(6000);
  expect(told).toEqual([['A', 2, 10_000]]);
  expect(ask('A', 1)).toEqual([true]);
  expect(ask('B', 1)).toEqual([false]);
  await clock.advance(4000);
  expect(told).toEqual([
    ['A', 2, 10_000],
    ['B', 1, 10_000],
  ]);
  // What left nothing out has nothing to tell.
  await clock.advance(20_000);
  expect(told).toHaveLength(2);
});

test('lets nothing through with 0 lines, and counts it', async () => {
  const clock = createVirtualClock();
  const told: number[] = [];
  const limit = createLineLimit({ clock, maxLines: 0, onSuppressed: (_kind, count) => told.push(count) });
  for (let i = 0; i < 1000; i++) expect(limit.admits('A')).toBe(false);
  await clock.advance(10_000);
  expect(told).toEqual([1000]);
});
