import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from './clock';

describe('a timer of the process', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each([2 ** 31, 10 * 2 ** 31, 1e12])('waits %d ms, which are more than 32 bits', (delayMs) => {
    const callback = vi.fn();
    systemClock.setTimer(callback, delayMs);
    vi.advanceTimersByTime(delayMs - 1);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is cleared wherever it stands, and never comes where it waits for ever', () => {
    const callback = vi.fn();
    const timers = [100, 3 * 2 ** 31, Number.POSITIVE_INFINITY].map((ms) => systemClock.setTimer(callback, ms));
    timers[0]?.clear();
    vi.advanceTimersByTime(2 * 2 ** 31);
    for (const timer of timers) timer.clear();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(10 * 2 ** 31);
    expect(callback).not.toHaveBeenCalled();
  });
});
