import { lnChiSquaredSurvival, lnGamma } from '../../monitoring/null-law/special-functions';
import { optionError } from '../../option-checks';
import { eValueOf, pValueOf } from './e-value';

/** Whether assignment does what it should. A plain object that survives JSON. */
export interface SampleRatioAssessment {
  /** Units that were assigned. */
  readonly units: number;
  /** Share of each arm as it was, by name. */
  readonly observed: Readonly<Record<string, number>>;
  /** Share of each arm as it should be, by name; sums to 1. */
  readonly expected: Readonly<Record<string, number>>;
  /** Evidence against the expected shares, which may be looked at after every unit. */
  readonly eValue: number;
  /** 1 / eValue, at most 1: it holds over all looks. */
  readonly pValue: number;
  /** Pearson's χ² of this moment, its degrees of freedom, and the p-value that it has for somebody who looks once. */
  readonly chiSquared: { readonly statistic: number; readonly degreesOfFreedom: number; readonly pValue: number };
  /** Whether the e-value has reached 1 / alpha: arms get other shares than they should. */
  readonly isMismatch: boolean;
}

/**
 * Whether arms get the shares that they should (sample ratio mismatch). Something is wrong with the assignment, or with what is
 * counted, where they do not, and no other number of the rollout can be believed then.
 *
 * Pearson's χ² is for one look: who looks after every unit finds a mismatch sooner or later, always. What alarms is the
 * likelihood of the counts n under a Dirichlet mixture around the expected shares θ, with parameters a θ, by that under θ itself:
 * Γ(a) / Γ(a + Σn) · Π Γ(aθ + n) / (Γ(aθ) θⁿ), which exceeds 1 / alpha at any of all looks with a probability of at most alpha (Lindon
 * and Malek, "Anytime-valid inference for multinomial count data", 2022). It depends on the counts alone, so those of all replicas add.
 *
 * Count units of assignment (keys), each once: the requests of one key all go to one arm, and are no throws of a coin each. While weights
 * differ, count anew: the e-values of periods multiply.
 *
 * @param counts units by arm; an arm that is missing has none
 * @param shares what each arm should get; above 0, sums to 1
 * @param alpha how likely an alarm may be false, over all looks. @default 0.001
 * @throws FairleadError `INVALID_OPTION`
 */
export function assessSampleRatio(
  counts: Readonly<Record<string, number>>,
  shares: Readonly<Record<string, number>>,
  alpha = 0.001,
): SampleRatioAssessment {
  const arms = Object.entries(shares);
  check(counts, arms, alpha);
  const countOf = (arm: string): number => counts[arm] ?? 0;
  const units = arms.reduce((sum, [arm]) => sum + countOf(arm), 0);
  const concentration = 100;
  let logarithm = lnGamma(concentration) - lnGamma(concentration + units);
  let statistic = 0;
  for (const [arm, share] of arms) {
    const count = countOf(arm);
    logarithm += lnGamma(concentration * share + count) - lnGamma(concentration * share) - count * Math.log(share);
    if (units > 0) statistic += (count - units * share) ** 2 / (units * share);
  }
  const eValue = eValueOf(logarithm);
  const degreesOfFreedom = arms.length - 1;
  return {
    units,
    observed: Object.fromEntries(arms.map(([arm]) => [arm, units === 0 ? 0 : countOf(arm) / units])),
    expected: { ...shares },
    eValue,
    pValue: pValueOf(eValue),
    chiSquared: { statistic, degreesOfFreedom, pValue: Math.exp(lnChiSquaredSurvival(statistic, degreesOfFreedom)) },
    isMismatch: eValue >= 1 / alpha,
  };
}

function check(
  counts: Readonly<Record<string, number>>,
  arms: readonly (readonly [string, number])[],
  alpha: number,
): void {
  const owner = 'assessSampleRatio';
  if (!(alpha > 0 && alpha < 1)) throw optionError(owner, 'alpha', 'more than 0, less than 1', alpha);
  for (const [arm, share] of arms) {
    if (!(share > 0 && share <= 1)) throw optionError(owner, `shares.${arm}`, 'above 0, at most 1', share);
  }
  const sum = arms.reduce((all, [, share]) => all + share, 0);
  if (!(Math.abs(sum - 1) < 1e-9)) throw optionError(owner, 'shares', 'shares that sum to 1', sum);
  for (const [arm, count] of Object.entries(counts)) {
    if (!arms.some(([known]) => known === arm))
      throw optionError(owner, `counts.${arm}`, 'an arm that has a share', arm);
    if (!(Number.isInteger(count) && count >= 0))
      throw optionError(owner, `counts.${arm}`, 'a whole number, 0 or more', count);
  }
}
