/**
 * The largest gap between the empirical distributions of two sorted samples of one size, counted in observations.
 */
export function largestGap(a: Float64Array, b: Float64Array): number {
  const size = a.length;
  let largest = 0;
  let i = 0;
  let j = 0;
  while (i < size && j < size) {
    const value = Math.min(a[i] as number, b[j] as number);
    // Equal values move both distributions at once.
    while (i < size && a[i] === value) i++;
    while (j < size && b[j] === value) j++;
    largest = Math.max(largest, Math.abs(i - j));
  }
  return largest;
}

/**
 * The exact two-sided p-value of the Kolmogorov–Smirnov test of two samples of `size` observations without ties, for each
 * largest gap of 0 to `size` observations: 2·Σₖ (−1)^(k−1)·C(2n, n − kh) / C(2n, n), by the reflection principle.
 */
export function kolmogorovSmirnovTable(size: number): Float64Array {
  const pValues = new Float64Array(size + 1);
  pValues[0] = 1;
  for (let gap = 1; gap <= size; gap++) {
    let sum = 0;
    // From the last term inwards: each holds the ratio of two neighbouring binomials as its factor.
    for (let k = Math.floor(size / gap); k >= 1; k--) {
      let ratio = 1;
      for (let step = 0; step < gap; step++) {
        const below = (k - 1) * gap + step;
        ratio *= (size - below) / (size + below + 1);
      }
      sum = ratio * (1 - sum);
    }
    pValues[gap] = Math.min(1, 2 * sum);
  }
  return pValues;
}
