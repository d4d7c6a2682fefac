import { lnGamma } from './special-functions';

/*
 * The null law of counts. When window and reference come from one law then, given how many rows each cell holds in both
 * together, the window's rows are a draw without replacement: its counts are multivariate hypergeometric. That is the
 * exact law of any statistic under a permutation of the rows, whatever the cells' probabilities are.
 */

/** Most rows of both samples together: beyond, the logarithms of factorials lose the digits that a draw needs. */
export const mostRowsToPermute = 100_000_000;

/** ln n! for every n up to `most`, from a table where that is small. */
function createLnFactorial(most: number): (n: number) => number {
  if (most > 65_536) return (n) => lnGamma(n + 1);
  const table = new Float64Array(most + 1);
  for (let n = 2; n <= most; n++) table[n] = (table[n - 1] as number) + Math.log(n);
  return (n) => table[n] as number;
}

/** ln of the probability that of `draws` rows out of `rows`, of which `marked` are marked, `k` are marked. */
function createLnHypergeometric(rows: number): (k: number, marked: number, rows: number, draws: number) => number {
  const ln = createLnFactorial(rows);
  return (k, marked, all, draws) =>
    ln(marked) -
    ln(k) -
    ln(marked - k) +
    ln(all - marked) -
    ln(draws - k) -
    ln(all - marked - draws + k) -
    ln(all) +
    ln(draws) +
    ln(all - draws);
}

/**
 * Makes a function that deals the rows of all cells to the window and the reference anew.
 *
 * @param totals rows of each cell in both samples together
 * @param windowRows rows of the window
 * @returns writes the counts of one draw into its arguments, which have as many cells as `totals`
 */
export function createCountPermutation(
  totals: Float64Array,
  windowRows: number,
  random: () => number,
): (reference: Float64Array, window: Float64Array) => void {
  let rows = 0;
  for (const total of totals) rows += total;
  const lnProbability = createLnHypergeometric(rows);
  // The fullest cells first: they use up the draws soonest.
  const order = Uint32Array.from(totals.keys()).sort((a, b) => (totals[b] as number) - (totals[a] as number));
  return (reference, window) => {
    let rowsLeft = rows;
    let drawsLeft = windowRows;
    for (const cell of order) {
      const marked = totals[cell] as number;
      const drawn = drawsLeft === 0 ? 0 : draw(marked, rowsLeft, drawsLeft);
      window[cell] = drawn;
      reference[cell] = marked - drawn;
      rowsLeft -= marked;
      drawsLeft -= drawn;
    }
  };

  /** By inversion, outwards from the mode. */
  function draw(marked: number, all: number, draws: number): number {
    const least = Math.max(0, draws - (all - marked));
    const most = Math.min(marked, draws);
    if (least === most) return least;
    const mode = Math.min(most, Math.max(least, Math.floor(((draws + 1) * (marked + 1)) / (all + 2))));
    const atMode = Math.exp(lnProbability(mode, marked, all, draws));
    for (;;) {
      let left = random() - atMode;
      if (left < 0) return mode;
      let up = mode;
      let down = mode;
      let atUp = atMode;
      let atDown = atMode;
      while (up < most || down > least) {
        if (up < most) {
          atUp *= ((marked - up) * (draws - up)) / ((up + 1) * (all - marked - draws + up + 1));
          up++;
          left -= atUp;
          if (left < 0) return up;
        }
        if (down > least) {
          atDown *= (down * (all - marked - draws + down)) / ((marked - down + 1) * (draws - down + 1));
          down--;
          left -= atDown;
          if (left < 0) return down;
        }
        if (atUp + atDown < 1e-18) break;
      }
      // Rounding left a sliver above the last probability: draw again.
    }
  }
}

/** What one permutation costs at most, in steps of the search from the mode. */
export function permutationSteps(totals: Float64Array, windowRows: number): number {
  let rows = 0;
  for (const total of totals) rows += total;
  const spread = (windowRows / rows) * (1 - windowRows / rows);
  let steps = 0;
  for (const total of totals) steps += 10 + 2 * Math.sqrt(total * spread);
  return steps;
}

/**
 * The exact probability of a statistic at least as large as the one observed, for samples in two cells: the window's
 * count in the first then takes every value with its hypergeometric probability.
 *
 * @param totals rows of the two cells in both samples together
 * @param statisticAt the statistic where the window has `k` rows in the first cell
 * @param observed the window's count in the first cell
 */
export function exactTwoCellPValue(
  totals: readonly [number, number],
  windowRows: number,
  statisticAt: (k: number) => number,
  observed: number,
): number {
  const [marked, others] = totals;
  const rows = marked + others;
  const lnProbability = createLnHypergeometric(rows);
  const atLeast = toleranceBelow(statisticAt(observed));
  const least = Math.max(0, windowRows - others);
  const most = Math.min(marked, windowRows);
  let sum = 0;
  for (let k = least; k <= most; k++) {
    if (statisticAt(k) >= atLeast) sum += Math.exp(lnProbability(k, marked, rows, windowRows));
  }
  return Math.min(1, sum);
}

/** A statistic that equals the one observed may differ in its last digits; it counts as equally large. */
export function toleranceBelow(observed: number): number {
  return observed - Math.abs(observed) * 1e-12;
}
