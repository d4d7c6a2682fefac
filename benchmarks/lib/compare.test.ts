import { describe, expect, it } from 'vitest';
import { compare, timed } from './compare';

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
    expect(result).toEqual({ a: 8, b: 2, ratio: 3 });
  });

  it('refuses to measure no round', async () => {
    await expect(compare(timed(Boolean), timed(Boolean), { rounds: 0 })).rejects.toThrow(
      'rounds must be a positive integer, given 0',
    );
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
