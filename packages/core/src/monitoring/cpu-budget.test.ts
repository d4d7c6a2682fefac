import { describe, expect, it } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock';
import { CpuBudget } from './cpu-budget';

/** Sends a batch of 64 rows each millisecond; a row costs `rowMs`. */
async function spendFor(share: number, milliseconds: number, rowMs: number) {
  const clock = createVirtualClock();
  const budget = new CpuBudget(clock, share);
  let taken = 0;
  for (let i = 0; i < milliseconds; i++) {
    await clock.advance(1);
    const rows = budget.allowance(64, clock.now());
    budget.spend(rows * rowMs, rows);
    taken += rows;
  }
  return { taken, seen: milliseconds * 64, budget };
}

describe('CpuBudget', () => {
  it('takes every row as long as that stays within the share', async () => {
    const { taken, seen, budget } = await spendFor(0.05, 3000, 0.0005);
    // The very first row goes by itself.
    expect(taken).toBe(seen - 63);
    expect(budget.spentShare).toBeCloseTo((taken * 0.0005) / 3000, 9);
  });

  it('takes as many rows as the share allows when they cost more', async () => {
    const { taken, seen, budget } = await spendFor(0.05, 20_000, 0.01);
    expect(budget.spentShare).toBeLessThanOrEqual(0.0501);
    expect(budget.spentShare).toBeGreaterThan(0.045);
    expect(taken / seen).toBeCloseTo(0.05 / 0.64, 2);
    expect(budget.spentMs).toBeCloseTo(taken * 0.01, 6);
  });

  it('waits after something that was dearer than the balance, until the share has made up for it', async () => {
    const clock = createVirtualClock();
    const budget = new CpuBudget(clock, 0.1);
    budget.spend(1000, 64);
    expect(budget.allowance(64, clock.now())).toBe(0);
    await clock.advance(9_000);
    expect(budget.allowance(64, clock.now())).toBe(0);
    // The debt is paid, and there is enough for a row of 15.6 ms, though that is more than a tenth of a second allows.
    await clock.advance(1_500);
    expect(budget.allowance(64, clock.now())).toBe(1);
  });

  describe('saves up for a block where there is not enough for all rows', () => {
    /** What is taken of each batch of `rowsOf` rows, one a millisecond, when a block of rows takes so many milliseconds. */
    async function takeBlocks(
      batches: number,
      costOf: (rows: number, look: number) => number,
      rowsOf = (_: number) => 64,
    ) {
      const virtual = createVirtualClock();
      let busyMs = 0;
      let looks = 0;
      const clock = { ...virtual, now: () => virtual.now() + busyMs };
      const budget = new CpuBudget(clock, 0.05);
      const taken: number[] = [];
      for (let batch = 0; batch < batches; batch++) {
        await virtual.advance(1);
        const startedAt = clock.now();
        const rows = budget.allowance(rowsOf(batch), startedAt);
        if (rows > 0) busyMs += costOf(rows, looks++);
        if (rows > 0) budget.spend(clock.now() - startedAt, rows);
        taken.push(rows);
      }
      return { taken, budget, total: taken.reduce((sum, rows) => sum + rows, 0) };
    }

    it('half of the most that may be saved up', async () => {
      const { taken, budget } = await takeBlocks(10_000, (rows) => rows * 0.1);
      // 2.5 ms, and what was saved up until the next batch came.
      expect(new Set(taken.slice(100))).toEqual(new Set([0, 25]));
      expect(budget.spentShare).toBeLessThanOrEqual(0.0501);
      expect(budget.spentShare).toBeGreaterThan(0.045);
    });

    it('so that far more rows are taken where a look by itself costs something', async () => {
      const { total, budget } = await takeBlocks(10_000, (rows) => 0.25 + rows * 0.04);
      // One at a time, 5 % of ten seconds would do for 1724 rows.
      expect(total).toBeGreaterThan(9000);
      expect(budget.spentShare).toBeLessThanOrEqual(0.0501);
    });

    it('and takes no less of small batches than of large ones', async () => {
      const small = (batch: number): boolean => batch % 3 !== 0;
      const { taken } = await takeBlocks(
        30_000,
        (rows) => rows * 0.1,
        (batch) => (small(batch) ? 2 : 50),
      );
      const partOf = (isSmall: boolean): number => {
        const own = taken.filter((_, batch) => small(batch) === isSmall);
        return own.reduce((sum, rows) => sum + rows, 0) / (own.length * (isSmall ? 2 : 50));
      };
      expect(partOf(true) / partOf(false)).toBeGreaterThan(0.6);
      expect(partOf(true) / partOf(false)).toBeLessThan(1.6);
    });

    it.each([
      ['its first row cost', (look: number) => (look === 0 ? 6 : 0)],
      ['an interruption cost', (look: number) => (look === 10 ? 25 : 0)],
    ])('and soon forgets what %s', async (_what, extraMs) => {
      const { total, budget } = await takeBlocks(2000, (rows, look) => 0.25 + rows * 0.04 + extraMs(look));
      // Two seconds allow 100 ms: more than half of what large blocks would do in the time that is left.
      expect(total).toBeGreaterThan(800);
      expect(budget.spentShare).toBeLessThanOrEqual(0.051);
    });
  });

  it('saves up no more than a tenth of a second allows', async () => {
    const clock = createVirtualClock();
    const budget = new CpuBudget(clock, 0.1);
    budget.spend(1, 1);
    await clock.advance(3_600_000);
    expect(budget.allowance(1000, clock.now())).toBe(10);
  });

  describe('takes the first row of the first batch by itself', () => {
    /** What is taken of two batches of 64 rows, when taking so many rows takes so many milliseconds. */
    async function takeTwice(share: number, costOf: (taken: number) => number) {
      const virtual = createVirtualClock();
      let busyMs = 0;
      const clock = { ...virtual, now: () => virtual.now() + busyMs };
      const budget = new CpuBudget(clock, share);
      const takes: number[][] = [];
      for (let batch = 0; batch < 2; batch++) {
        await virtual.advance(1000);
        const startedAt = clock.now();
        budget.spendOn(64, startedAt, budget.allowance(64, startedAt), (from, rows, taken, now) => {
          expect(now).toBe(clock.now());
          takes.push([from, rows, taken]);
          busyMs += costOf(taken);
        });
      }
      expect(budget.spentMs).toBeCloseTo(busyMs, 9);
      return takes;
    }

    it('and the others where it was cheap', async () => {
      expect(await takeTwice(0.05, (taken) => taken * 0.01)).toEqual([
        [0, 1, 1],
        [1, 63, 63],
        [0, 64, 64],
      ]);
      expect(await takeTwice(0.05, () => 0)).toEqual([
        [0, 1, 1],
        [1, 63, 63],
        [0, 64, 64],
      ]);
    });

    it('and as many as it allows where it was dear', async () => {
      // Of the 5 ms that are saved up, the first takes 1, and those that are left 0.5.
      expect(await takeTwice(0.05, (taken) => taken * 1)).toEqual([
        [0, 1, 1],
        [1, 63, 4],
        [0, 64, 5],
      ]);
      expect((await takeTwice(0.05, (taken) => taken * 30))[1]).toEqual([1, 63, 0]);
    });

    it('but not without a limit', async () => {
      expect(await takeTwice(1, (taken) => taken * 100)).toEqual([
        [0, 64, 64],
        [0, 64, 64],
      ]);
    });
  });

  it('has no limit with the whole of the time', () => {
    const clock = createVirtualClock();
    const budget = new CpuBudget(clock, 1);
    budget.spend(1e9, 1);
    expect(budget.allowance(64, clock.now())).toBe(64);
    expect(budget.spentShare).toBe(0);
  });
});
