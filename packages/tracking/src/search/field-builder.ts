import { invalidArgument } from '../names';
import { checkField } from './check-filter';
import { nodeError } from './filter-error';
import { type FilterComparison, type FilterValue, valueProblem } from './operators';
import type { FilterNode, FilterOperator, OrderTerm, RunField } from './query';

/** What every field can be asked, and what it can be sorted by. */
interface AnyField extends RunField {
  /** The run has it. */
  exists(): FilterNode;
  /** The run does not have it. */
  isMissing(): FilterNode;
}

interface Sortable {
  /** Smallest first. */
  ascending(): OrderTerm;
  /** Largest first. */
  descending(): OrderTerm;
}

interface Comparable<T> {
  below(value: T): FilterNode;
  atMost(value: T): FilterNode;
  above(value: T): FilterNode;
  atLeast(value: T): FilterNode;
}

interface Equatable<T, Listed = T> {
  equals(value: T): FilterNode;
  /** Differs; a run that does not have the field is not found. */
  differsFrom(value: T): FilterNode;
  /** Is one of these. At least one. */
  isOneOf(values: readonly Listed[]): FilterNode;
  /** Is none of these; a run that does not have the field is not found. At least one. */
  isNoneOf(values: readonly Listed[]): FilterNode;
}

interface Matchable {
  /** Matches a pattern, in which `%` stands for any characters and `_` for one. */
  like(pattern: string): FilterNode;
  /** The same without regard to capitals. */
  ilike(pattern: string): FilterNode;
}

/** A metric, by its last value. */
export type MetricField = AnyField & Sortable & Comparable<number> & Equatable<number>;
/** A parameter or a tag. Numbers are compared as numbers where the other side is one or spells one. */
export type ParamField = AnyField &
  Sortable &
  Comparable<string | number> &
  Equatable<string | number | boolean, string | number> &
  Matchable;
/** An attribute that is text. */
export type TextField<T extends string = string> = AnyField & Sortable & Equatable<T> & Matchable;
/** A moment: epoch milliseconds, or a date. */
export type TimeField = AnyField &
  Sortable &
  Comparable<number | Date> &
  Pick<Equatable<number | Date>, 'equals' | 'differsFrom'>;
/** Something of a dataset that went into the run; one of them has to match. */
export type DatasetField = AnyField & Equatable<string> & Matchable;

/** How a run can stand. */
export type QueryStatus = 'RUNNING' | 'KILLED' | 'FINISHED' | 'FAILED' | 'INTERRUPTED';

type EveryField = AnyField &
  Sortable &
  Comparable<string | number | Date> &
  Equatable<string | number | boolean | Date, string | number> &
  Matchable;

/** All methods of all fields; the types above say which a field has. */
function createField(scope: RunField['scope'], key: string): EveryField {
  const field = checkField({ scope, key }, 'field');
  const compare = (operator: FilterOperator, given?: FilterValue | Date): FilterComparison => {
    const value = given instanceof Date ? given.getTime() : given;
    const problem = valueProblem(field, operator, value);
    if (problem !== undefined) throw nodeError(`${field.scope}.${field.key} ${operator}`, problem, given);
    return { kind: 'compare', field, operator, ...(value === undefined ? {} : { value }) };
  };
  return {
    ...field,
    exists: () => compare('IS NOT NULL'),
    isMissing: () => compare('IS NULL'),
    ascending: () => ({ field, direction: 'asc' }),
    descending: () => ({ field, direction: 'desc' }),
    below: (value) => compare('<', value),
    atMost: (value) => compare('<=', value),
    above: (value) => compare('>', value),
    atLeast: (value) => compare('>=', value),
    equals: (value) => compare('=', value),
    differsFrom: (value) => compare('!=', value),
    isOneOf: (values) => compare('IN', values),
    isNoneOf: (values) => compare('NOT IN', values),
    like: (pattern) => compare('LIKE', pattern),
    ilike: (pattern) => compare('ILIKE', pattern),
  };
}

/**
 * The fields of a run, to build filters and orders of.
 *
 * @example
 * const filter = and(field.metric('loss').below(0.3), or(field.param('lr').equals(0.1), field.tag('team').like('vis%')));
 * const { runs } = await tracker.search({ filter, orderBy: [field.metric('loss').ascending()] });
 */
export const field = {
  /** A metric, by its last value. @throws FairleadError `INVALID_ARGUMENT` for a comparison with anything but numbers */
  metric: (name: string): MetricField => createField('metric', name),
  param: (name: string): ParamField => createField('param', name),
  tag: (name: string): ParamField => createField('tag', name),
  id: createField('attribute', 'id') as TextField,
  name: createField('attribute', 'name') as TextField,
  experiment: createField('attribute', 'experiment') as TextField,
  status: createField('attribute', 'status') as TextField<QueryStatus>,
  /** The id of the run that a run is part of. */
  parent: createField('attribute', 'parent') as TextField,
  startTime: createField('attribute', 'start_time') as TimeField,
  /** Missing while a run goes on, and for one that was killed. */
  endTime: createField('attribute', 'end_time') as TimeField,
  datasetName: createField('dataset', 'name') as DatasetField,
  datasetDigest: createField('dataset', 'digest') as DatasetField,
  /** What the dataset was used for, such as `training`. */
  datasetContext: createField('dataset', 'context') as DatasetField,
} as const;

function join(kind: 'and' | 'or', terms: readonly FilterNode[]): FilterNode {
  const flat = terms.flatMap((term) => (term.kind === kind ? term.terms : [term]));
  if (flat.length === 0) throw invalidArgument(kind, 'at least one filter', undefined);
  return flat.length === 1 ? (flat[0] as FilterNode) : { kind, terms: flat };
}

/** Finds the runs that all of the filters find. @throws FairleadError `INVALID_ARGUMENT` without a filter */
export function and(...terms: readonly FilterNode[]): FilterNode {
  return join('and', terms);
}

/** Finds the runs that at least one of the filters finds. @throws FairleadError `INVALID_ARGUMENT` without a filter */
export function or(...terms: readonly FilterNode[]): FilterNode {
  return join('or', terms);
}

/** Finds exactly the runs that a filter does not. */
export function not(term: FilterNode): FilterNode {
  return { kind: 'not', term };
}
