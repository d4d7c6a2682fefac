import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseOfTwo } from './choose';
import { outlierReason } from './outliers';
import { PeakEwma } from './peak-ewma';
import { RecentLatencies } from './recent-latencies';
import { RecentOutcomes } from './recent-outcomes';

/** A generator of numbers of [0, 1) that gives the same ones each time. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('PeakEwma', () => {
  it('rises at once, falls slowly, and forgets over ten seconds without measurements', () => {
    const ewma = new PeakEwma();
    expect(ewma.at(5)).toBe(0);
    ewma.add(10, 0);
    ewma.add(100, 1000);
    expect(ewma.at(1000)).toBe(100);
    ewma.add(10, 2000);
    expect(ewma.at(2000)).toBeCloseTo(100 * Math.exp(-0.1) + 10 * (1 - Math.exp(-0.1)), 9);
    expect(ewma.at(12_000)).toBeCloseTo(ewma.at(2000) / Math.E, 9);
  });

  it('is never below a constant that is measured often, nor above the most that was measured', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1, max: 1000, noNaN: true }), { minLength: 1 }), (values) => {
        const ewma = new PeakEwma();
        for (const [index, value] of values.entries()) ewma.add(value, index);
        expect(ewma.at(values.length - 1)).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
        expect(ewma.at(values.length - 1)).toBeGreaterThanOrEqual(Math.min(...values) * Math.exp(-0.0001) - 1e-9);
      }),
    );
  });
});

describe('RecentLatencies', () => {
  it('says nothing before twenty measurements, then the quantile of the last 256', () => {
    const recent = new RecentLatencies(0.95);
    for (let ms = 1; ms < 20; ms++) recent.add(ms);
    expect(recent.quantileMs).toBeUndefined();
    recent.add(20);
    expect(recent.quantileMs).toBe(19);
    for (let index = 0; index < 268; index++) recent.add(1000 + index);
    // The 244th smallest of 1012 … 1267.
    expect(recent.quantileMs).toBe(1255);
  });
});

describe('RecentOutcomes', () => {
  it('counts ten seconds, across any pause and below zero', () => {
    for (const start of [0, -1e6, 123_456]) {
      const outcomes = new RecentOutcomes();
      outcomes.addAnswer(5, start);
      outcomes.addAnswer(7, start + 9000);
      outcomes.addFailure(start + 9000);
      expect(outcomes.totals(start + 9000)).toEqual({ answers: 2, failures: 1, answerMs: 12 });
      expect(outcomes.totals(start + 10_500)).toEqual({ answers: 1, failures: 1, answerMs: 7 });
      expect(outcomes.totals(start + 1e9)).toEqual({ answers: 0, failures: 0, answerMs: 0 });
    }
  });
});

describe('outlierReason', () => {
  const rule = { minimumRequests: 20, failureGap: 0.2, slowness: 5 };
  const of = (answers: number, failures: number, meanMs = 10) => ({ answers, failures, answerMs: answers * meanMs });

  it('tells who fails far more often than the others, and nobody where all fail alike', () => {
    expect(outlierReason(of(50, 50), [of(100, 0), of(100, 1)], rule)).toBe('failures');
    expect(outlierReason(of(50, 50), [of(50, 50), of(55, 45)], rule)).toBeUndefined();
    expect(outlierReason(of(90, 10), [of(100, 0), of(100, 0)], rule)).toBeUndefined();
  });

  it('needs enough requests of both sides', () => {
    expect(outlierReason(of(0, 19), [of(100, 0)], rule)).toBeUndefined();
    expect(outlierReason(of(0, 20), [of(19, 0)], rule)).toBeUndefined();
    expect(outlierReason(of(0, 20), [of(20, 0)], rule)).toBe('failures');
  });

  it('tells who takes far longer than the middle of the others', () => {
    expect(outlierReason(of(30, 0, 50), [of(30, 0, 10), of(30, 0, 90)], rule)).toBe('slow');
    expect(outlierReason(of(30, 0, 49), [of(30, 0, 10), of(30, 0, 10)], rule)).toBeUndefined();
    expect(outlierReason(of(30, 0, 500), [of(0, 30)], rule)).toBeUndefined();
  });

  it('takes two equal endpoints apart by chance less than once in a thousand looks', () => {
    const random = mulberry(7);
    let taken = 0;
    for (let look = 0; look < 20_000; look++) {
      const draw = () => {
        let failures = 0;
        for (let request = 0; request < 40; request++) if (random() < 0.3) failures++;
        return of(40 - failures, failures);
      };
      if (outlierReason(draw(), [draw()], rule) !== undefined) taken++;
    }
    expect(taken).toBeLessThan(20);
  });
});

describe('chooseOfTwo', () => {
  const at = (cost: number) => ({ cost: () => cost });

  it('takes the only one, and none of none', () => {
    expect(chooseOfTwo([], 0, Math.random)).toBeUndefined();
    const one = at(3);
    expect(chooseOfTwo([one], 0, Math.random)).toBe(one);
  });

  it('never takes the dearest of two or more, and every other one sometimes', () => {
    const candidates = [at(1), at(2), at(3), at(4)];
    const random = mulberry(3);
    const counts = candidates.map(() => 0);
    for (let turn = 0; turn < 6000; turn++) {
      const index = candidates.indexOf(chooseOfTwo(candidates, 0, random) as (typeof candidates)[0]);
      counts[index] = (counts[index] as number) + 1;
    }
    // Of the six pairs the cheapest wins three, the second two, the third one.
    expect(counts[3]).toBe(0);
    for (const [index, share] of [3 / 6, 2 / 6, 1 / 6].entries()) {
      expect(Math.abs((counts[index] as number) / 6000 - share)).toBeLessThan(0.03);
    }
  });

  it('keeps the longest queue far shorter than chance alone does', () => {
    const longest = (choose: (queues: { length: number; cost(): number }[]) => { length: number } | undefined) => {
      const queues = Array.from({ length: 100 }, () => {
        const queue = { length: 0, cost: () => queue.length };
        return queue;
      });
      for (let request = 0; request < 1000; request++) {
        const chosen = choose(queues);
        if (chosen !== undefined) chosen.length++;
      }
      return Math.max(...queues.map(({ length }) => length));
    };
    const random = mulberry(11);
    expect(longest((queues) => chooseOfTwo(queues, 0, random))).toBeLessThanOrEqual(13);
    expect(longest((queues) => queues[Math.floor(random() * queues.length)])).toBeGreaterThan(15);
  });
});
