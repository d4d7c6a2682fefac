/** What came of a group that was run again. */
export type GroupRun<T> = (
  items: readonly T[],
) => Promise<{ readonly ok: true } | { readonly ok: false; readonly error: unknown }>;

/** Extra runs that finding one bad item among `count` may cost. */
export function isolationBudget(count: number): number {
  return 2 * Math.ceil(Math.log2(Math.max(2, count)));
}

/**
 * Finds the bad items of a batch that failed, by halving: each half is run again, a half that fails is halved in turn.
 * One bad item among n costs at most 2·log2 n runs. When the budget is spent, what is left unknown counts as bad.
 *
 * @param items the items of the failed batch, two or more
 * @param run runs a group and, when it succeeds, has delivered its answers
 * @param onBad called once for each item that cannot be answered, with the error of its smallest group
 */
export async function isolate<T>(
  items: readonly T[],
  error: unknown,
  run: GroupRun<T>,
  onBad: (item: T, error: unknown) => void,
): Promise<void> {
  let budget = isolationBudget(items.length);
  const condemn = (group: readonly T[], cause: unknown): void => {
    for (const item of group) onBad(item, cause);
  };
  const search = async (group: readonly T[], cause: unknown): Promise<void> => {
    if (group.length === 1) return condemn(group, cause);
    const middle = group.length >> 1;
    for (const half of [group.slice(0, middle), group.slice(middle)]) {
      if (budget === 0) {
        condemn(half, cause);
        continue;
      }
      budget--;
      const outcome = await run(half);
      if (!outcome.ok) await search(half, outcome.error);
    }
  };
  await search(items, error);
}
