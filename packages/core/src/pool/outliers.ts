import type { OutcomeTotals } from './recent-outcomes';

/** Why an endpoint stands out. */
export type OutlierReason = 'failures' | 'slow';

/** What makes an endpoint an outlier. */
export interface OutlierRule {
  /** Requests of ten seconds, of it and of the others each, before they are compared. */
  readonly minimumRequests: number;
  /** By how much its share of failures must exceed that of the others, 0 to 1. */
  readonly failureGap: number;
  /** How many times the middle of the others' mean latencies its own must be. */
  readonly slowness: number;
}

/** Standard errors between two shares of failures: chance alone exceeds it once in 30,000 looks. */
const standardErrors = 4;

/**
 * Whether an endpoint does markedly worse than the others of the last ten seconds. It is held against the others and not
 * against a fixed number, so that what ails all of them, such as requests that are themselves at fault, takes none away.
 * Shares of failures are compared by the two-sample z statistic with pooled variance.
 */
export function outlierReason(
  own: OutcomeTotals,
  others: readonly OutcomeTotals[],
  { minimumRequests, failureGap, slowness }: OutlierRule,
): OutlierReason | undefined {
  const requests = own.answers + own.failures;
  const otherFailures = others.reduce((total, { failures }) => total + failures, 0);
  const otherRequests = others.reduce((total, { answers }) => total + answers, otherFailures);
  if (requests < minimumRequests || otherRequests < minimumRequests) return undefined;
  const gap = own.failures / requests - otherFailures / otherRequests;
  const pooled = (own.failures + otherFailures) / (requests + otherRequests);
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / requests + 1 / otherRequests));
  if (gap >= failureGap && gap > standardErrors * error) return 'failures';
  if (own.answers < minimumRequests) return undefined;
  const means = others.filter(({ answers }) => answers > 0).map(({ answers, answerMs }) => answerMs / answers);
  const middle = lowerMedian(means);
  return middle !== undefined && middle > 0 && own.answerMs / own.answers >= slowness * middle ? 'slow' : undefined;
}

function lowerMedian(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}
