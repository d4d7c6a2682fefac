import { betCount } from './bets';

/** A reference must be able to show a shift by this many standard deviations: half of one. */
const shownShift = 0.5;
/** Evidence beyond the level that a drift needs to be found in good time, in natural logarithms. */
const reserve = 2;

/**
 * Rows that a reference needs so that a shift by half a standard deviation of one feature can raise an alarm at all.
 *
 * With n reference rows, however many live rows follow, the evidence for a shift by δ standard deviations ends near n·δ²/2: from
 * there on the live rows tell more of themselves than the reference can deny. It has to reach ln T for the stated time T, and
 * ln of the number of features and bets among which it is shared.
 *
 * @param rowsBetweenFalseAlarms the stated time in rows
 */
export function rowsNeeded(rowsBetweenFalseAlarms: number, features: number): number {
  const needed = Math.log(Math.max(1, rowsBetweenFalseAlarms)) + Math.log(features * betCount) + reserve;
  return Math.ceil((2 * needed) / (shownShift * shownShift));
}
