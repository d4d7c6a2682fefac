import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kendallTau, spearmanRho } from './rank-correlation';

describe('rank correlations', () => {
  test.each([
    // What SciPy 1.17.1 (`kendalltau`, `spearmanr`) says of the same numbers.
    [[12, 2, 1, 12, 2], [1, 4, 7, 1, 0], -0.47140452079103173, -0.5407380704358752],
    [[1, 2, 3, 4, 5], [5, 6, 7, 8, 7], 0.7378647873726218, 0.8207826816681233],
    [[0.1, 0.5, 0.2, 0.2, 0.9, 0.3], [0.4, 0.4, 0.1, 0.3, 0.8, 0.3], 0.44474958999666075, 0.49259218307188896],
    [[1, 2, 3], [10, 20, 30], 1, 1],
    [[1, 2, 3], [3, 2, 1], -1, -1],
  ])('of %j and %j', (first, second, tau, rho) => {
    expect(kendallTau(first, second)).toBeCloseTo(tau, 12);
    expect(spearmanRho(first, second)).toBeCloseTo(rho, 12);
  });

  test('without ties are 1 - 4 D / (n (n - 1)) and 1 - 6 Σ d² / (n (n² - 1))', () => {
    const permutation = fc
      .integer({ min: 2, max: 12 })
      .chain((size) => fc.shuffledSubarray([...Array(size).keys()], { minLength: size, maxLength: size }));
    fc.assert(
      fc.property(permutation, (ranks) => {
        const n = ranks.length;
        const places = [...ranks.keys()];
        const discordant = ranks.flatMap((one, index) => ranks.slice(index + 1).filter((later) => later < one)).length;
        const squares = ranks.reduce((sum, rank, place) => sum + (rank - place) ** 2, 0);
        expect(kendallTau(places, ranks)).toBeCloseTo(1 - (4 * discordant) / (n * (n - 1)), 12);
        expect(spearmanRho(places, ranks)).toBeCloseTo(1 - (6 * squares) / (n * (n * n - 1)), 12);
      }),
      { seed: 6 },
    );
  });

  test('say nothing where there is no order, and refuse rows of different lengths', () => {
    for (const correlation of [kendallTau, spearmanRho]) {
      expect(correlation([], [])).toBeUndefined();
      expect(correlation([1], [2])).toBeUndefined();
      expect(correlation([1, 1, 1], [1, 2, 3])).toBeUndefined();
      expect(() => correlation([1, 2], [1])).toThrow('same length, given 2 and 1');
    }
  });
});
