import { describe, expect, it } from 'vitest';
import { createRandom } from '../random';
import { type MmdOutcome, MmdTest } from './mmd-test';

function run(test: MmdTest, window: Float32Array): { outcome: MmdOutcome; steps: number } {
  const steps = test.steps(window);
  for (let count = 1; ; count++) {
    const step = steps.next();
    if (step.done) return { outcome: step.value, steps: count };
  }
}

/** The estimate by its definition, over all ordered pairs. */
function byDefinition(x: readonly number[][], y: readonly number[][], sigma: number): number {
  const kernel = (a: readonly number[], b: readonly number[]) =>
    Math.exp(-a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0) / (2 * sigma * sigma));
  const mean = (a: readonly number[][], b: readonly number[][], without: boolean) => {
    let sum = 0;
    for (const [i, p] of a.entries()) for (const [j, q] of b.entries()) if (!without || i !== j) sum += kernel(p, q);
    return sum / (without ? a.length * (a.length - 1) : a.length * b.length);
  };
  return mean(x, x, true) + mean(y, y, true) - 2 * mean(x, y, false);
}

const flat = (rows: readonly number[][]) => Float32Array.from(rows.flat());

describe('MmdTest', () => {
  it.each([
    [7, 5],
    [5, 9],
  ])('estimates as defined, for %i reference rows and %i of the window', (n, m) => {
    const random = createRandom(3);
    const rows = (count: number, shift: number) =>
      Array.from({ length: count }, () => Array.from({ length: 3 }, () => Math.fround(random() + shift)));
    const [x, y] = [rows(n, 0), rows(m, 0.4)];
    const { outcome } = run(new MmdTest(flat(x), 3, m, 19, 1), flat(y));
    expect(outcome.mmd2).toBeCloseTo(byDefinition(x, y, outcome.sigma), 6);
  });

  it('gives the p-value of the exact permutation test where all divisions can be counted', () => {
    // Of the 20 divisions of six points in threes, the observed one and its mirror image are the greatest.
    const { outcome } = run(new MmdTest(Float32Array.of(0, 0.1, 0.2), 1, 3, 20_000, 1), Float32Array.of(5, 5.1, 5.2));
    expect(outcome.pValue).toBeGreaterThan(0.1 - 0.01);
    expect(outcome.pValue).toBeLessThan(0.1 + 0.01);
  });

  it('is repeatable, puts work aside at many places, and measures reference rows once', () => {
    const random = createRandom(5);
    const draw = (rows: number) => new Float32Array(rows * 64).map(() => random());
    const [reference, window] = [draw(100), draw(100)];
    const first = new MmdTest(reference, 64, 100, 199, 7);
    const { outcome, steps } = run(first, window);
    expect(run(new MmdTest(reference, 64, 100, 199, 7), window).outcome).toEqual(outcome);
    expect(steps).toBeGreaterThan(40);
    const again = run(first, window);
    expect(again.outcome.mmd2).toBeCloseTo(outcome.mmd2, 2);
    expect(again.steps).toBeLessThan(steps);
  });

  it('finds no difference between rows that are all the same', () => {
    const same = new Float32Array(60).fill(2);
    expect(run(new MmdTest(same, 2, 30, 99, 1), same).outcome).toEqual({ mmd2: 0, pValue: 1, sigma: 1 });
  });

  it('tells few different rows among many that are the same', () => {
    const window = new Float32Array(30);
    window.fill(1, 20);
    const { outcome } = run(new MmdTest(new Float32Array(60), 1, 30, 999, 1), window);
    expect(outcome.pValue).toBeLessThan(0.01);
  });
});
