import { FairleadError } from '@fairlead/core';
import { checkFilter } from './check-filter';
import type { FilterComparison } from './operators';
import type { FilterNode, OrderTerm, RunField } from './query';
import { fieldName } from './run-field';
import { isList, textOf } from './value-order';

/** Options of {@link formatFilter} and {@link formatOrder}. */
export interface FormatFilterOptions {
  /**
   * Who reads the text. `mlflow`: an MLflow server, which knows neither OR nor NOT nor parentheses; a comparison that it
   * cannot make is refused, or said in other words that mean the same. `fairlead`: {@link parseFilter}, which gives back
   * exactly this tree. @default 'mlflow'
   */
  readonly dialect?: 'mlflow' | 'fairlead';
}

type Dialect = NonNullable<FormatFilterOptions['dialect']>;

function unsupported(what: string, hint: string): FairleadError {
  return new FairleadError('UNSUPPORTED', `filter: MLflow has no ${what}. ${hint}`, {
    details: { field: 'filter', expected: 'what MLflow can search for', given: what },
  });
}

const ownHint = 'Search a store of our own, or search for less and filter what comes back.';

/** MLflow strips the quotes of a value and takes the inside as it is, so not every text can be said. */
function quotedForMlflow(text: string): string {
  const quote = text.includes("'") ? '"' : "'";
  // Its tokenizer takes a backslash for the mask of the quote behind it.
  if (text.includes(quote) || text.endsWith('\\')) {
    throw unsupported(`way to write the text ${JSON.stringify(text.slice(0, 80))}`, ownHint);
  }
  return `${quote}${text}${quote}`;
}

function quoted(text: string, quote: string): string {
  return `${quote}${text.replaceAll(quote, quote + quote)}${quote}`;
}

/** A tuple of MLflow is a literal of Python, in which a backslash begins an escape. */
function listItemForMlflow(item: string | number): string {
  if (typeof item === 'number') throw unsupported('lists of numbers', ownHint);
  if (/[\\\p{Cc}]/u.test(item)) throw unsupported('way to write a backslash or control character in a list', ownHint);
  return quotedForMlflow(item);
}

const mlflowAttributes: Readonly<Record<string, string>> = { id: 'run_id', name: 'run_name' };

function formatField(field: RunField, dialect: Dialect): string {
  if (field.scope === 'attribute') {
    if (dialect === 'fairlead') return field.key;
    if (field.key === 'parent') return 'tags.`mlflow.parentRunId`';
    if (field.key === 'experiment') {
      throw unsupported('filter by experiment', 'Give the experiments of the query in its `experiments`.');
    }
    return `attributes.${mlflowAttributes[field.key] ?? field.key}`;
  }
  if (field.scope === 'dataset') return fieldName(field);
  // In MLflow's text always in backticks: bare, its tokenizer takes some names for keywords.
  if (dialect === 'fairlead' && /^[A-Za-z]\w*$/.test(field.key)) return fieldName(field);
  if (dialect === 'mlflow' && field.key.includes('`')) throw unsupported(`key ${JSON.stringify(field.key)}`, ownHint);
  return `${field.scope}s.${quoted(field.key, '`')}`;
}

function formatNumber(value: number, dialect: Dialect): string {
  if (dialect === 'fairlead') return textOf(value);
  if (Number.isNaN(value)) throw unsupported('way to write NaN', ownHint);
  // The server keeps the infinities as the numbers that come next to them, and reads no plus in an exponent.
  return String(Math.min(Math.max(value, -Number.MAX_VALUE), Number.MAX_VALUE)).replace('e+', 'e');
}

function formatValue(node: FilterComparison, dialect: Dialect): string {
  const { value, field } = node;
  if (isList(value)) {
    const items = value.map((item) => {
      if (dialect === 'mlflow') return listItemForMlflow(item);
      return typeof item === 'number' ? textOf(item) : quoted(item, "'");
    });
    return `(${items.join(', ')})`;
  }
  const isText = field.scope === 'param' || field.scope === 'tag';
  if (dialect === 'mlflow' && isText) return quotedForMlflow(textOf(value ?? ''));
  if (typeof value === 'number') return formatNumber(value, dialect);
  if (typeof value === 'boolean') return String(value);
  return dialect === 'mlflow' ? quotedForMlflow(value ?? '') : quoted(value ?? '', "'");
}

/** What MLflow cannot do by this operator, done by others where that is the same. */
function comparisonsForMlflow(node: FilterComparison): readonly FilterComparison[] {
  const { field, operator, value } = node;
  const { scope, key } = field;
  if (isList(value)) {
    if (scope === 'dataset' || (scope === 'attribute' && key === 'id')) return [node];
    if (operator === 'NOT IN') return value.map((item) => ({ ...node, operator: '!=', value: item }));
    if (value.length === 1) return [{ ...node, operator: '=', value: value[0] as string | number }];
    throw unsupported(`IN for ${fieldName(field)}`, 'It has IN for attributes.run_id and for datasets.');
  }
  if (operator === 'IS NULL' || operator === 'IS NOT NULL') {
    const possible = scope === 'param' || scope === 'tag' || key === 'parent';
    if (!possible) throw unsupported(`${operator} for ${fieldName(field)}`, 'It has it for params and tags.');
  }
  if ((scope === 'param' || scope === 'tag') && /[<>]/.test(operator)) {
    throw unsupported(`${operator} for ${fieldName(field)}, whose values it takes for text`, ownHint);
  }
  return [node];
}

function formatComparison(node: FilterComparison, dialect: Dialect): string {
  const head = `${formatField(node.field, dialect)} ${node.operator}`;
  return node.value === undefined ? head : `${head} ${formatValue(node, dialect)}`;
}

function formatOwn(node: FilterNode, within: 'none' | 'or' | 'and' | 'not'): string {
  switch (node.kind) {
    case 'compare':
      return formatComparison(node, 'fairlead');
    case 'not':
      return `NOT ${formatOwn(node.term, 'not')}`;
    case 'and':
    case 'or': {
      const text = node.terms.map((term) => formatOwn(term, node.kind)).join(node.kind === 'and' ? ' AND ' : ' OR ');
      const bare = within === 'none' || (within === 'or' && node.kind === 'and');
      return bare ? text : `(${text})`;
    }
  }
}

function formatForMlflow(node: FilterNode): string {
  if (node.kind === 'compare') {
    return comparisonsForMlflow(node)
      .map((comparison) => formatComparison(comparison, 'mlflow'))
      .join(' AND ');
  }
  if (node.kind === 'and') return node.terms.map(formatForMlflow).join(' AND ');
  throw unsupported(node.kind.toUpperCase(), ownHint);
}

/**
 * The text of a filter. In the dialect of MLflow numbers and booleans that a parameter or tag is compared with are
 * written as text, which is how MLflow compares them.
 *
 * @throws FairleadError `UNSUPPORTED` for what MLflow cannot do, `INVALID_ARGUMENT` for a tree that is no filter
 */
export function formatFilter(node: FilterNode, options: FormatFilterOptions = {}): string {
  const checked = checkFilter(node);
  return options.dialect === 'fairlead' ? formatOwn(checked, 'none') : formatForMlflow(checked);
}

/** The text of a term of an order. @throws FairleadError `UNSUPPORTED` for what MLflow cannot order by */
export function formatOrder(term: OrderTerm, options: FormatFilterOptions = {}): string {
  return `${formatField(term.field, options.dialect ?? 'mlflow')} ${term.direction.toUpperCase()}`;
}
