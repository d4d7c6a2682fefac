import { quantile } from '../lib/load';

/** What the gaps between frames came to. */
export interface GapSummary {
  readonly count: number;
  readonly p99: number;
  readonly longest: number;
}

/**
 * Sums up gaps of all slices together, in milliseconds.
 * @throws RangeError when there are none
 */
export function summarizeGaps(gaps: readonly number[]): GapSummary {
  if (gaps.length === 0) throw new RangeError('No frame was recorded: measure for longer.');
  const ascending = Float64Array.from(gaps).sort();
  return { count: gaps.length, p99: quantile(ascending, 0.99), longest: ascending.at(-1) as number };
}
