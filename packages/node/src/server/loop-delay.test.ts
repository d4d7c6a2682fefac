import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, it } from 'vitest';
import { createLoopDelay } from './loop-delay';

/** A loop whose turns are made by hand: `work` passes time, `endTurn` ends one. */
function makeLoop() {
  const clock = createVirtualClock();
  let ahead = 0;
  const deferred: (() => void)[] = [];
  const now = (): number => clock.now() + ahead;
  const loop = createLoopDelay({ ...clock, now, defer: (callback) => void deferred.push(callback) });
  const endTurn = (): void => {
    for (const callback of deferred.splice(0)) callback();
  };
  return {
    loop,
    endTurn,
    work: (ms: number): void => {
      ahead += ms;
    },
    /** A turn that reads requests, each of which takes so long. */
    turn: (requests: number, ms: number) => {
      const delays = Array.from({ length: requests }, () => {
        const delay = loop.read();
        ahead += ms;
        return delay;
      });
      endTurn();
      return delays;
    },
  };
}

describe('createLoopDelay', () => {
  it('takes the first requests after a rest for as fresh as they are', () => {
    const { turn, endTurn, work } = makeLoop();
    expect(turn(3, 10)).toEqual([
      { beforeMs: 0, turnMs: 0, turnReads: 1 },
      { beforeMs: 10, turnMs: 10, turnReads: 2 },
      { beforeMs: 20, turnMs: 20, turnReads: 3 },
    ]);
    // The next turn finds nothing to read.
    endTurn();
    work(5000);
    expect(turn(1, 10)).toEqual([{ beforeMs: 0, turnMs: 0, turnReads: 1 }]);
  });

  it('counts the turn before, where this one goes on from it', () => {
    const { turn } = makeLoop();
    turn(4, 10);
    // The first may have waited for the whole turn before, and so may the last, which came when this one began.
    expect(turn(4, 5)).toEqual([
      { beforeMs: 40, turnMs: 0, turnReads: 1 },
      { beforeMs: 40, turnMs: 5, turnReads: 2 },
      { beforeMs: 40, turnMs: 10, turnReads: 3 },
      { beforeMs: 40, turnMs: 15, turnReads: 4 },
    ]);
    expect(turn(3, 15).map(({ beforeMs }) => beforeMs)).toEqual([20, 20, 30]);
  });

  it('says for how long it has been behind', () => {
    const { loop, turn, endTurn, work } = makeLoop();
    expect(loop.behindMs()).toBe(0);
    turn(4, 10);
    turn(4, 10);
    expect(loop.behindMs()).toBe(80);
    turn(1, 10);
    expect(loop.behindMs()).toBe(90);
    endTurn();
    expect(loop.behindMs()).toBe(0);
    work(1000);
    expect(loop.behindMs()).toBe(0);
    turn(1, 10);
    expect(loop.behindMs()).toBe(10);
  });

  it('keeps up with turns that take next to no time', () => {
    const { loop, turn } = makeLoop();
    for (let count = 0; count < 1000; count++) expect(turn(1, 0.5)[0]?.beforeMs).toBe(0);
    expect(loop.behindMs()).toBe(0);
  });
});
