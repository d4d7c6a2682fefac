import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCostModel } from './cost-model';

describe('the cost model', () => {
  test('knows nothing at first, and then allows any size', () => {
    const model = createCostModel();
    expect(model.known).toBe(false);
    expect(model.predictMs(8)).toBe(0);
    expect(model.knee(64, 0.97)).toBe(64);
  });

  test('finds the line of an exact cost', () => {
    const model = createCostModel();
    for (const rows of [1, 2, 4, 8, 16, 32, 64])
      for (let run = 0; run < 5; run++) model.observe(rows, 0.5 + 0.01 * rows);
    expect(model.fixedMs).toBeCloseTo(0.5, 6);
    expect(model.msPerRow).toBeCloseTo(0.01, 8);
    expect(model.predictMs(48)).toBeCloseTo(0.98, 6);
  });

  test('predicts from a single size by its own time', () => {
    const model = createCostModel();
    model.observe(16, 3);
    expect(model.predictMs(16)).toBeCloseTo(3, 9);
    expect(model.predictMs(1)).toBeCloseTo(3, 9);
  });

  test('follows a size that is off the line', () => {
    const model = createCostModel();
    for (let run = 0; run < 30; run++) {
      for (const rows of [1, 2, 4, 8, 16, 32]) model.observe(rows, 0.12 * rows);
      model.observe(64, 16);
    }
    expect(model.predictMs(64)).toBeCloseTo(16, 0);
    expect(model.predictMs(32)).toBeCloseTo(3.84, 1);
  });

  test('puts the knee where larger batches gain nothing', () => {
    const flat = createCostModel();
    const linear = createCostModel();
    for (const rows of [1, 2, 4, 8, 16, 32, 64]) {
      flat.observe(rows, 1);
      linear.observe(rows, rows);
    }
    expect(flat.knee(64, 0.97)).toBe(64);
    expect(linear.knee(64, 0.97)).toBe(1);
  });

  test('learns little from one stall and moves with a lasting change', () => {
    const model = createCostModel();
    for (let run = 0; run < 50; run++) model.observe(8, 1 + (run % 2) * 0.02);
    model.observe(8, 500);
    expect(model.predictMs(8)).toBeLessThan(1.1);
    for (let run = 0; run < 200; run++) model.observe(8, 3);
    expect(model.predictMs(8)).toBeCloseTo(3, 1);
  });

  test('keeps the 95th percentile of noisy batches', () => {
    const model = createCostModel();
    let state = 1;
    for (let run = 0; run < 5000; run++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      model.observe(4, 1 + state / 2 ** 32);
    }
    expect(model.predictP95Ms(4)).toBeGreaterThan(1.8);
    expect(model.predictP95Ms(4)).toBeLessThan(2.1);
  });

  test('is never negative, and ignores what is no time', () => {
    const samples = fc.array(fc.tuple(fc.integer({ min: 1, max: 512 }), fc.double({ min: 0, max: 1e6, noNaN: true })));
    fc.assert(
      fc.property(samples, (observed) => {
        const model = createCostModel();
        for (const [rows, ms] of observed) model.observe(rows, ms);
        for (const bad of [Number.NaN, -1, Number.POSITIVE_INFINITY]) model.observe(4, bad);
        expect(model.fixedMs).toBeGreaterThanOrEqual(0);
        expect(model.msPerRow).toBeGreaterThanOrEqual(0);
        for (const rows of [1, 7, 64, 512]) {
          expect(model.predictMs(rows)).toBeGreaterThanOrEqual(0);
          expect(model.predictP95Ms(rows)).toBeGreaterThanOrEqual(model.predictMs(rows));
        }
        expect(model.knee(64, 0.97)).toBeGreaterThanOrEqual(1);
        expect(model.knee(64, 0.97)).toBeLessThanOrEqual(64);
      }),
    );
  });
});
