import { type Clock, parseOptions, throwIfAborted } from '@fairlead/core';
import * as z from 'zod/mini';
import { toRunSummary } from '../run-record';
import type { StoredRun } from '../store/stored-run';
import type { TrackingStore } from '../store/tracking-store';
import type { RunSummary, SearchPage, Tracker } from '../tracker';
import { checkFilter } from './check-filter';
import { compileField } from './compile-filter';
import { createRunOrder } from './order';
import { parseColumn, parseFilter, parseOrder } from './parse-filter';
import type { FilterNode, OrderTerm, RunQuery } from './query';
import type { SearchOptions, SearchRow } from './search-options';

/** What the search of a tracker needs of it. */
export interface SearchContext {
  readonly store: TrackingStore;
  readonly clock: Clock;
  /** Throws when the tracker was closed. */
  checkOpen(): void;
  /** Makes what the live runs hold in memory readable. */
  writeOut(): Promise<void>;
}

const anObject = <T>() => z.custom<T>((value) => typeof value === 'object' && value !== null, 'a text or an object');
const texts = z.array(z.string());

const searchSchema = z.strictObject({
  filter: z.optional(z.union([z.string(), anObject<FilterNode>()])),
  orderBy: z._default(z.array(z.union([z.string(), anObject<OrderTerm>()])), []),
  experiments: z.optional(texts),
  limit: z.optional(z.int().check(z.minimum(1), z.maximum(50_000))),
  pageToken: z.optional(z.string()),
  deleted: z.optional(z.enum(['exclude', 'only', 'include'])),
  columns: z._default(texts, []),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')),
});

function filterOf(given: string | FilterNode | undefined): FilterNode | undefined {
  if (given === undefined) return undefined;
  return checkFilter(typeof given === 'string' ? parseFilter(given) : given);
}

/** Checks everything here, so that every store refuses the same. */
function queryOf(options: z.output<typeof searchSchema>, now: number): RunQuery {
  const { experiments, limit, pageToken, deleted } = options;
  const filter = filterOf(options.filter);
  const orderBy = options.orderBy.map((term) => (typeof term === 'string' ? parseOrder(term) : term));
  createRunOrder(orderBy, now);
  return {
    ...(filter === undefined ? {} : { filter }),
    ...(orderBy.length === 0 ? {} : { orderBy }),
    ...(experiments === undefined ? {} : { experiments }),
    ...(limit === undefined ? {} : { limit }),
    ...(pageToken === undefined ? {} : { pageToken }),
    ...(deleted === undefined ? {} : { deleted }),
  };
}

/** Reads the chosen fields of a run into a row. */
function compileRow<Columns extends readonly string[]>(
  columns: readonly string[],
  now: number,
): (run: StoredRun) => SearchRow<Columns> {
  const readers = columns.map((column): [string, (run: StoredRun) => unknown] => {
    const field = parseColumn(column);
    if (field.scope !== 'dataset') return [column, compileField(field, now)];
    const key = field.key as 'name' | 'digest' | 'context';
    return [column, (run) => run.inputs.flatMap((input) => input[key] ?? [])];
  });
  return (run) => Object.fromEntries(readers.map(([column, read]) => [column, read(run)])) as SearchRow<Columns>;
}

/** The `search` of a tracker. */
export function createSearch(context: SearchContext): Tracker['search'] {
  return async function search<const Columns extends readonly string[] = readonly []>(
    given: SearchOptions<Columns> = {},
  ): Promise<SearchPage<Columns>> {
    context.checkOpen();
    const options = parseOptions(searchSchema, given, 'search');
    const now = context.clock.epochMs();
    const query = queryOf(options, now);
    const rowOf = compileRow<Columns>(options.columns, now);
    throwIfAborted(options.signal, 'Searching runs');
    await context.writeOut();
    const page = await context.store.runs.search(query, options.signal === undefined ? {} : { signal: options.signal });
    return {
      runs: page.runs.map((run): RunSummary => toRunSummary(run, now)),
      rows: page.runs.map(rowOf),
      ...(page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken }),
    };
  };
}
