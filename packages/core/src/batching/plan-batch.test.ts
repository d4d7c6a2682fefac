import { describe, expect, test } from 'vitest';
import { type BatchSituation, planBatch, usefulWaitMs } from './plan-batch';
import { ShapeCosts } from './shape-costs';

/** Costs of batches that take `fixedMs + rows * msPerRow` milliseconds, on two lanes. */
function costsOf(fixedMs: number, msPerRow: number, objective: 'latency' | 'throughput' = 'latency'): ShapeCosts {
  const costs = new ShapeCosts(2, 64, objective);
  const times = [1, 2, 4, 8, 16, 32, 64].map((rows) => ({ rows, computeMs: fixedMs + rows * msPerRow }));
  costs.seed(0, times);
  costs.seed(1, times);
  return costs;
}

const calm: BatchSituation = {
  waitingRows: 1,
  headRows: 1,
  slackMs: Number.POSITIVE_INFINITY,
  maxRows: 64,
  idleLanes: 1,
  explores: false,
};

describe('a batch', () => {
  test('takes what waits where that is little', () => {
    expect(planBatch(costsOf(1, 0.1), 0, { ...calm, waitingRows: 5 })).toEqual({ rows: 5, reason: undefined });
  });

  test('grows no further than it gains', () => {
    // A batch of 1 costs all but the same a row as one of 64, so that it should not wait for others to be computed.
    const plan = planBatch(costsOf(0, 1), 0, { ...calm, waitingRows: 500 });
    expect(plan.reason).toBe('knee');
    expect(plan.rows).toBeLessThanOrEqual(2);
    expect(planBatch(costsOf(10, 0.001), 0, { ...calm, waitingRows: 500 })).toEqual({ rows: 64, reason: 'full' });
  });

  test('is now and then twice as large, to see what it takes nowadays', () => {
    const costs = costsOf(0, 1);
    const { target } = costs.sizes(0);
    expect(planBatch(costs, 0, { ...calm, waitingRows: 500, explores: true }).rows).toBe(2 * target);
    expect(planBatch(costs, 0, { ...calm, waitingRows: 500, maxRows: target, explores: true }).rows).toBe(target);
  });

  test('of unknown cost grows as far as it may', () => {
    const costs = new ShapeCosts(1, 64, 'latency');
    expect(planBatch(costs, 0, { ...calm, waitingRows: 500 })).toEqual({ rows: 64, reason: 'full' });
    expect(planBatch(costs, 0, { ...calm, waitingRows: 500, maxRows: 16 })).toEqual({ rows: 16, reason: 'full' });
  });

  test('is cut to what is done before the first deadline', () => {
    const costs = costsOf(2, 0.5);
    const plan = planBatch(costs, 0, { ...calm, waitingRows: 64, slackMs: 12 });
    expect(plan.reason).toBe('deadline');
    expect(plan.rows).toBeGreaterThan(4);
    expect(costs.predictMs(0, plan.rows)).toBeLessThanOrEqual(12);
  });

  test('is shared with idle lanes, but not into crumbs', () => {
    expect(planBatch(costsOf(2, 0.5), 0, { ...calm, waitingRows: 40, idleLanes: 2 }).rows).toBe(20);
    expect(planBatch(costsOf(10, 0.01), 0, { ...calm, waitingRows: 8, idleLanes: 8 }).rows).toBe(8);
  });

  test('is at least the request that leaves first', () => {
    expect(planBatch(costsOf(0, 1), 0, { ...calm, waitingRows: 40, headRows: 30 }).rows).toBe(30);
  });

  test('is not made for a request that is late anyway, unless it is alone', () => {
    const costs = costsOf(5, 1);
    expect(planBatch(costs, 0, { ...calm, waitingRows: 40, slackMs: 3 })).toEqual({ rows: 0 });
    expect(planBatch(costs, 0, { ...calm, waitingRows: 1, slackMs: 3 })).toEqual({ rows: 1, reason: 'deadline' });
  });
});

describe('a wait for more rows', () => {
  test('is as long as arrivals promise a better rate', () => {
    const costs = costsOf(20, 0.1, 'throughput');
    const waitMs = usefulWaitMs(costs, 0, { waitingRows: 4, rowsPerMs: 4, slackMs: Number.POSITIVE_INFINITY });
    expect(waitMs).toBeGreaterThan(5);
    expect(waitMs).toBeLessThanOrEqual(15);
  });

  test('is none where rows cost what they cost, nothing arrives, or enough is there', () => {
    const slackMs = Number.POSITIVE_INFINITY;
    expect(usefulWaitMs(costsOf(0, 1, 'throughput'), 0, { waitingRows: 4, rowsPerMs: 4, slackMs })).toBe(0);
    expect(usefulWaitMs(costsOf(20, 0.1, 'throughput'), 0, { waitingRows: 4, rowsPerMs: 0, slackMs })).toBe(0);
    expect(usefulWaitMs(costsOf(20, 0.1, 'throughput'), 0, { waitingRows: 64, rowsPerMs: 4, slackMs })).toBe(0);
  });

  test('never goes past a deadline', () => {
    const costs = costsOf(20, 0.1, 'throughput');
    const waitMs = usefulWaitMs(costs, 0, { waitingRows: 4, rowsPerMs: 4, slackMs: 30 });
    expect(waitMs + costs.predictP95Ms(0, 4 + 4 * waitMs)).toBeLessThanOrEqual(30);
    expect(usefulWaitMs(costs, 0, { waitingRows: 4, rowsPerMs: 4, slackMs: 20 })).toBe(0);
  });
});
