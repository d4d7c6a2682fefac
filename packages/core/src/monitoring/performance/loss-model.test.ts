import { describe, expect, it } from 'vitest';
import { createRandom } from '../random';
import { expectedLoss, fitLossModel } from './loss-model';

const random = createRandom(3);
const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** Errors grow with the first feature, and double where the second is positive; the third means nothing. */
function draw(rows: number, shift: number) {
  const features = new Float64Array(rows * 3);
  const losses = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const [a, b, c] = [random() + shift, normal(), normal()];
    features.set([a, b, c], row * 3);
    losses[row] = Math.abs(normal()) * (0.5 + a) * (b > 0 ? 2 : 1);
  }
  return { features, losses };
}

const meanOf = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

describe('a loss model', () => {
  const reference = draw(4000, 0);
  const model = fitLossModel(reference.features, 3, reference.losses, 1);
  const estimate = (features: Float64Array) =>
    meanOf(
      Array.from({ length: features.length / 3 }, (_, row) =>
        expectedLoss(model, features.subarray(row * 3, row * 3 + 3)),
      ),
    );

  it('learns where errors are large', () => {
    expect(model.trees.length).toBeGreaterThan(10);
    const small = expectedLoss(model, [0.05, -1, 0]);
    const large = expectedLoss(model, [0.95, 1, 0]);
    // E|Z| is √(2/π).
    expect(small).toBeCloseTo(Math.sqrt(2 / Math.PI) * 0.55, 0);
    expect(large / small).toBeGreaterThan(3.5);
  });

  it('estimates the loss of shifted rows within a few percent, where the loss of the reference is off by a third', () => {
    const errors: number[] = [];
    const naive: number[] = [];
    const mae = meanOf(reference.losses);
    for (let trial = 0; trial < 20; trial++) {
      // Of the rows from the reference's law those with a large first feature and a positive second: a shift of inputs.
      const pool = draw(6000, 0);
      const kept = Array.from({ length: 6000 }, (_, row) => row).filter(
        (row) => (pool.features[row * 3] as number) > 0.4 && (pool.features[row * 3 + 1] as number) > -0.3,
      );
      const features = Float64Array.from(kept.flatMap((row) => [...pool.features.subarray(row * 3, row * 3 + 3)]));
      const realised = meanOf(kept.map((row) => pool.losses[row] as number));
      errors.push(Math.abs(estimate(features) / realised - 1));
      naive.push(Math.abs(mae / realised - 1));
    }
    expect(meanOf(errors)).toBeLessThan(0.05);
    expect(meanOf(naive)).toBeGreaterThan(0.25);
  });

  it('says how far a row lies from what is expected of it', () => {
    expect(Math.abs(model.bias)).toBeLessThan(0.1);
    expect(model.heldOutRows).toBeGreaterThan(900);
    const fresh = draw(3000, 0);
    let square = 0;
    for (let row = 0; row < 3000; row++) {
      square +=
        ((fresh.losses[row] as number) - expectedLoss(model, fresh.features.subarray(row * 3, row * 3 + 3))) ** 2;
    }
    expect(square / 3000 / model.residualVariance).toBeGreaterThan(0.8);
    expect(square / 3000 / model.residualVariance).toBeLessThan(1.25);
  });

  it('takes NaN as a value of its own, and features of one value as nothing', () => {
    const rows = 1000;
    const features = new Float64Array(rows * 2);
    const losses = new Float64Array(rows);
    for (let row = 0; row < rows; row++) {
      const missing = random() < 0.3;
      features.set([missing ? Number.NaN : random(), 7], row * 2);
      losses[row] = missing ? 5 : 1;
    }
    const fitted = fitLossModel(features, 2, losses, 1);
    expect(expectedLoss(fitted, [Number.NaN, 7])).toBeCloseTo(5, 1);
    expect(expectedLoss(fitted, [0.5, 7])).toBeCloseTo(1, 1);
    const flat = fitLossModel(new Float64Array(rows).fill(2), 1, losses, 1);
    expect(flat.trees).toEqual([]);
    expect(expectedLoss(flat, [2])).toBeCloseTo(meanOf(losses), 0);
  });

  it('survives JSON', () => {
    const copy = JSON.parse(JSON.stringify(model)) as typeof model;
    expect(expectedLoss(copy, [0.3, 0.2, 0.1])).toBe(expectedLoss(model, [0.3, 0.2, 0.1]));
  });

  it('refuses fewer rows than it can learn from', () => {
    expect(() => fitLossModel(new Float64Array(100), 1, new Float64Array(100), 1)).toThrow(
      /at least 200 labelled rows/,
    );
  });
});
