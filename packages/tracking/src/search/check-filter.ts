import { FairleadError } from '@fairlead/core';
import { nodeError } from './filter-error';
import { type FilterComparison, operatorsOf, valueProblem } from './operators';
import { maxFilterDepth } from './parse-filter';
import type { FilterNode, RunField } from './query';
import { resolveField } from './run-field';

const maxComparisons = 20_000;
/** A level of parentheses in a text is two of the tree: an `or` in an `and`. */
const maxLevels = 2 * maxFilterDepth + 2;
const scopes: ReadonlySet<unknown> = new Set(['attribute', 'metric', 'param', 'tag', 'dataset']);

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Checks a field that did not come from a text, and gives it its one name. @throws FairleadError `INVALID_ARGUMENT` */
export function checkField(field: unknown, path: string): RunField {
  if (!isObject(field) || !scopes.has(field.scope) || typeof field.key !== 'string') {
    throw nodeError(path, 'a field { scope, key } with scope attribute, metric, param, tag or dataset', field);
  }
  const found = resolveField(field.scope as RunField['scope'], field.key);
  if (typeof found === 'string') throw nodeError(`${path}.key`, found, field.key);
  return found;
}

function checkComparison(node: FilterComparison, path: string): FilterComparison {
  const field = checkField(node.field, `${path}.field`);
  const possible = operatorsOf(field);
  if (!possible.includes(node.operator)) {
    throw nodeError(`${path}.operator`, `one of ${possible.join(', ')}`, node.operator);
  }
  const problem = valueProblem(field, node.operator, node.value);
  if (problem !== undefined) throw nodeError(`${path}.value`, problem, node.value);
  return { ...node, field };
}

function limitError(what: string): FairleadError {
  return new FairleadError('LIMIT_EXCEEDED', `filter: more than ${what}. Simplify it.`, {
    details: { field: 'filter', expected: `at most ${what}`, given: 'more' },
  });
}

/**
 * Checks a tree, and brings it into the form that the parser gives it: an `and` within an `and` becomes one, as do `or`s,
 * and one term alone stands for itself.
 *
 * @throws FairleadError `INVALID_ARGUMENT` that names the place in the tree; `LIMIT_EXCEEDED` past 202 levels or 20,000
 * comparisons
 */
export function checkFilter(filter: FilterNode): FilterNode {
  let comparisons = 0;
  const check = (node: FilterNode, path: string, depth: number): FilterNode => {
    if (depth > maxLevels) throw limitError(`${maxLevels} levels`);
    if (typeof node !== 'object' || node === null) throw nodeError(path, 'a filter node', node);
    switch (node.kind) {
      case 'compare':
        if (++comparisons > maxComparisons) throw limitError(`${maxComparisons} comparisons`);
        return checkComparison(node, path);
      case 'not':
        return { kind: 'not', term: check(node.term, `${path}.term`, depth + 1) };
      case 'and':
      case 'or': {
        if (!Array.isArray(node.terms) || node.terms.length === 0)
          throw nodeError(`${path}.terms`, 'terms', node.terms);
        const terms: FilterNode[] = [];
        node.terms.forEach((given: FilterNode, index) => {
          const term = check(given, `${path}.terms[${index}]`, depth + 1);
          if (term.kind === node.kind) for (const inner of term.terms) terms.push(inner);
          else terms.push(term);
        });
        return terms.length === 1 ? (terms[0] as FilterNode) : { kind: node.kind, terms };
      }
      default:
        throw nodeError(`${path}.kind`, 'and, or, not or compare', (node as { kind?: unknown }).kind);
    }
  };
  const isEmpty = isObject(filter) && filter.kind === 'and' && Array.isArray(filter.terms) && filter.terms.length === 0;
  return isEmpty ? filter : check(filter, 'filter', 0);
}
