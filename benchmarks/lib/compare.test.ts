import { describe, expect, it } from 'vitest';
import { compare, compareWithBest, timed } from './compare';

describe('compare', () => {
  it('warms up, then alternates who goes first, and counts only the measured rounds', async () => {
    const calls: string[] = [];
    const contestant = (name: string, figures: number[]) => () => {
      calls.push(name);
      return figures.shift() ?? Number.NaN;
    };
    const result = await compare(contestant('a', [1000, 8, 6, 10]), contestant('b', [1, 4, 2, 2]), {
      rounds: 3,
      warmUpRounds: 1,
    });
    expect(calls.join('')).toBe('ba' + 'ab' + 'ba' + 'ab');
    expect(result).toEqual({ a: 8, b: 2, ratio: 3, difference: 4 });
  });

  it('refuses to measure no round', async () => {
    await expect(compare(timed(Boolean), timed(Boolean), { rounds: 0 })).rejects.toThrow(
      'rounds must be a positive integer, given 0',
    );
  });
});

describe('compareWithBest', () => {
  it('runs the contestant amid its rivals, whose order changes, and holds it against the best median', async () => {
    const calls: string[] = [];
    const contestant = (name: string, figures: number[]) => () => {
      calls.push(name);
      return figures.shift() ?? Number.NaN;
    };
    const result = await compareWithBest(
      contestant('a', [1000, 8, 9, 10]),
      [
        // The highest single figure is in the first, the highest median in the second.
        contestant('x', [1000, 2, 99, 4]),
        contestant('y', [1000, 10, 10, 20]),
        contestant('z', [1000, 1, 1, 1]),
      ],
      { rounds: 3, warmUpRounds: 1 },
    );
    expect(calls.join('')).toBe('zyax' + 'xyaz' + 'zyax' + 'xyaz');
    expect(result).toEqual({ a: 9, best: 10, bestIndex: 1, ratio: 0.8 });
  });

  it('takes a single rival', async () => {
    expect(await compareWithBest(() => 3, [() => 2], { rounds: 1 })).toEqual({
      a: 3,
      best: 2,
      bestIndex: 0,
      ratio: 1.5,
    });
  });

  it.each([
    [[() => 1], 0, 'rounds must be a positive integer, given 0'],
    [[], 1, 'one rival at least'],
  ])('refuses what cannot be measured', async (rivals, rounds, message) => {
    await expect(compareWithBest(() => 1, rivals, { rounds })).rejects.toThrow(message);
  });
});

describe('timed', () => {
  it('waits for the work and gives the time it took', async () => {
    let done = false;
    const figure = await timed(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      done = true;
    })();
    expect(done).toBe(true);
    expect(figure).toBeGreaterThan(0);
  });
});
