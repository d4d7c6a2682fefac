import { FairleadError } from '../errors';
import type { Share, ThresholdRow } from './threshold-table';

/** What a threshold is to reach: one of these. */
export type CalibrationTarget =
  /** The cheapest threshold whose answers are right at least so often; without a cloud, those that stay. 0 to 1. */
  | { readonly accuracy: number }
  /** The best answers for at most this share of rows escalated. 0 to 1. */
  | { readonly escalationRate: number }
  /** The best answers for at most so much a row, in the units of option `cost`. */
  | { readonly cost: number };

/** The threshold to take. */
export interface Recommendation {
  readonly recommended: ThresholdRow;
  /** Whether the target holds at the unfavourable end of the 95 % interval too; absent without a target. */
  readonly assured?: boolean;
  readonly warnings: readonly string[];
}

/**
 * Chooses from a table. Without a target it is the threshold of the best accuracy, and of those the cheapest.
 * @throws FairleadError `INVALID_OPTION` without a target and a cloud
 */
export function recommend(table: readonly ThresholdRow[], target: CalibrationTarget | undefined): Recommendation {
  const hasCloud = table.some(({ accuracy }) => accuracy !== undefined);
  const accuracyOf = (row: ThresholdRow): Share | undefined => (hasCloud ? row.accuracy : row.keptAccuracy);
  if (target === undefined) {
    if (hasCloud) return { recommended: best(table, accuracyOf), warnings: [] };
    const expected = 'a target, where there is no cloud to compare with';
    throw new FairleadError(
      'INVALID_OPTION',
      `calibrate: option "target" is wrong: expected ${expected}, given none.`,
      {
        details: { field: 'target', expected, given: 'nothing' },
      },
    );
  }
  if ('accuracy' in target) return reach(table, target.accuracy, accuracyOf);
  const isRate = 'escalationRate' in target;
  const spent = (row: ThresholdRow): number => (isRate ? row.escalationRate.value : row.cost);
  const limit = isRate ? target.escalationRate : target.cost;
  const within = table.filter((row) => spent(row) <= limit);
  if (within.length === 0) {
    const recommended = table[0] as ThresholdRow;
    return {
      recommended,
      assured: false,
      warnings: [`No threshold stays within the target: the least is ${spent(recommended)}.`],
    };
  }
  const recommended = best(within, accuracyOf);
  const { value, high } = recommended.escalationRate;
  // A cost grows with the rate, from what a row costs on the device.
  const [first, last] = [table[0], table.at(-1)] as [ThresholdRow, ThresholdRow];
  const perRate = (last.cost - first.cost) / (last.escalationRate.value - first.escalationRate.value || 1);
  const mostSpent = isRate ? high : recommended.cost + (high - value) * perRate;
  return { recommended, assured: mostSpent <= limit, warnings: [] };
}

/** The first threshold that reaches an accuracy for sure, else the first that reaches it here, else the best there is. */
function reach(
  table: readonly ThresholdRow[],
  accuracy: number,
  accuracyOf: (row: ThresholdRow) => Share | undefined,
): Recommendation {
  const sure = table.find((row) => (accuracyOf(row)?.low ?? 0) >= accuracy);
  if (sure !== undefined) return { recommended: sure, assured: true, warnings: [] };
  const here = table.find((row) => (accuracyOf(row)?.value ?? 0) >= accuracy);
  if (here !== undefined) {
    const { rows, low } = accuracyOf(here) as Share;
    const warning = `The target accuracy of ${accuracy} is reached on these ${rows} rows, and may be ${low.toFixed(3)} on others: more rows would tell.`;
    return { recommended: here, assured: false, warnings: [warning] };
  }
  const recommended = best(table, accuracyOf);
  const warning = `No threshold reaches the target accuracy of ${accuracy}; the best is ${(accuracyOf(recommended)?.value ?? 0).toFixed(3)}.`;
  return { recommended, assured: false, warnings: [warning] };
}

/** The table is in the order of what is escalated, so the first of the best is the cheapest. */
function best(table: readonly ThresholdRow[], accuracyOf: (row: ThresholdRow) => Share | undefined): ThresholdRow {
  return table.reduce((found, row) => ((accuracyOf(row)?.value ?? 0) > (accuracyOf(found)?.value ?? 0) ? row : found));
}
