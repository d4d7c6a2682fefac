import { describe, expect, it } from 'vitest';
import { depthFor, findDepth } from './model-size';

describe('depthFor', () => {
  it('follows the line through two measurements', () => {
    expect(depthFor(20, { depth: 2, ms: 3 }, { depth: 8, ms: 6 })).toBe(36);
    expect(depthFor(4, { depth: 8, ms: 6 }, { depth: 2, ms: 3 })).toBe(4);
  });

  it('asks for one layer at least and for 400 at most', () => {
    expect(depthFor(1, { depth: 2, ms: 30 }, { depth: 8, ms: 60 })).toBe(1);
    expect(depthFor(20, { depth: 2, ms: 0.001 }, { depth: 8, ms: 0.002 })).toBe(400);
  });

  it('goes by the mean time of a layer where the deeper model seems as fast', () => {
    expect(depthFor(20, { depth: 2, ms: 4 }, { depth: 8, ms: 4 })).toBe(40);
    expect(depthFor(20, { depth: 2, ms: 9 }, { depth: 8, ms: 4 })).toBe(40);
  });

  it('refuses two measurements of one depth', () => {
    expect(() => depthFor(20, { depth: 2, ms: 4 }, { depth: 2, ms: 5 })).toThrow('given 2 twice');
  });
});

describe('findDepth', () => {
  it('is there at the third trial where the line is straight', async () => {
    const tried: number[] = [];
    const found = await findDepth(20, async (depth) => {
      tried.push(depth);
      return 2 + depth / 2;
    });
    expect(found).toEqual({ depth: 36, ms: 20 });
    expect(tried).toEqual([2, 8, 36]);
  });

  it('takes the first trial that is near enough', async () => {
    expect(await findDepth(20, async (depth) => depth * 9)).toEqual({ depth: 2, ms: 18 });
  });

  it('draws nearer where the first trials told little', async () => {
    const { depth, ms } = await findDepth(20, async (layers) => layers ** 1.5 / 10);
    expect([depth, ms]).toEqual([expect.any(Number), expect.closeTo(20, -1)]);
    expect(Math.abs(ms - 20)).toBeLessThanOrEqual(3);
  });

  it('settles for the nearest where a layer is too much or too little', async () => {
    expect(await findDepth(5, async (depth) => depth * 8)).toEqual({ depth: 1, ms: 8 });
  });

  it('ends where the machine answers by chance', async () => {
    let calls = 0;
    const found = await findDepth(20, async () => {
      calls++;
      return 100 + calls;
    });
    expect(calls).toBeLessThanOrEqual(6);
    expect(found.ms).toBe(101);
  });
});
