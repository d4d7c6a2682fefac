import { describe, expect, test } from 'vitest';
import { createVirtualClock } from '../../../core/src/testing/virtual-clock';
import { createRunWatch } from './run-watch';

function setUp(timeoutMs: number | undefined = 100) {
  const clock = createVirtualClock();
  const hangs: number[] = [];
  /** Milliseconds by which timers come too late. */
  const late = { ms: 0 };
  const slow = { ...clock, setTimer: (callback: () => void, ms: number) => clock.setTimer(callback, ms + late.ms) };
  const watch = createRunWatch({ clock: slow, timeoutMs, onHang: () => void hangs.push(clock.now()) });
  return { clock, watch, hangs, late };
}

describe('a watch', () => {
  test('tells of a batch that does not come back, each time that its time has passed', async () => {
    const { clock, watch, hangs } = setUp();
    const start = clock.now();
    watch.begin();
    await clock.advance(99);
    expect(hangs).toEqual([]);
    await clock.advance(1);
    expect(hangs.map((at) => at - start)).toEqual([100]);
    watch.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  test('counts from the last answer, since batches wait for one another', async () => {
    const { clock, watch, hangs } = setUp();
    for (let batch = 0; batch < 3; batch++) watch.begin();
    for (let batch = 0; batch < 3; batch++) {
      await clock.advance(80);
      watch.end();
    }
    await clock.advance(500);
    expect(hangs).toEqual([]);
    expect(watch.running).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test('gives a batch its whole time again after a sleep of the machine', async () => {
    const { clock, watch, hangs, late } = setUp();
    late.ms = 5000;
    watch.begin();
    late.ms = 0;
    await clock.advance(5100);
    expect(hangs).toEqual([]);
    await clock.advance(100);
    expect(hangs).toHaveLength(1);
    watch.stop();
  });

  test('gives it once, since timers are always late in a tab that nobody sees', async () => {
    const { clock, watch, hangs, late } = setUp();
    late.ms = 5000;
    watch.begin();
    await clock.advance(11_000);
    expect(hangs).toHaveLength(1);
    watch.stop();
  });

  test('without a time watches nothing', async () => {
    const { clock, watch } = setUp(Number.POSITIVE_INFINITY);
    watch.stop();
    watch.begin();
    expect(clock.pendingTimers).toBe(0);
    const unwatched = createRunWatch({ clock, timeoutMs: undefined, onHang: () => undefined });
    unwatched.begin();
    expect(clock.pendingTimers).toBe(0);
  });

  test('knows when nothing is out', async () => {
    const { watch } = setUp();
    await watch.idle();
    watch.begin();
    let idle = false;
    void watch.idle().then(() => {
      idle = true;
    });
    await Promise.resolve();
    expect(idle).toBe(false);
    watch.end();
    await Promise.resolve();
    expect(idle).toBe(true);
    watch.stop();
  });
});
