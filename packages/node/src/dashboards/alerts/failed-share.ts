import type { KnownName } from '../known-families';
import { matching } from '../promql';
import { type AlertContext, growing, percentage, type TestSeries } from './definition';

/** Counters of what succeeded and what failed, the latter by `code`. */
export interface Outcomes {
  readonly success: KnownName;
  readonly failure: KnownName;
  /** By which the share is taken. */
  readonly by: readonly string[];
  /** Labels of the series that tests make up, beside those that all have. */
  readonly of?: Readonly<Record<string, string>>;
}

/** Which failures count: those with one of these codes, or with none of them. */
interface CountedCodes {
  readonly operator: '=' | '=~' | '!~';
  readonly codes: string;
  /** One that counts, for tests. */
  readonly example: string;
}

/** So many in a minute, of which a share fails with a code. */
function failing({ series }: AlertContext, outcomes: Outcomes, code: string, share: number): TestSeries[] {
  const { success, failure, of = {} } = outcomes;
  return [series(success, growing(600 * (1 - share)), of), series(failure, growing(600 * share), { ...of, code })];
}

/**
 * The condition that more than a share of what is asked fails with certain codes, and its example.
 * @param alsoQuiet series beside those of half the share, for which the alert must stay quiet too
 */
export function failsTooOften(
  context: AlertContext,
  outcomes: Outcomes,
  { operator, codes, example }: CountedCodes,
  limit: number,
  alsoQuiet: readonly TestSeries[] = [],
) {
  const { queries } = context;
  const { success, failure, by } = outcomes;
  // Without a success yet there is no such series, hence the `or`.
  const all = `sum by (${by.join(', ')}) (rate(${queries.select(success)}[5m]) or rate(${queries.select(failure)}[5m]))`;
  const failed = queries.rate(failure, by, { where: [matching('code', operator, codes)] });
  const share = (1 + limit) / 2;
  return {
    expr: `${failed} / ${all} > ${limit}`,
    value: percentage(share),
    raised: failing(context, outcomes, example, share),
    quiet: [...failing(context, outcomes, example, limit / 2), ...alsoQuiet],
  };
}
