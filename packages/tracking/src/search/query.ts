import type { StoredRun } from '../store/stored-run';

/*
 * What a run store is asked. The language in which a user asks (filter texts, builders) is translated into these types,
 * and a store translates them into what it has.
 */

/** Something of a run that is compared or sorted by. */
export interface RunField {
  readonly scope: 'attribute' | 'metric' | 'param' | 'tag' | 'dataset';
  /**
   * The name of the metric (its last value counts), parameter or tag. Attributes: `id`, `name`, `experiment`, `status`,
   * `start_time`, `end_time`, `parent`. Datasets: `name`, `digest`, `context`.
   */
  readonly key: string;
}

/** How a field is compared. `LIKE` and `ILIKE` take `%` for any characters and `_` for one. */
export type FilterOperator =
  | '='
  | '!='
  | '>'
  | '>='
  | '<'
  | '<='
  | 'LIKE'
  | 'ILIKE'
  | 'IN'
  | 'NOT IN'
  | 'IS NULL'
  | 'IS NOT NULL';

/** A condition on runs. */
export type FilterNode =
  | { readonly kind: 'and' | 'or'; readonly terms: readonly FilterNode[] }
  | { readonly kind: 'not'; readonly term: FilterNode }
  | {
      readonly kind: 'compare';
      readonly field: RunField;
      readonly operator: FilterOperator;
      /** A list for `IN` and `NOT IN`; absent for `IS NULL` and `IS NOT NULL`. */
      readonly value?: string | number | boolean | readonly (string | number)[];
    };

/** What runs are sorted by. */
export interface OrderTerm {
  readonly field: RunField;
  readonly direction: 'asc' | 'desc';
}

/** Which runs of a store, in which order, and how many. */
export interface RunQuery {
  /** Only those of these experiments. @default of all */
  readonly experiments?: readonly string[];
  readonly filter?: FilterNode;
  /** @default start_time desc, id desc */
  readonly orderBy?: readonly OrderTerm[];
  /** The most runs of a page, 1 to 50000. @default 100 */
  readonly limit?: number;
  /** Where the page before ended, as that page said. */
  readonly pageToken?: string;
  /** Whether runs that were deleted, and not yet removed for good, are found. @default 'exclude' */
  readonly deleted?: 'exclude' | 'only' | 'include';
}

/** Runs that were found. */
export interface RunPage {
  readonly runs: readonly StoredRun[];
  /** Given with the same query, it answers the next page; absent on the last one. */
  readonly nextPageToken?: string;
}
