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

/** The runs that come first among those that are offered, so many as a page holds and one more, which says that there is more. */
class FirstRuns {
  readonly #order: RunOrder;
  readonly #count: number;
  #found: Sortable[] = [];
  /** What does not come before this is not among the first. */
  #last: readonly SortKey[] | undefined;

  constructor(order: RunOrder, count: number) {
    this.#order = order;
    this.#count = count;
  }

  offer(one: Sortable): void {
    if (this.#last !== undefined && this.#order.compare(one.keys, this.#last) > 0) return;
    this.#found.push(one);
    // Sorting only now and then costs less than keeping everything in its place.
    if (this.#found.length >= 2 * this.#count + 100) this.sorted();
  }

  sorted(): readonly Sortable[] {
    this.#found.sort((a, b) => this.#order.compare(a.keys, b.keys));
    this.#found.length = Math.min(this.#found.length, this.#count);
    if (this.#found.length === this.#count) this.#last = this.#found.at(-1)?.keys;
    return this.#found;
  }
}

/**
 * The page of a query from runs that are filtered already, and sorted by {@link compileOrder} of the same order and time.
 * Every run that is there all the while comes on exactly one page, whatever is added or removed between two.
 *
 * @param now epoch milliseconds, by which runs without a sign of life are KILLED
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function pageOf(sortedRuns: readonly StoredRun[], query: RunQuery, now: number): RunPage {
  const limit = limitOf(query);
  const order = createRunOrder(query.orderBy, now);
  let low = 0;
  if (query.pageToken !== undefined) {
    const after = decodePageToken(query, order);
    for (let high = sortedRuns.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (order.compare(order.keysOf(sortedRuns[middle] as StoredRun), after) > 0) high = middle;
      else low = middle + 1;
    }
  }
  const found = sortedRuns.slice(low, low + limit + 1).map((run) => ({ run, keys: order.keysOf(run) }));
  return toPage(found, query, order, limit);
}

/** A page of what was found for it, which may be one run more than it holds. */
function toPage(found: readonly Sortable[], query: RunQuery, order: RunOrder, limit: number): RunPage {
  const runs = found.slice(0, limit).map(({ run }) => run);
  if (found.length <= limit) return { runs };
  return { runs, nextPageToken: encodePageToken(query, order, (found[limit - 1] as Sortable).keys) };
}

/**
 * Answers a query from runs that lie in memory: for stores that have no database to ask.
 *
 * @param now epoch milliseconds, by which runs without a sign of life are KILLED
 * @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`
 */
export function searchRuns(runs: Iterable<StoredRun>, query: RunQuery, now: number): RunPage {
  const { experiments, filter, deleted = 'exclude' } = query;
  const limit = limitOf(query);
  const order = createRunOrder(query.orderBy, now);
  const matches = filter === undefined ? undefined : compileFilter(filter, now);
  const wanted = experiments === undefined ? undefined : new Set(experiments);
  if (!['exclude', 'only', 'include'].includes(deleted)) {
    throw invalidArgument('deleted', "'exclude', 'only' or 'include'", deleted);
  }
  const after = query.pageToken === undefined ? undefined : decodePageToken(query, order);
  const first = new FirstRuns(order, limit + 1);
  for (const run of runs) {
    if (deleted !== 'include' && (run.deletedAt !== undefined) !== (deleted === 'only')) continue;
    if (wanted !== undefined && !wanted.has(run.experiment)) continue;
    if (matches !== undefined && !matches(run)) continue;
    const keys = order.keysOf(run);
    if (after === undefined || order.compare(keys, after) > 0) first.offer({ run, keys });
  }
  return toPage(first.sorted(), query, order, limit);
}
