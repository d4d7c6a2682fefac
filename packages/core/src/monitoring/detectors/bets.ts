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
const oddsRatios = lnOdds.map(Math.exp);
/** κ of the changes of spread. */
const spreads = [0.4, -0.4] as const;
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

/** What the cells of one feature are. */
export interface BetCells {
  /** Bins that are in use. */
  readonly bins: number;
  /** Slots for bins; NaN, −∞ and +∞ follow. */
  readonly binSlots: number;
}

/** Room for the cells of one feature, used again and again. */
export class BetScratch {
  /** Slot of each cell, in the order of their values: −∞, the bins, +∞, then NaN. */
  readonly slots: Int32Array;
  /** Share of each cell, smoothed so that none is 0. */
  readonly shares: Float64Array;
  readonly factors: Float64Array;

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
 * @param counts rows by slot, the feature's beginning at `start`
 * @param recent recent rows by slot, at the same place
 * @param payoffs where to write them: `betCount` a slot, the feature's beginning at `start * betCount`
 * @param minimumEffect a distance between distribution functions that is no drift, 0 to 1. By Koksma's inequality such a change
 * adds at most its product with the variation of g to what a bet pays; so much is taken off. It is a distance between values:
 * a change of how many are missing is always one.
 */
export function fillPayoffs(
  { bins, binSlots }: BetCells,
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

  let bet = 0;
  const place = (): void => {
    writePayoffs(cells, counts, start, rows, payoffs, bet++, minimumEffect, scratch);
  };
  const missingShare = shares[cells - 1] as number;
  const present = 1 - missingShare;
  // Missing values have no rank: a shift or a spread leaves their share as it is.
  factors[cells - 1] = 1;
  for (const ratio of oddsRatios) {
    let below = 0;
    let movedBelow = 0;
    for (let cell = 0; cell < cells - 1; cell++) {
      below = cell === cells - 2 ? 1 : below + (shares[cell] as number) / present;
      const moved = below / (below + ratio * (1 - below));
      factors[cell] = ((moved - movedBelow) * present) / (shares[cell] as number);
      movedBelow = moved;
    }
    place();
  }
  for (const spread of spreads) {
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
    place();
  }
  let rare = 0;
  for (let cell = 0; cell < cells; cell++) if (isRare(shares, cell, cells)) rare += shares[cell] as number;
  const moreRare = Math.min(0.9, (rareOdds * rare) / (1 - rare + rareOdds * rare) + rareGain);
  for (let cell = 0; cell < cells; cell++) {
    factors[cell] = isRare(shares, cell, cells) ? moreRare / rare : (1 - moreRare) / (1 - rare);
  }
  place();
  for (let cell = 0; cell < cells; cell++) {
    const share = shares[cell] as number;
    const recently = recentRows > 0 ? (recent[start + (slots[cell] as number)] as number) / recentRows : share;
    factors[cell] = 1 - recentWeight + (recentWeight * recently) / share;
  }
  place();
}

/** The last cell holds what is missing. */
function isRare(shares: Float64Array, cell: number, cells: number): boolean {
  return cell === cells - 1 || (shares[cell] as number) < rareShare;
}

function writePayoffs(
  cells: number,
  counts: Float64Array,
  start: number,
  rows: number,
  payoffs: Float64Array,
  bet: number,
  minimumEffect: number,
  { slots, factors }: BetScratch,
): void {
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
