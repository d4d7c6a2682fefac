import type { CallOptions } from '@fairlead/core';
import type { ParamValue } from '../store/stored-run';
import type { FilterNode, OrderTerm } from './query';

/** What `tracker.search` is asked. */
export interface SearchOptions<Columns extends readonly string[] = readonly string[]> extends CallOptions {
  /** A filter as text, such as `metrics.loss < 0.3 AND tags.team = 'vision'`, or one that was built. @default every run */
  readonly filter?: string | FilterNode;
  /**
   * What comes first: texts such as `'metrics.loss DESC'`, or terms that were built. Runs whose value is NaN come last, and
   * after them those that have none. Ties go to the run that started later. @default the latest first
   */
  readonly orderBy?: readonly (string | OrderTerm)[];
  /** Only runs of these experiments. @default all */
  readonly experiments?: readonly string[];
  /** Runs a page. 1 to 50,000. @default 100 */
  readonly limit?: number;
  /** The `nextPageToken` of the page before, of a search that was the same but for `limit`, `columns` and `signal`. */
  readonly pageToken?: string;
  /** What becomes of deleted runs. @default 'exclude' */
  readonly deleted?: 'exclude' | 'only' | 'include';
  /** Fields, such as `['name', 'metrics.loss', 'params.lr']`, that `rows` are made of. @default [] */
  readonly columns?: Columns;
}

type Scoped<Scope extends string> = `${Scope}.${string}` | `${Scope}s.${string}`;

/** What a column holds, by its name; a metric's last value. */
export type ColumnValue<Column extends string> =
  Column extends Scoped<'metric'>
    ? number | undefined
    : Column extends Scoped<'param'> | Scoped<'parameter'>
      ? ParamValue | undefined
      : Column extends Scoped<'tag'>
        ? string | undefined
        : Column extends Scoped<'dataset'>
          ? readonly string[]
          : Column extends 'id' | 'name' | 'experiment' | 'status'
            ? string
            : Column extends 'start_time'
              ? number
              : Column extends 'end_time'
                ? number | undefined
                : Column extends 'parent'
                  ? string | undefined
                  : ParamValue | readonly string[] | undefined;

/** A run as a row of a table, by the names of its columns as they were given. */
export type SearchRow<Columns extends readonly string[]> = {
  readonly [Column in Columns[number]]: ColumnValue<Column>;
};
