import { describe, expect, it } from 'vitest';
import { driveOpen, type Ticker } from './open-load';

/** A ticker whose ticks take so many milliseconds, in turn; the last of them from then on. */
function ticking(...steps: number[]): Ticker & { at: number } {
  return {
    at: 0,
    now() {
      return this.at;
    },
    async tick() {
      // What was answered at once has been told by then.
      await new Promise(setImmediate);
      this.at += (steps.length > 1 ? steps.shift() : steps[0]) as number;
    },
  };
}

describe('driveOpen', () => {
  it('sends at its rate by the time that has passed, whatever becomes of what was sent', async () => {
    const ticker = ticking(1);
    const sentAt: number[] = [];
    let finish: () => void = () => {};
    const stuck = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const load = { perSecond: 500, durationMs: 20, patienceMs: 5 };
    const result = driveOpen(
      {
        ...load,
        request: (index) => {
          expect(index).toBe(sentAt.length);
          sentAt.push(ticker.at);
          // The last is sent while all before it still wait.
          if (sentAt.length === 9) finish();
          return stuck;
        },
      },
      ticker,
    );
    expect((await result).sent).toBe(9);
    expect(sentAt).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18]);
  });

  it('tells answers in time from late ones and from failures, by what their callers saw', async () => {
    const ticker = ticking(10);
    const answers: (() => Promise<void>)[] = [
      async () => {},
      async () => {
        ticker.at += 5;
      },
      async () => {
        ticker.at += 6;
      },
      async () => {
        throw Object.assign(new Error('full'), { code: 'OVERLOADED' });
      },
      async () => {
        throw new TypeError('broken');
      },
      () => Promise.reject('nothing'),
    ];
    const result = await driveOpen(
      {
        perSecond: 100,
        durationMs: 1000,
        patienceMs: 5,
        request: async (index) => {
          await answers[index]?.();
        },
      },
      ticker,
    );
    expect(result.failed).toEqual(
      new Map([
        ['OVERLOADED', 1],
        ['TypeError', 1],
        ['nothing', 1],
      ]),
    );
    expect(result).toMatchObject({ late: 1, slowestMs: 6, inTime: result.sent - 4 });
  });

  it('catches up with twenty milliseconds at most after a stall, and says what it left out', async () => {
    const ticker = ticking(1, 1, 50, 1);
    const sentAt: number[] = [];
    const { sent, skipped } = await driveOpen(
      {
        perSecond: 1000,
        durationMs: 60,
        patienceMs: 5,
        request: async () => {
          sentAt.push(ticker.at);
        },
      },
      ticker,
    );
    expect(sentAt.filter((at) => at === 52)).toHaveLength(20);
    expect(skipped).toBe(30);
    expect(sent + skipped).toBe(59);
  });

  it('ends though nothing was due', async () => {
    const request = () => Promise.reject(new Error('never sent'));
    expect(await driveOpen({ perSecond: 1, durationMs: 10, patienceMs: 1, request }, ticking(5))).toMatchObject({
      sent: 0,
      inTime: 0,
      slowestMs: 0,
    });
  });
});
