import { createVirtualClock } from '@fairlead/core/testing';
import { expect, it, vi } from 'vitest';
import { createPausableClock } from './pausable-clock';

it('stands still while it is paused, and goes on from there', async () => {
  const clock = createVirtualClock();
  const pausable = createPausableClock(clock);
  const from = pausable.now();
  const fired = vi.fn();
  pausable.setTimer(() => fired(pausable.now() - from), 10);
  await clock.advance(4);
  pausable.pause();
  const later = vi.fn();
  pausable.setTimer(later, 3);
  await clock.advance(1000);
  expect(pausable.now() - from).toBe(4);
  expect([fired, later].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
  pausable.resume();
  await clock.advance(5);
  expect([fired, later].map(({ mock }) => mock.calls.length)).toEqual([0, 1]);
  await clock.advance(1);
  expect(fired).toHaveBeenCalledExactlyOnceWith(10);
});

it('clears timers, whether it is paused or not', async () => {
  const clock = createVirtualClock();
  const pausable = createPausableClock(clock);
  const fired = vi.fn();
  const [first, second] = [pausable.setTimer(fired, 5), pausable.setTimer(fired, 5)];
  first.clear();
  pausable.pause();
  second.clear();
  pausable.resume();
  await clock.advance(100);
  expect(fired).not.toHaveBeenCalled();
  expect(clock.pendingTimers).toBe(0);
});
