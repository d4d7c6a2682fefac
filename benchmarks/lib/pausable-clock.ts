import { type Clock, systemClock } from '@fairlead/core';

/** A clock that can be stopped: for what goes by it no time passes then, and no timer fires. */
export interface PausableClock extends Clock {
  pause(): void;
  resume(): void;
}

interface Waiting {
  readonly callback: () => void;
  leftMs: number;
  startedAt: number;
  stop: () => void;
}

/** Makes a clock that goes as another one does until it is paused. */
export function createPausableClock(clock: Clock = systemClock): PausableClock {
  let lostMs = 0;
  let pausedAt: number | undefined;
  const waiting = new Set<Waiting>();
  const start = (timer: Waiting): void => {
    timer.startedAt = clock.now();
    const handle = clock.setTimer(() => {
      waiting.delete(timer);
      timer.callback();
    }, timer.leftMs);
    timer.stop = () => handle.clear();
  };
  return {
    now: () => (pausedAt ?? clock.now()) - lostMs,
    epochMs: () => clock.epochMs(),
    defer: (callback) => clock.defer(callback),
    setTimer(callback, delayMs) {
      const timer: Waiting = { callback, leftMs: delayMs, startedAt: 0, stop() {} };
      waiting.add(timer);
      if (pausedAt === undefined) start(timer);
      return {
        clear() {
          waiting.delete(timer);
          timer.stop();
        },
      };
    },
    pause() {
      if (pausedAt !== undefined) return;
      pausedAt = clock.now();
      for (const timer of waiting) {
        timer.stop();
        timer.leftMs = Math.max(0, timer.leftMs - (pausedAt - timer.startedAt));
      }
    },
    resume() {
      if (pausedAt === undefined) return;
      lostMs += clock.now() - pausedAt;
      pausedAt = undefined;
      for (const timer of waiting) start(timer);
    },
  };
}
