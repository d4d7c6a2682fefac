import { invalidArgument } from '../names';
import type { StoredRun } from '../store/stored-run';
import { compileFilter } from './compile-filter';
import { createRunOrder, type RunOrder, type SortKey } from './order';
import { decodePageToken, encodePageToken } from './page-token';
import type { RunPage, RunQuery } from './query';

/** Runs of a page where a query does not say. */
const defaultLimit = 100;
const maxLimit = 50_000;

interface Sortable {
  readonly run: StoredRun;
  readonly keys: readonly SortKey[];
}

function limitOf({ limit = defaultLimit }: RunQuery): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= maxLimit) return limit;
  throw invalidArgument('limit', `a whole number, 1 to ${maxLimit}`, limit);
}

/** The place of the first of sorted things that comes after the keys. */
function firstAfter(
  count: number,
  keysAt: (index: number) => readonly SortKey[],
  order: RunOrder,
  last: readonly SortKey[],
): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (order.compare(keysAt(middle), last) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

function cut(count: number, at: (index: number) => Sortable, order: RunOrder, query: RunQuery): RunPage {
  const limit = limitOf(query);
  const from =
    query.pageToken === undefined
      ? 0
      : firstAfter(count, (index) => at(index).keys, order, decodePageToken(query, order));
  const to = Math.min(from + limit, count);
  const runs: StoredRun[] = [];
  for (let i = from; i < to; i++) runs.push(at(i).run);
  if (to === count) return { runs };
  return { runs, nextPageToken: encodePageToken(query, order, at(to - 1).keys) };
}

/**
 * The page of a query from runs that are filtered already, and sorted by {@link compileOrder} of the same order and time.
 * Every run that is there all the while comes on exactly one page, whatever is added or removed between two.
 *
 * @param now epoch milliseconds, by which runs without a sign of life are KILLED
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function pageOf(sortedRuns: readonly StoredRun[], query: RunQuery, now: number): RunPage {
  const order = createRunOrder(query.orderBy, now);
  const at = (index: number): Sortable => {
    const run = sortedRuns[index] as StoredRun;
    return { run, keys: order.keysOf(run) };
  };
  return cut(sortedRuns.length, at, order, query);
}

/**
 * Answers a query from runs that lie in memory: for stores that have no database to ask.
 *
 * @param now epoch milliseconds, by which runs without a sign of life are KILLED
 * @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`
 */
export function searchRuns(runs: Iterable<StoredRun>, query: RunQuery, now: number): RunPage {
  const { experiments, filter, deleted = 'exclude' } = query;
  const order = createRunOrder(query.orderBy, now);
  const matches = filter === undefined ? undefined : compileFilter(filter, now);
  const wanted = experiments === undefined ? undefined : new Set(experiments);
  if (!['exclude', 'only', 'include'].includes(deleted)) {
    throw invalidArgument('deleted', "'exclude', 'only' or 'include'", deleted);
  }
  const found: Sortable[] = [];
  for (const run of runs) {
    if (deleted !== 'include' && (run.deletedAt !== undefined) !== (deleted === 'only')) continue;
    if (wanted !== undefined && !wanted.has(run.experiment)) continue;
    if (matches === undefined || matches(run)) found.push({ run, keys: order.keysOf(run) });
  }
  found.sort((a, b) => order.compare(a.keys, b.keys));
  return cut(found.length, (index) => found[index] as Sortable, order, query);
}
