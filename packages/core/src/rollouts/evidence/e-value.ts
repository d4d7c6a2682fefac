/** Beyond this a number would be infinite, which JSON does not know. */
const largestExponent = 709;

/**
 * The mean of capitals that are given by their logarithms. Each of them is an e-value, so their mean is one too; it is taken
 * last, after the logarithms of all replicas were added, since a mean of products is fair and a product of means is another test.
 * 1 where there are none.
 */
export function meanOfCapitals(logarithms: readonly number[]): number {
  if (logarithms.length === 0) return 1;
  const largest = Math.max(...logarithms);
  if (largest === Number.NEGATIVE_INFINITY) return 0;
  let sum = 0;
  for (const logarithm of logarithms) sum += Math.exp(logarithm - largest);
  return Math.exp(Math.min(largestExponent, largest + Math.log(sum / logarithms.length)));
}

/** exp of the logarithm of an e-value, finite. */
export function eValueOf(logarithm: number): number {
  return Math.exp(Math.min(largestExponent, logarithm));
}

/** The p-value of an e-value, by Markov's inequality: 1 / e, at most 1. */
export function pValueOf(eValue: number): number {
  return eValue > 1 ? 1 / eValue : 1;
}
