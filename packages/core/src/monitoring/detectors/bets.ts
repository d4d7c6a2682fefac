import { tallySlots } from '../sketches/feature-layout';

/*
 * The bets on a feature's next value: each says how a drift might change the shares of its cells. A cell is a bin of the
 * reference, or a tally of −∞, +∞ or NaN. A bet that multiplies a cell's share by g pays g when a value falls into it, so that
 * on average it pays 1 as long as nothing changed.
 *
 * Shifts: proportional odds. Where the cells up to a boundary hold a share p, they hold p / (p + ρ(1 − p)) after a shift by the
 * odds ratio ρ. Between normal distributions this is close to a shift by ln ρ / 1.6 standard deviations; between events it is
 * the change of odds itself, so .2 → .4 is ρ = 2.7.
 * Spread: the density 1 ± κ(12(p − ½)² − 1) of ranks: more, or less, on both ends.
 * Rare: what is missing, and what the reference has hardly ever had, comes more often.
 * Recent: the shares of the last few hundred rows, whatever the change is.
 */

/** ln ρ of the shifts: about ¼, ½ and 1 standard deviations, either way. */
const lnOdds = [-1.6, -0.8, -0.4, 0.4, 0.8, 1.6] as const;
const oddsRatios = Float64Array.from(lnOdds, Math.exp);
/** κ of the changes of spread. */
const spreads = Float64Array.of(0.4, -0.4);
/** A cell with a smaller share is rare. */
const rareShare = 0.01;
/** What rare cells gain: their odds by a factor, and a share on top for those that were empty. */
const rareOdds = 4;
const rareGain = 0.02;
/** How much of the recent shares stands in the last bet; the rest is as ever, so that it never pays nothing. */
const recentWeight = 0.9;

/** Part of the stake that goes to each shift, to each change of spread, and to each of the other two: they add up to 1. */
export const stakes = { shift: 0.135, spread: 0.05, other: 0.045 } as const;

/** How many bets there are on each feature. */
export const betCount = oddsRatios.length + spreads.length + 2;

/** Room for the cells of one feature, used again and again. */
export class BetScratch {
  /** Slot of each cell, in the order of their values: −∞, the bins, +∞, then NaN. */
  readonly slots: Int32Array;
  /** Share of each cell, smoothed so that none is 0. */
  readonly shares: Float64Array;
  readonly factors: Float64Array;
  /** The rows that were counted, and the minimum effect: in an array, since numbers that are passed on cost an allocation each. */
  readonly numbers = new Float64Array(2);

  constructor(binSlots: number) {
    const cells = binSlots + tallySlots;
    this.slots = new Int32Array(cells);
    this.shares = new Float64Array(cells);
    this.factors = new Float64Array(cells);
  }
}

/** Half a row for every cell, so that none is impossible. It shapes the bets and has no part in what makes them fair. */
const smoothing = 0.5;

/**
 * Works out what every bet pays for every slot, from what was counted so far.
 *
 * The payoff of a slot with the factor g is g·(C + 1)/(S + g), where C rows were counted and S is the sum of their factors:
 * the value that has just come is one of C + 1 of which, if nothing changed, each could as well have been the last. Averaged
 * over these it pays exactly 1.
 *
 * @param bins bins that are in use
 * @param binSlots slots for bins; NaN, −∞ and +∞ follow
 * @param counts rows by slot, the feature's beginning at `start`
 * @param recent recent rows by slot, at the same place
 * @param payoffs where to write them: `betCount` a slot, the feature's beginning at `start * betCount`
 * @param minimumEffect a distance between distribution functions that is no drift, 0 to 1. By Koksma's inequality such a change
 * adds at most its product with the variation of g to what a bet pays; so much is taken off. It is a distance between values:
 * a change of how many are missing is always one.
 */
export function fillPayoffs(
  bins: number,
  binSlots: number,
  counts: Float64Array,
  recent: Float64Array,
  start: number,
  payoffs: Float64Array,
  minimumEffect: number,
  scratch: BetScratch,
): void {
  const { slots, shares, factors } = scratch;
  const cells = bins + tallySlots;
  slots[0] = binSlots + 1;
  for (let bin = 0; bin < bins; bin++) slots[bin + 1] = bin;
  slots[bins + 1] = binSlots + 2;
  slots[bins + 2] = binSlots;
  let rows = 0;
  let recentRows = 0;
  for (let cell = 0; cell < cells; cell++) {
    rows += counts[start + (slots[cell] as number)] as number;
    recentRows += recent[start + (slots[cell] as number)] as number;
  }
  const smoothedRows = rows + smoothing * cells;
  for (let cell = 0; cell < cells; cell++) {
    shares[cell] = ((counts[start + (slots[cell] as number)] as number) + smoothing) / smoothedRows;
  }

  scratch.numbers[0] = rows;
  scratch.numbers[1] = minimumEffect;
  const missingShare = shares[cells - 1] as number;
  const present = 1 - missingShare;
  // Missing values have no rank: a shift or a spread leaves their share as it is.
  factors[cells - 1] = 1;
  for (let shift = 0; shift < oddsRatios.length; shift++) {
    const ratio = oddsRatios[shift] as number;
    let below = 0;
    let movedBelow = 0;
    for (let cell = 0; cell < cells - 1; cell++) {
      below = cell === cells - 2 ? 1 : below + (shares[cell] as number) / present;
      const moved = below / (below + ratio * (1 - below));
      factors[cell] = ((moved - movedBelow) * present) / (shares[cell] as number);
      movedBelow = moved;
    }
    writePayoffs(cells, counts, start, payoffs, shift, scratch);
  }
  for (let change = 0; change < spreads.length; change++) {
    const spread = spreads[change] as number;
    let below = 0;
    let movedBelow = 0;
    for (let cell = 0; cell < cells - 1; cell++) {
      below = cell === cells - 2 ? 1 : below + (shares[cell] as number) / present;
      const centred = below - 0.5;
      // The integral of 1 + κ(12(p − ½)² − 1) from 0.
      const moved = below + spread * (4 * centred * centred * centred + 0.5 - below);
      factors[cell] = ((moved - movedBelow) * present) / (shares[cell] as number);
      movedBelow = moved;
    }
    writePayoffs(cells, counts, start, payoffs, oddsRatios.length + change, scratch);
  }
  let rare = 0;
  for (let cell = 0; cell < cells; cell++) if (isRare(shares, cell, cells)) rare += shares[cell] as number;
  const moreRare = Math.min(0.9, (rareOdds * rare) / (1 - rare + rareOdds * rare) + rareGain);
  for (let cell = 0; cell < cells; cell++) {
    factors[cell] = isRare(shares, cell, cells) ? moreRare / rare : (1 - moreRare) / (1 - rare);
  }
  writePayoffs(cells, counts, start, payoffs, betCount - 2, scratch);
  for (let cell = 0; cell < cells; cell++) {
    const share = shares[cell] as number;
    const recently = recentRows > 0 ? (recent[start + (slots[cell] as number)] as number) / recentRows : share;
    factors[cell] = 1 - recentWeight + (recentWeight * recently) / share;
  }
  writePayoffs(cells, counts, start, payoffs, betCount - 1, scratch);
}

/** The last cell holds what is missing. */
function isRare(shares: Float64Array, cell: number, cells: number): boolean {
  return cell === cells - 1 || (shares[cell] as number) < rareShare;
}

function writePayoffs(
  cells: number,
  counts: Float64Array,
  start: number,
  payoffs: Float64Array,
  bet: number,
  { slots, factors, numbers }: BetScratch,
): void {
  const rows = numbers[0] as number;
  const minimumEffect = numbers[1] as number;
  let sum = 0;
  let variation = 0;
  for (let cell = 0; cell < cells; cell++) {
    const factor = factors[cell] as number;
    sum += (counts[start + (slots[cell] as number)] as number) * factor;
    if (cell > 0 && cell < cells - 1) variation += Math.abs(factor - (factors[cell - 1] as number));
  }
  const forEffect = 1 + (minimumEffect * variation * rows) / sum;
  for (let cell = 0; cell < cells; cell++) {
    const factor = factors[cell] as number;
    payoffs[(start + (slots[cell] as number)) * betCount + bet] = (factor * (rows + 1)) / ((sum + factor) * forEffect);
  }
}
