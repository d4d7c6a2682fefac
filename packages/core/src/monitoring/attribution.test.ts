import { describe, expect, it } from 'vitest';
import { createTensor, type Tensors } from '../tensor/tensor';
import { createVirtualClock } from '../testing/virtual-clock';
import type { FeatureReport } from './attribution';
import { createDriftMonitor } from './drift-monitor';
import { fitReference } from './fit-reference';
import { adjustPValues } from './multiple-testing/adjust-p-values';
import { createRandom } from './random';

const width = 20;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Rows of 20 features, uniform in [0, 1); the first `moved` of them lie .3 higher. */
function rowsOf(random: () => number, rows: number, moved = 0): Tensors {
  const values = Float32Array.from({ length: rows * width }, (_, i) => random() + (i % width < moved ? 0.3 : 0));
  return { x: createTensor('float32', [rows, width], values) };
}

const reference = await fitReference(rowsOf(createRandom(1), 2000));

async function featuresOf(observed?: Tensors): Promise<readonly FeatureReport[]> {
  const monitor = createDriftMonitor({ reference, windowRows: 200, clock: createVirtualClock(), logger: silent });
  if (observed !== undefined) monitor.observe(observed);
  const { features } = monitor.report();
  await monitor.close();
  return features;
}

describe('the p-values of a report', () => {
  it('are adjusted over all features', async () => {
    const features = await featuresOf(rowsOf(createRandom(2), 200, 3));
    expect(features).toHaveLength(width);
    const adjusted = adjustPValues(features.map(({ pValue }) => pValue));
    expect(features.map(({ adjustedPValue }) => adjustedPValue)).toEqual(adjusted);
    const found = features.filter(({ adjustedPValue }) => adjustedPValue <= 0.05).map(({ name }) => name);
    expect(found.sort()).toEqual(['x[0]', 'x[1]', 'x[2]']);
  });

  it('are 1 before there is a window', async () => {
    for (const { pValue, adjustedPValue } of await featuresOf()) expect([pValue, adjustedPValue]).toEqual([1, 1]);
  });

  it('name a feature in at most one of twenty windows without a drift, however many features there are', async () => {
    const random = createRandom(3);
    const windows = 200;
    let raw = 0;
    let adjusted = 0;
    for (let window = 0; window < windows; window++) {
      const features = await featuresOf(rowsOf(random, 200));
      if (features.some(({ pValue }) => pValue <= 0.05)) raw++;
      if (features.some(({ adjustedPValue }) => adjustedPValue <= 0.05)) adjusted++;
    }
    expect(raw / windows).toBeGreaterThan(0.2);
    expect(adjusted / windows).toBeLessThanOrEqual(0.05 + 4 * Math.sqrt((0.05 * 0.95) / windows));
  });
});
