import type { Clock, ClockTimer } from '@fairlead/core';

/** Notices that a worker, which computes one batch after the other, has stopped answering. */
export interface RunWatch {
  /** A batch was sent. */
  begin(): void;
  /** A batch came back, whatever became of it. */
  end(): void;
  /** Batches that are out. */
  readonly running: number;
  /** Resolves when none is out. */
  idle(): Promise<void>;
  /** Watches no more. */
  stop(): void;
}

/** What a watch is made of. */
export interface RunWatchParts {
  readonly clock: Clock;
  /** Milliseconds without an answer after which a batch counts as hung; undefined where nothing is watched. */
  readonly timeoutMs: number | undefined;
  /** Called once for each time that they pass. */
  readonly onHang: () => void;
}

/** A timer that comes later than this was held up itself: the tab was frozen, or the machine slept. */
const sleptMs = 1000;

/** Makes a watch. It keeps one timer, however many batches there are. */
export function createRunWatch({ clock, timeoutMs, onHang }: RunWatchParts): RunWatch {
  let running = 0;
  /** When the last answer came, or a batch was sent to a worker without work. */
  let progressAt = 0;
  let timer: ClockTimer | undefined;
  /** Whether a batch was given its time again. */
  let wasSlept = false;
  let stopped = false;
  const waiting: (() => void)[] = [];

  const arm = (delayMs: number): void => {
    const dueAt = clock.now() + delayMs;
    timer = clock.setTimer(() => look(dueAt), delayMs);
  };

  const look = (dueAt: number): void => {
    timer = undefined;
    if (stopped || running === 0 || timeoutMs === undefined) return;
    const now = clock.now();
    // Answers may have come in the meantime and wait to be heard; in a tab that nobody sees, every timer is late.
    if (now - dueAt > sleptMs && !wasSlept) {
      wasSlept = true;
      progressAt = now;
    }
    const leftMs = progressAt + timeoutMs - now;
    if (leftMs > 0) {
      arm(leftMs);
      return;
    }
    progressAt = now;
    onHang();
  };

  return {
    begin() {
      if (running++ > 0 || timeoutMs === undefined || stopped) return;
      progressAt = clock.now();
      if (timer === undefined) arm(timeoutMs);
    },
    end() {
      wasSlept = false;
      if (--running === 0) for (const resolve of waiting.splice(0)) resolve();
      if (timeoutMs !== undefined) progressAt = clock.now();
    },
    idle: () => (running === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.push(resolve))),
    get running() {
      return running;
    },
    stop() {
      stopped = true;
      timer?.clear();
      timer = undefined;
    },
  };
}
