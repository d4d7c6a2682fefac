import { optionError } from '../../option-checks';

/**
 * Shares an error rate equally over guardrails and challengers (Bonferroni): whatever depends on what among them, all together
 * make a mistake with a probability of at most `rate`.
 *
 * @param rate what all may spend together, such as `maxFalseRollbackRate`. More than 0, less than 1
 * @param guardrails 1 or more
 * @param challengers 1 or more @default 1
 * @throws FairleadError `INVALID_OPTION`
 */
export function shareErrorRate(rate: number, guardrails: number, challengers = 1): number {
  if (!(rate > 0 && rate < 1)) throw optionError('shareErrorRate', 'rate', 'more than 0, less than 1', rate);
  for (const [field, value] of Object.entries({ guardrails, challengers })) {
    if (!(Number.isInteger(value) && value >= 1))
      throw optionError('shareErrorRate', field, 'a whole number, 1 or more', value);
  }
  return rate / (guardrails * challengers);
}

/**
 * The evidence of several guardrails in one: the mean of their e-values, which is an e-value whatever depends on what among them
 * (Vovk and Wang, "E-values: calibration, combination and applications", 2021). It reaches 1 / rate whenever one of n guardrails
 * reaches n / rate, which is what it has to reach with its shared error rate; and also where several come close. 1 for none.
 */
export function combineEValues(eValues: readonly number[]): number {
  if (eValues.length === 0) return 1;
  // Divided first, since a sum of the largest numbers would be infinite.
  return eValues.reduce((mean, eValue) => mean + eValue / eValues.length, 0);
}
