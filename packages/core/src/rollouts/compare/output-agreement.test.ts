import { describe, expect, test } from 'vitest';
import { createRandom } from '../../monitoring/random';
import type { Tally } from '../contracts';
import { mergeTallies } from '../evidence/tally';
import type { OutputComparison } from './compare-outputs';
import { createOutputAgreement, type Disagreement } from './output-agreement';

const comparison = (given: Partial<OutputComparison> = {}): OutputComparison => ({
  rows: 10,
  withinTolerance: 10,
  largestDifference: 0,
  ...given,
});

/** Comparisons of ten rows whose first place differs with a chance: of the challenger, and of the champion with itself. */
function compared(seed: number, challenger: number, noise: number, comparisons: number): Tally {
  const agreement = createOutputAgreement();
  const random = createRandom(seed);
  const draw = (chance: number): OutputComparison =>
    comparison({ sameTop: Array.from({ length: 10 }, () => random() >= chance).filter(Boolean).length });
  let tally: Tally = {};
  for (let index = 0; index < comparisons; index++) {
    tally = agreement.observe(tally, 'challenger', draw(challenger));
    if (index % 2 === 0) tally = agreement.observe(tally, 'champion', draw(noise));
  }
  return tally;
}

const topOf = (tally: Tally): Disagreement =>
  createOutputAgreement()
    .assess(tally)
    .find(({ measure }) => measure === 'top') as Disagreement;

describe('agreement of outputs', () => {
  test('takes the noise of the champion with itself off what the challenger disagrees in', () => {
    const noisy = topOf(compared(1, 0.1, 0.1, 2000));
    expect(noisy.challenger.mean).toBeCloseTo(0.1, 1);
    expect(noisy.challenger.comparisons).toBe(2000);
    expect(noisy.noise.comparisons).toBe(1000);
    expect(noisy.excess.difference).toBeCloseTo(noisy.challenger.mean - noisy.noise.mean, 12);
    expect(noisy.excess.lower).toBeLessThan(0);
    expect(noisy.excess.upper).toBeGreaterThan(0);
    const other = topOf(compared(2, 0.3, 0.1, 2000));
    expect(other.excess.lower).toBeGreaterThan(0.1);
    expect(other.excess.upper).toBeLessThan(0.3);
  });

  test('is said of every measure that was seen, as shares of disagreement', () => {
    const agreement = createOutputAgreement();
    const tally = agreement.observe(
      {},
      'challenger',
      comparison({ withinTolerance: 4, sameTop: 9, rankAgreement: { kendall: 0.5, spearman: 0.6 } }),
    );
    expect(agreement.assess(tally).map(({ measure, challenger }) => [measure, challenger.mean])).toEqual([
      ['tolerance', expect.closeTo(0.6, 12)],
      ['top', expect.closeTo(0.1, 12)],
      ['rank', 0.25],
    ]);
    expect(agreement.assess(agreement.observe({}, 'champion', comparison())).map(({ measure }) => measure)).toEqual([
      'tolerance',
    ]);
    expect(agreement.assess(agreement.observe({}, 'champion', comparison({ rows: 0, withinTolerance: 0 })))).toEqual(
      [],
    );
    expect(agreement.assess({})).toEqual([]);
  });

  test('knows that without noise measured nothing is known of the excess', () => {
    let tally: Tally = {};
    const agreement = createOutputAgreement();
    for (let index = 0; index < 500; index++)
      tally = agreement.observe(tally, 'challenger', comparison({ withinTolerance: 8 }));
    const [found] = agreement.assess(tally);
    expect(found?.challenger.lower).toBeGreaterThan(0.1);
    expect(found?.excess.lower).toBeLessThan(0);
  });

  test('of several replicas adds up', () => {
    const [one, two] = [compared(3, 0.2, 0.1, 300), compared(4, 0.2, 0.1, 200)];
    const sum = topOf(mergeTallies(two, JSON.parse(JSON.stringify(one)) as Tally));
    expect(sum.challenger.comparisons).toBe(500);
    const weighted = (topOf(one).challenger.mean * 300 + topOf(two).challenger.mean * 200) / 500;
    expect(sum.challenger.mean).toBeCloseTo(weighted, 12);
  });

  test('refuses an error rate that is none', () => {
    expect(() => createOutputAgreement({ alpha: 0 })).toThrow('option "alpha"');
  });
});
