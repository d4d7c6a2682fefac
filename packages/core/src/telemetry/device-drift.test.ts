import { describe, expect, it } from 'vitest';
import { psi } from '../monitoring';
import { createRandom } from '../monitoring/random';
import { layOut } from '../monitoring/sketches/feature-layout';
import { driftOfFeature } from './device-drift';
import { MergedCounts } from './merged-counts';
import { discreteLaplace } from './noise';
import { reportOf, twoFeatures } from './telemetry.fixture';

describe('the drift of what devices counted', () => {
  it('is the PSI of the counts where there is no noise', async () => {
    const reference = await twoFeatures();
    const merged = new MergedCounts(layOut(reference), 0);
    const report = reportOf(reference, {}, 10);
    merged.add({ ...report, counts: report.counts.map((cells) => cells.map((count, cell) => count * (cell + 1))) });
    const [a] = reference.features;
    const cells = [...(a?.counts ?? []), 0, 0, 0];
    const counted = (report.counts[0] ?? []).map((count, cell) => count * (cell + 1));
    expect(driftOfFeature(merged, 0).psi).toBeCloseTo(psi(cells, counted), 12);
    expect(driftOfFeature(merged, 0).ksNoise).toBe(0);
  });

  it.each([
    ['without noise', 0],
    ['with some noise', 20],
    ['with more noise than rows', 200],
  ])('calls nothing drift that is none: its p-values are even %s', async (_, scale) => {
    const reference = await twoFeatures();
    const bins = reference.features[0]?.counts ?? [];
    const random = createRandom(11);
    const uniform = (limit: number): number => Math.floor(random() * limit);
    const [runs, devices, rows] = [300, 10, 100];
    let below = 0;
    let belowHalf = 0;
    let psiSum = 0;
    let chanceSum = 0;
    for (let run = 0; run < runs; run++) {
      const merged = new MergedCounts(layOut(reference), 0);
      for (let device = 0; device < devices; device++) {
        const cells = Array.from({ length: bins.length + 3 }, () =>
          scale === 0 ? 0 : discreteLaplace(scale, uniform),
        );
        for (let row = 0; row < rows; row++) {
          const bin = Math.floor(random() * bins.length);
          cells[bin] = (cells[bin] ?? 0) + 1;
        }
        const noise = { epsilon: 1, featureScale: scale, otherScale: scale };
        const counts = [cells, cells];
        merged.add(reportOf(reference, { rows, counts, ...(scale === 0 ? {} : { noise }) }));
      }
      const { pValue, psi: index, psiOfChance } = driftOfFeature(merged, 0);
      if (pValue < 0.05) below++;
      if (pValue < 0.5) belowHalf++;
      psiSum += index;
      chanceSum += psiOfChance;
    }
    // The reference is exact here (ten even bins), so that its own part of the null law makes p-values larger: never below.
    expect(below / runs).toBeLessThan(0.09);
    expect(belowHalf / runs).toBeLessThan(0.6);
    expect(psiSum).toBeLessThan(1.2 * chanceSum);
  });

  it('still sees a shift through the noise of many devices', async () => {
    const reference = await twoFeatures();
    const bins = reference.features[0]?.counts.length ?? 0;
    const random = createRandom(12);
    const uniform = (limit: number): number => Math.floor(random() * limit);
    const merged = new MergedCounts(layOut(reference), 0);
    for (let device = 0; device < 400; device++) {
      const cells = Array.from(
        { length: bins + 3 },
        (_, cell) => discreteLaplace(20, uniform) + (cell < bins / 2 ? 30 : 0),
      );
      merged.add(
        reportOf(reference, { counts: [cells, cells], noise: { epsilon: 1, featureScale: 20, otherScale: 8 } }),
      );
    }
    const { pValue, psi: index, psiOfChance, ks } = driftOfFeature(merged, 0);
    expect(pValue).toBeLessThan(1e-6);
    expect(index).toBeGreaterThan(20 * psiOfChance);
    expect(ks).toBeGreaterThan(0.4);
  });

  it('knows nothing where there is nothing', async () => {
    const merged = new MergedCounts(layOut(await twoFeatures()), 0);
    expect(driftOfFeature(merged, 0)).toEqual({
      name: 'a',
      values: 0,
      psi: 0,
      psiOfChance: 0,
      ks: 0,
      ksNoise: 0,
      pValue: 1,
    });
  });
});
