/** What came of a group that was run again. */
export type GroupRun<T> = (items: readonly T[]) => Promise<
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly error: unknown;
      /** Whether the items may be to blame: only then is it worth while to halve the group. */
      readonly divisible: boolean;
    }
>;

/** What {@link isolate} needs. */
export interface Isolation<T> {
  /** Runs a group and, when that succeeds, has delivered its answers. */
  readonly run: GroupRun<T>;
  /** Whether an item still waits for an answer; others are left out of further runs. */
  readonly isOpen: (item: T) => boolean;
  /** Called once for each item that cannot be answered, with the error of its smallest group. */
  readonly onBad: (item: T, error: unknown) => void;
}

/** Extra runs that finding one bad item among `count` may cost. */
export function isolationBudget(count: number): number {
  return 2 * Math.ceil(Math.log2(Math.max(2, count)));
}

/**
 * Finds the bad items of a batch that failed, by halving: each half is run again, a half that fails is halved in turn.
 * One bad item among n costs at most 2·log2 n runs. When the budget is spent, what is left unknown counts as bad.
 *
 * @param items the items of the failed batch, two or more
 * @param error what the batch failed with
 */
export async function isolate<T>(items: readonly T[], error: unknown, isolation: Isolation<T>): Promise<void> {
  const { run, isOpen, onBad } = isolation;
  let budget = isolationBudget(items.length);
  const condemn = (group: readonly T[], cause: unknown): void => {
    for (const item of group) onBad(item, cause);
  };
  const search = async (group: readonly T[], cause: unknown): Promise<void> => {
    if (group.length <= 1) return condemn(group, cause);
    const middle = group.length >> 1;
    for (const items of [group.slice(0, middle), group.slice(middle)]) {
      const half = items.filter(isOpen);
      if (half.length === 0) continue;
      if (budget === 0) {
        condemn(half, cause);
        continue;
      }
      budget--;
      const outcome = await run(half);
      if (outcome.ok) continue;
      if (outcome.divisible) await search(half.filter(isOpen), outcome.error);
      else condemn(half, outcome.error);
    }
  };
  await search(items, error);
}
