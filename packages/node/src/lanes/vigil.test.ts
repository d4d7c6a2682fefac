import { describe, expect, test } from 'vitest';
import { createVigil, type Vigil } from './vigil';

interface Loop {
  readonly vigil: Vigil;
  /** Turns the loop, which takes so long; answers whether something wanted another turn. */
  turn(ms: number): boolean;
  pass(ms: number): void;
}

function loopOf(cores = 2): Loop {
  const callbacks: (() => void)[] = [];
  let now = 0;
  const vigil = createVigil({ now: () => now, defer: (callback) => void callbacks.push(callback), cores });
  return {
    vigil,
    turn(ms) {
      const due = callbacks.splice(0);
      now += ms;
      for (const callback of due) callback();
      return due.length > 0;
    },
    pass: (ms) => {
      now += ms;
    },
  };
}

/** Gives a worker something that takes so long, without looking at the loop. */
function work({ vigil, pass }: Loop, ms: number): void {
  vigil.begin();
  pass(ms);
  vigil.end();
}

describe('a vigil', () => {
  test('is kept for a fifth of a millisecond behind a worker that was quick before', () => {
    const loop = loopOf();
    work(loop, 0.1);
    loop.vigil.begin();
    expect([0.09, 0.09, 0.09, 0.09].map((ms) => loop.turn(ms))).toEqual([true, true, true, false]);
  });

  test('ends with the answer', () => {
    const loop = loopOf();
    work(loop, 0.1);
    loop.vigil.begin();
    loop.turn(0.05);
    loop.vigil.end();
    expect([loop.turn(0.01), loop.turn(0.01)]).toEqual([true, false]);
  });

  test('is not kept before it is known how quick the worker is, nor behind a slow one', () => {
    const loop = loopOf();
    loop.vigil.begin();
    expect(loop.turn(0.5)).toBe(false);
    loop.vigil.end();
    loop.vigil.begin();
    expect(loop.turn(0.1)).toBe(false);
    loop.vigil.end();
    // That one was quick.
    loop.vigil.begin();
    expect(loop.turn(0.1)).toBe(true);
  });

  test('goes on as one when the next batch follows at once', () => {
    const loop = loopOf();
    work(loop, 0.1);
    loop.vigil.begin();
    loop.turn(0.05);
    loop.vigil.end();
    loop.vigil.begin();
    expect([0.1, 0.11, 0.1].map((ms) => loop.turn(ms))).toEqual([true, true, false]);
  });

  test('is not kept on one core, which the worker needs', () => {
    const loop = loopOf(1);
    work(loop, 0.1);
    loop.vigil.begin();
    expect(loop.turn(0.01)).toBe(false);
  });
});
