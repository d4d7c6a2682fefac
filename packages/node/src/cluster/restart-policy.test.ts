import { createVirtualClock } from '@fairlead/core/testing';
import { expect, it } from 'vitest';
import { createRestartPolicy } from './restart-policy';

it('waits twice as long after each death, and gives up after one too many', () => {
  const policy = createRestartPolicy(9, 60_000, createVirtualClock());
  const waits = Array.from({ length: 10 }, () => policy.died());
  expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, undefined]);
});

it('forgets deaths that lie behind the window', async () => {
  const clock = createVirtualClock();
  const policy = createRestartPolicy(2, 1000, clock);
  expect([policy.died(), policy.died()]).toEqual([100, 200]);
  await clock.advance(1000);
  expect([policy.died(), policy.died(), policy.died()]).toEqual([100, 200, undefined]);
});

it('starts nothing again where nothing is to be', () => {
  expect(createRestartPolicy(0, 1000, createVirtualClock()).died()).toBeUndefined();
});
