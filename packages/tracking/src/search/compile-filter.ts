import { statusOf } from '../run-record';
import type { StoredRun } from '../store/stored-run';
import { checkFilter } from './check-filter';
import { compileLike } from './like-pattern';
import type { FilterComparison, FilterValue } from './operators';
import type { FilterNode, RunField } from './query';
import { type FieldValue, isList, orderOf, sameValue, textOf } from './value-order';

/** A run that may know a shorter way to one of its values than to decode all of them. */
export type PeekableRun = StoredRun & {
  /** The last value of a metric, or a parameter or a tag; `undefined` where the run has none. */
  readonly peek?: (scope: 'metric' | 'param' | 'tag', key: string) => FieldValue | undefined;
};

/** Whether a run is one of those that a filter asks for. */
export type RunPredicate = (run: PeekableRun) => boolean;

function peek(run: PeekableRun, scope: 'metric' | 'param' | 'tag', key: string): FieldValue | undefined {
  if (run.peek !== undefined) return run.peek(scope, key);
  if (scope === 'metric') return Object.hasOwn(run.metrics, key) ? run.metrics[key]?.last : undefined;
  const values = scope === 'param' ? run.params : run.tags;
  return Object.hasOwn(values, key) ? values[key] : undefined;
}

/** The value of a field of a run, `undefined` where it has none. Datasets, of which a run may have several, are apart. */
export function compileField({ scope, key }: RunField, now: number): (run: PeekableRun) => FieldValue | undefined {
  if (scope === 'metric' || scope === 'param' || scope === 'tag') return (run) => peek(run, scope, key);
  switch (key) {
    case 'id':
      return (run) => run.id;
    case 'name':
      return (run) => run.name;
    case 'experiment':
      return (run) => run.experiment;
    case 'status':
      return (run) => statusOf(run, now);
    case 'start_time':
      return (run) => run.startedAt;
    case 'end_time':
      return (run) => run.end?.at;
    case 'parent':
      return (run) => run.parent;
    default:
      return () => undefined;
  }
}

/** Tests one value. Datasets and all other fields go through the same. */
function compileTest({ operator, value = '' }: FilterComparison): (given: FieldValue) => boolean {
  const single = value as FieldValue;
  switch (operator) {
    case '=':
      return (given) => sameValue(given, single);
    case '!=':
      return (given) => !sameValue(given, single);
    case '<':
      return (given) => orderOf(given, single) === -1;
    case '>':
      return (given) => orderOf(given, single) === 1;
    case '<=':
      return (given) => (orderOf(given, single) ?? 1) <= 0;
    case '>=':
      return (given) => (orderOf(given, single) ?? -1) >= 0;
    case 'LIKE':
    case 'ILIKE': {
      const matches = compileLike(textOf(single), operator === 'ILIKE');
      return (given) => matches(textOf(given));
    }
    case 'IN':
      return compileList(value);
    case 'NOT IN': {
      const isListed = compileList(value);
      return (given) => !isListed(given);
    }
    case 'IS NULL':
    case 'IS NOT NULL':
      return () => true;
  }
}

/** Lists of ids are long, so text is looked up. Text and numbers that mean the same are compared one by one. */
function compileList(value: FilterValue): (given: FieldValue) => boolean {
  const list = isList(value) ? value : [];
  const texts = new Set(list.filter((item) => typeof item === 'string'));
  const numbers = list.filter((item) => typeof item === 'number');
  return (given) => {
    if (typeof given === 'string') return texts.has(given) || numbers.some((item) => sameValue(given, item));
    return list.some((item) => sameValue(given, item));
  };
}

function compileComparison(node: FilterComparison, now: number): RunPredicate {
  const { field, operator } = node;
  const passes = compileTest(node);
  if (field.scope === 'dataset') {
    const key = field.key as 'name' | 'digest' | 'context';
    if (operator === 'IS NULL') return (run) => run.inputs.every((input) => input[key] === undefined);
    return (run) =>
      run.inputs.some((input) => {
        const given = input[key];
        return given !== undefined && passes(given);
      });
  }
  const valueIn = compileField(field, now);
  if (operator === 'IS NULL') return (run) => valueIn(run) === undefined;
  // What is missing never matches, by != and NOT IN neither: that is MLflow's rule.
  return (run) => {
    const given = valueIn(run);
    return given !== undefined && passes(given);
  };
}

function compile(node: FilterNode, now: number): RunPredicate {
  switch (node.kind) {
    case 'compare':
      return compileComparison(node, now);
    case 'not': {
      const term = compile(node.term, now);
      return (run) => !term(run);
    }
    case 'and': {
      const terms = node.terms.map((term) => compile(term, now));
      return (run) => terms.every((term) => term(run));
    }
    case 'or': {
      const terms = node.terms.map((term) => compile(term, now));
      return (run) => terms.some((term) => term(run));
    }
  }
}

/**
 * Makes a test of a filter, which means what MLflow means by it:
 *
 * - a metric is its last value. NaN is neither below nor above anything and differs from every number; `= NaN` finds it
 * - what a run does not have never matches, by `!=` and `NOT IN` neither; `IS NULL` finds it
 * - `NOT x` finds exactly the runs that `x` does not, so also those that lack what `x` names
 * - parameters and tags are text, and compared as text; as numbers where one side is a number and the other spells one
 * - `LIKE` knows `%` and `_`; `ILIKE` is the same without regard to capitals
 * - of several datasets one has to match
 *
 * @param now epoch milliseconds, by which runs without a sign of life are KILLED
 * @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` for a tree that is no filter
 */
export function compileFilter(node: FilterNode, now: number): RunPredicate {
  return compile(checkFilter(node), now);
}
