import { FairleadError } from '@fairlead/core';
import { invalidArgument } from '../names';
import { syntaxError } from './filter-error';
import { Lexer, maxFilterLength, type Token } from './lexer';
import { type FilterComparison, type FilterValue, operatorsOf, valueProblem } from './operators';
import type { FilterNode, FilterOperator, OrderTerm, RunField } from './query';
import { fieldTypeOf, resolveField, scopeOf, scopeWords } from './run-field';
import { numberOf } from './value-order';

/** How deep parentheses and NOT may nest. */
export const maxFilterDepth = 100;

function keywordOf(token: Token): string | undefined {
  return token.kind === 'word' ? token.value.toUpperCase() : undefined;
}

function shown(token: Token): string {
  return token.kind === 'end' ? 'the end' : token.text;
}

class Parser {
  readonly #lexer: Lexer;

  constructor(option: string, text: string) {
    this.#lexer = new Lexer(option, text);
  }

  filter(): FilterNode {
    const first = this.#lexer.next();
    if (first.kind === 'end') return { kind: 'and', terms: [] };
    this.#lexer.rewind(first);
    const node = this.#disjunction(0);
    const rest = this.#lexer.next();
    if (rest.kind !== 'end') throw this.#refuse(rest, 'AND, OR or the end');
    return node;
  }

  order(): OrderTerm {
    const field = this.#field(this.#lexer.next());
    if (field.scope === 'dataset') throw this.#refuseAt(0, 'a metric, parameter, tag or attribute', 'a dataset');
    const token = this.#lexer.next();
    const word = keywordOf(token);
    if (token.kind === 'end') return { field, direction: 'asc' };
    if (word !== 'ASC' && word !== 'DESC') throw this.#refuse(token, 'ASC, DESC or the end');
    const rest = this.#lexer.next();
    if (rest.kind !== 'end') throw this.#refuse(rest, 'the end');
    return { field, direction: word === 'ASC' ? 'asc' : 'desc' };
  }

  column(): RunField {
    const field = this.#field(this.#lexer.next());
    const rest = this.#lexer.next();
    if (rest.kind !== 'end') throw this.#refuse(rest, 'the end');
    return field;
  }

  #refuse(token: Token, expected: string): FairleadError {
    return this.#refuseAt(token.start, expected, shown(token));
  }

  #refuseAt(position: number, expected: string, given: string): FairleadError {
    return syntaxError(this.#lexer.field, this.#lexer.text, position, expected, given);
  }

  #disjunction(depth: number): FilterNode {
    return this.#chain('or', () => this.#chain('and', () => this.#unit(depth)));
  }

  /** Units with AND or OR between them. What is of the same kind becomes one. */
  #chain(kind: 'and' | 'or', part: () => FilterNode): FilterNode {
    const terms: FilterNode[] = [];
    const word = kind.toUpperCase();
    for (let token: Token | undefined; ; ) {
      const node = part();
      if (node.kind === kind) for (const term of node.terms) terms.push(term);
      else terms.push(node);
      token = this.#lexer.next();
      if (keywordOf(token) === word) continue;
      this.#lexer.rewind(token);
      return terms.length === 1 ? (terms[0] as FilterNode) : { kind, terms };
    }
  }

  #unit(depth: number): FilterNode {
    const token = this.#lexer.next();
    const nested = token.text === '(' || keywordOf(token) === 'NOT';
    if (nested && depth >= maxFilterDepth) {
      const { field } = this.#lexer;
      throw new FairleadError(
        'LIMIT_EXCEEDED',
        `${field}: parentheses and NOT nest more than ${maxFilterDepth} deep.`,
        {
          details: { field, expected: `at most ${maxFilterDepth} deep`, given: 'deeper', position: token.start },
        },
      );
    }
    if (keywordOf(token) === 'NOT') return { kind: 'not', term: this.#unit(depth + 1) };
    if (token.text !== '(') return this.#comparison(token);
    const node = this.#disjunction(depth + 1);
    const end = this.#lexer.next();
    if (end.text !== ')') throw this.#refuse(end, 'AND, OR or a closing parenthesis');
    return node;
  }

  #field(token: Token): RunField {
    const { text, field } = this.#lexer;
    const quoted = token.kind === 'string' || token.kind === 'backtick';
    if (token.kind !== 'word' && !quoted) throw this.#refuse(token, `a field such as ${scopeWords}`);
    const dotted = text[token.end] === '.';
    const scope = dotted ? scopeOf(token.value) : 'attribute';
    if (scope === undefined) throw this.#refuse(token, scopeWords);
    if (!dotted) {
      const known = resolveField('attribute', token.value);
      if (typeof known !== 'string') return known;
      throw syntaxError(field, text, token.start, `${scopeWords}, or ${known}`, token.text);
    }
    this.#lexer.next();
    const key = this.#lexer.key();
    if (key === undefined)
      throw this.#refuseAt(token.end + 1, `the name of a ${scope}`, text[token.end + 1] ?? 'the end');
    const found = resolveField(scope, key.value);
    if (typeof found === 'string') throw this.#refuse(key, found);
    return found;
  }

  #comparison(token: Token): FilterComparison {
    const field = this.#field(token);
    const operator = this.#operator(field);
    if (operator === 'IS NULL' || operator === 'IS NOT NULL') return { kind: 'compare', field, operator };
    const at = this.#lexer.position;
    const isListed = operator === 'IN' || operator === 'NOT IN';
    const value: FilterValue = isListed ? this.#list(field) : this.#value(field, operator);
    const problem = valueProblem(field, operator, value);
    if (problem !== undefined) throw this.#refuseAt(at, problem, this.#lexer.text.slice(at, at + 80).trim());
    return { kind: 'compare', field, operator, value };
  }

  #operator(field: RunField): FilterOperator {
    const token = this.#lexer.next();
    const operator = this.#operatorAt(token);
    const possible = operatorsOf(field);
    const found = possible.find((one) => one === operator);
    if (found === undefined) throw this.#refuse(token, `one of ${possible.join(', ')}`);
    return found;
  }

  /** The operator that begins with a token, in capitals and with one space between its words. */
  #operatorAt(token: Token): string | undefined {
    const word = keywordOf(token);
    if (word === 'NOT') return `NOT ${keywordOf(this.#lexer.next())}`;
    if (word !== 'IS') return word ?? token.value;
    const second = keywordOf(this.#lexer.next());
    return second === 'NOT' ? `IS NOT ${keywordOf(this.#lexer.next())}` : `IS ${second}`;
  }

  #list(field: RunField): (string | number)[] {
    const start = this.#lexer.next();
    if (start.text !== '(') throw this.#refuse(start, 'a list in parentheses');
    const items: (string | number)[] = [];
    for (;;) {
      const at = this.#lexer.position;
      const item = this.#value(field, '=');
      if (typeof item === 'boolean') throw this.#refuseAt(at, 'text in quotes or a number', String(item));
      items.push(item);
      const next = this.#lexer.next();
      if (next.text === ')') return items;
      if (next.text !== ',') throw this.#refuse(next, 'a comma or a closing parenthesis');
      // Python writes a tuple of one with a comma.
      const end = this.#lexer.next();
      if (end.text === ')') return items;
      this.#lexer.rewind(end);
    }
  }

  #value(field: RunField, operator: FilterOperator): string | number | boolean {
    const token = this.#lexer.next();
    if (token.kind === 'string') {
      if (fieldTypeOf(field) !== 'time') return token.value;
      const time = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?$/.test(token.value)
        ? Date.parse(token.value)
        : Number.NaN;
      if (Number.isNaN(time)) throw this.#refuse(token, "epoch milliseconds or a date such as '2026-01-31'");
      return time;
    }
    if (token.kind === 'number') return numberOf(token.value) ?? Number.NaN;
    const word = keywordOf(token);
    if (word === 'TRUE' || word === 'FALSE') return word === 'TRUE';
    throw this.#refuse(token, valueProblem(field, operator, undefined) ?? 'a value');
  }
}

function parserOf(option: string, text: unknown): Parser {
  if (typeof text !== 'string') throw invalidArgument(option, 'text', text);
  if (text.length <= maxFilterLength) return new Parser(option, text);
  const [expected, given] = [`at most ${maxFilterLength} characters`, `${text.length} characters`];
  throw new FairleadError('LIMIT_EXCEEDED', `${option}: expected ${expected}, given ${given}.`, {
    details: { field: option, expected, given },
  });
}

/**
 * Parses a filter as MLflow writes it, such as `metrics.loss < 0.3 AND tags.team = 'vision'`, with OR, NOT and parentheses
 * beside. NOT binds stronger than AND, and AND stronger than OR. Keywords may be in small letters. Names with other
 * characters than letters, digits and `_ . / - :` stand in quotes or backticks.
 *
 * @returns the tree, in which an `and` directly within an `and` has become one; an `and` of nothing for an empty text
 * @throws FairleadError `INVALID_ARGUMENT` with the place, what was expected there, and a line that shows it; `LIMIT_EXCEEDED`
 * past 100,000 characters or 100 levels
 */
export function parseFilter(text: string): FilterNode {
  return parserOf('filter', text).filter();
}

/**
 * Parses one term of an order, such as `metrics.loss DESC`; ascending where nothing is said.
 * @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`
 */
export function parseOrder(text: string): OrderTerm {
  return parserOf('orderBy', text).order();
}

/** Parses the name of a field, such as `metrics.loss`. @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` */
export function parseColumn(text: string): RunField {
  return parserOf('columns', text).column();
}
