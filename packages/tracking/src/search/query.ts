import type { StoredRun } from '../store/run-store';

/** A thing of a run that a query can name. */
export interface RunField {
  readonly scope: 'attribute' | 'metric' | 'param' | 'tag' | 'dataset';
  /**
   * The name within the scope. Attributes: `id`, `name`, `experiment`, `status`, `start_time`, `end_time`, `parent`.
   * Datasets: `name`, `digest`, `context`. A metric stands for its last value.
   */
  readonly key: string;
}

/** How a field is compared with a value. */
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

/** What a field is compared with; a list for `IN` and `NOT IN`, nothing for `IS NULL` and `IS NOT NULL`. */
export type FilterValue = string | number | boolean | readonly (string | number)[];

/** One comparison of a filter. */
export interface FilterComparison {
  readonly kind: 'compare';
  readonly field: RunField;
  readonly operator: FilterOperator;
  readonly value?: FilterValue;
}

/** A filter as a tree. An `and` of nothing holds for every run. */
export type FilterNode =
  | { readonly kind: 'and' | 'or'; readonly terms: readonly FilterNode[] }
  | { readonly kind: 'not'; readonly term: FilterNode }
  | FilterComparison;

/** One key of an order. Runs whose value is NaN come last, and after them those that have none, in either direction. */
export interface OrderTerm {
  readonly field: RunField;
  readonly direction: 'asc' | 'desc';
}

/** What a store is asked for. */
export interface RunQuery {
  /** Only runs of these experiments. @default all */
  readonly experiments?: readonly string[];
  /** @default every run */
  readonly filter?: FilterNode;
  /** Ties go to the run that started later, then to the greater id. @default start_time desc, id desc */
  readonly orderBy?: readonly OrderTerm[];
  /** Runs a page. 1 to 50,000. @default 100 */
  readonly limit?: number;
  /** From the page before; belongs to the same filter, order and experiments. */
  readonly pageToken?: string;
  /** What becomes of deleted runs. @default 'exclude' */
  readonly deleted?: 'exclude' | 'only' | 'include';
}

/** One page of what was found. */
export interface RunPage {
  readonly runs: readonly StoredRun[];
  /** Asks for the next page; absent on the last. */
  readonly nextPageToken?: string;
}
