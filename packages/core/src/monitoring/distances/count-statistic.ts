import { chiSquaredOfCounts } from './chi-squared';
import type { CountMethod } from './comparison';
import type { CountStatistic } from './counts';
import { cramersVOfCounts } from './cramers-v';
import { hellingerOfCounts } from './hellinger';
import { jensenShannonOfCounts } from './jensen-shannon';
import { ksOfCounts } from './kolmogorov-smirnov';
import { lInfinityOfCounts } from './l-infinity';
import { psiOfCounts } from './psi';
import { totalVariationOfCounts } from './total-variation';
import { createWassersteinOfCounts } from './wasserstein';

/** The distances whose law for many rows is a (scaled) χ². */
export const withChiSquaredLaw: readonly CountMethod[] = [
  'psi',
  'jensen-shannon',
  'hellinger',
  'chi-squared',
  'cramers-v',
];

/**
 * The statistic of each distance on counts, unchecked.
 *
 * @param values the value of each cell, for `wasserstein`
 */
export function countStatistic(method: CountMethod, values?: ArrayLike<number>): CountStatistic {
  switch (method) {
    case 'psi':
      return (reference, window) => psiOfCounts(reference, 0, window, 0, reference.length);
    case 'kolmogorov-smirnov':
      return (reference, window) => ksOfCounts(reference, 0, window, 0, reference.length);
    case 'jensen-shannon':
      return jensenShannonOfCounts;
    case 'hellinger':
      return hellingerOfCounts;
    case 'total-variation':
      return totalVariationOfCounts;
    case 'l-infinity':
      return lInfinityOfCounts;
    case 'chi-squared':
      return chiSquaredOfCounts;
    case 'cramers-v':
      return cramersVOfCounts;
    case 'wasserstein':
      return createWassersteinOfCounts(values ?? []);
  }
}
