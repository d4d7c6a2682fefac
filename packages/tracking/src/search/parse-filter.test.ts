import { FairleadError } from '@fairlead/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkFilter } from './check-filter';
import { formatFilter, formatOrder } from './format-filter';
import { parseFilter, parseOrder } from './parse-filter';
import type { FilterNode } from './query';
import { anyFilter, anyOrder } from './runs.fixture';

const own = { dialect: 'fairlead' } as const;

function problemOf(text: string, parse: (text: string) => unknown = parseFilter): FairleadError {
  try {
    parse(text);
  } catch (error) {
    if (FairleadError.isInstance(error)) return error;
    throw error;
  }
  throw new Error(`${text} was parsed`);
}

/** Comparisons of a text as `field operator value`. */
function comparisons(text: string): unknown[] {
  const node = parseFilter(text);
  const terms = node.kind === 'and' ? node.terms : [node];
  return terms.map((term) =>
    term.kind === 'compare' ? [term.field.scope, term.field.key, term.operator, term.value] : term,
  );
}

describe('a filter', () => {
  test("of MLflow's is understood, with every kind of quotes", () => {
    expect(
      comparisons(
        'metrics.loss < 0.3 AND params."model type" = \'cnn\' and tags.`mlflow.user` like "%a" AND attributes.run_id IN (\'a\', "b") AND dataset.name != \'mnist\' AND metric.`val/acc`>=-1e-3 AND parameters.lr IS NOT NULL',
      ),
    ).toEqual([
      ['metric', 'loss', '<', 0.3],
      ['param', 'model type', '=', 'cnn'],
      ['tag', 'mlflow.user', 'LIKE', '%a'],
      ['attribute', 'id', 'IN', ['a', 'b']],
      ['dataset', 'name', '!=', 'mnist'],
      ['metric', 'val/acc', '>=', -0.001],
      ['param', 'lr', 'IS NOT NULL', undefined],
    ]);
  });

  test('takes every name that MLflow has for a scope or an attribute', () => {
    for (const scope of ['metric', 'metrics', '`metrics`'])
      expect(comparisons(`${scope}.a = 1`)[0]).toEqual(['metric', 'a', '=', 1]);
    for (const scope of ['param', 'params', 'parameter', 'parameters', 'tag', 'tags'])
      expect(comparisons(`${scope}.a = 'b'`)).toHaveLength(1);
    for (const name of ['run_id', 'id', 'attributes.run_id', 'attr.run_id', 'run.run_id', 'attribute.`run_id`']) {
      expect(comparisons(`${name} = 'x'`)[0]).toEqual(['attribute', 'id', '=', 'x']);
    }
    for (const name of ['run_name', '"run name"', "attributes.'Run name'", '`Run Name`', 'name']) {
      expect(comparisons(`${name} = 'x'`)[0]).toEqual(['attribute', 'name', '=', 'x']);
    }
    expect(comparisons('created > 5')[0]).toEqual(['attribute', 'start_time', '>', 5]);
    expect(comparisons("attributes.user_id = 'me'")[0]).toEqual(['tag', 'mlflow.user', '=', 'me']);
  });

  test('may have bare names with / - : and dots, numbers of all kinds, true and false, dates', () => {
    expect(comparisons('metrics.val/top-5:a.b<.5 AND metrics.größe != NaN AND metrics.x > -Infinity')).toEqual([
      ['metric', 'val/top-5:a.b', '<', 0.5],
      ['metric', 'größe', '!=', Number.NaN],
      ['metric', 'x', '>', Number.NEGATIVE_INFINITY],
    ]);
    expect(comparisons("params.bias = TRUE AND params.lr > 1e-3 AND start_time >= '2026-01-31'")).toEqual([
      ['param', 'bias', '=', true],
      ['param', 'lr', '>', 0.001],
      ['attribute', 'start_time', '>=', Date.UTC(2026, 0, 31)],
    ]);
    expect(comparisons("tags.a = 'it''s' AND tags.b = \"C:\\\" AND params.n NOT IN ('a', 2,)")).toEqual([
      ['tag', 'a', '=', "it's"],
      ['tag', 'b', '=', 'C:\\'],
      ['param', 'n', 'NOT IN', ['a', 2]],
    ]);
  });

  test('binds NOT stronger than AND, and AND stronger than OR', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((key) => parseFilter(`metrics.${key} > 0`)) as [
      FilterNode,
      FilterNode,
      FilterNode,
    ];
    const text = 'metrics.a > 0 OR NOT metrics.b > 0 AND metrics.c > 0';
    expect(parseFilter(text)).toEqual({
      kind: 'or',
      terms: [a, { kind: 'and', terms: [{ kind: 'not', term: b }, c] }],
    });
    expect(parseFilter('(metrics.a > 0 OR metrics.b > 0) AND metrics.c > 0')).toEqual({
      kind: 'and',
      terms: [{ kind: 'or', terms: [a, b] }, c],
    });
    expect(parseFilter('NOT (metrics.a > 0 AND (metrics.b > 0 AND metrics.c > 0))')).toEqual({
      kind: 'not',
      term: { kind: 'and', terms: [a, b, c] },
    });
    expect(parseFilter('  \n ')).toEqual({ kind: 'and', terms: [] });
  });

  test('that is wrong says where, what was expected and what stands there', () => {
    const error = problemOf("metrics.loss < 0.3 AND params.lr ~ 'a'");
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.details).toMatchObject({ field: 'filter', position: 33, given: '"~"' });
    expect(error.message.split('\n').slice(1)).toEqual([
      "  metrics.loss < 0.3 AND params.lr ~ 'a'",
      `  ${' '.repeat(33)}^`,
    ]);
    const long = problemOf(`${"tags.a = 'b' AND ".repeat(100)}\ntags.a ^ 1`);
    const [, line = '', caret = ''] = long.message.split('\n');
    expect(line[caret.indexOf('^')]).toBe('^');
    expect(line.length).toBeLessThan(90);
  });

  test.for([
    ["metrics.loss < 'low'", 'a number', 15],
    ['metrics.loss', 'one of =, !=, <', 12],
    ['metrics.loss LIKE 1', 'one of =, !=, <', 13],
    ['metrics.loss == 1', 'one of =, !=, <', 13],
    ['metrics.loss < 1 AND', 'a field', 20],
    ['metrics.loss < 1 metrics.a > 1', 'AND, OR or the end', 17],
    ['(metrics.loss < 1', 'closing parenthesis', 17],
    ['metrics.loss < 1)', 'AND, OR or the end', 16],
    ['metrics. loss < 1', 'the name of a metric', 8],
    ['metrik.loss < 1', 'metrics.…', 0],
    ['los < 1', 'an attribute', 0],
    ["tags.a = 'open", "a closing '", 9],
    ['params.a = cnn', 'text in quotes', 11],
    ["status = 'finished'", 'RUNNING, KILLED, FINISHED', 9],
    ["status IN ('FINISHED', 'done')", 'RUNNING, KILLED, FINISHED', 10],
    ['status IN ()', 'text in quotes', 11],
    ["status IN 'FINISHED'", 'a list in parentheses', 10],
    ["dataset.rows = 'a'", 'name, digest or context', 8],
    ["start_time > 'yesterday'", 'a date such as', 13],
    ["start_time > '2026-13-45'", 'a date such as', 13],
    ['end_time < NaN', 'epoch milliseconds', 11],
    ["params.a IN ('a' 'b')", 'a comma', 17],
    ['params.a IN (true)', 'text in quotes or a number', 13],
    ['params.a IS 1', 'one of', 9],
    ['params.a NOT LIKE 1', 'one of', 9],
    [`tags.a LIKE '${'%'.repeat(1001)}'`, 'at most 1000 characters', 12],
    ['; DROP TABLE runs', 'a name, a value or an operator', 0],
  ] as const)('refuses %s', ([text, expected, position]) => {
    const error = problemOf(text);
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(expected);
    expect(error.details.position).toBe(position);
  });

  test('that is hostile ends in an error, not in a full stack or a long wait', () => {
    for (const text of [
      '('.repeat(50_000),
      'NOT '.repeat(20_000),
      `${'('.repeat(101)}metrics.a > 1${')'.repeat(101)}`,
    ]) {
      expect(problemOf(text).code).toBe('LIMIT_EXCEEDED');
    }
    expect(problemOf(' '.repeat(100_001))).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { given: '100001 characters' },
    });
    expect(problemOf("'".repeat(99_999)).code).toBe('INVALID_ARGUMENT');
    const deepest = `${'('.repeat(100)}metrics.a > 1${')'.repeat(100)}`;
    expect(parseFilter(deepest)).toEqual(parseFilter('metrics.a > 1'));
    const alternating = `${'(metrics.a > 1 OR metrics.b > 1 AND '.repeat(100)}metrics.c > 1${')'.repeat(100)}`;
    expect(parseFilter(formatFilter(parseFilter(alternating), own))).toEqual(parseFilter(alternating));
    expect(comparisons(Array(5000).fill('metrics.a > 1').join(' AND '))).toHaveLength(5000);
    expect(() => parseFilter(5 as unknown as string)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test('in any text is parsed or refused with a FairleadError', () => {
    const pieces = [
      'metrics.',
      'params.`a',
      "'",
      '"',
      '`',
      '(',
      ')',
      ' AND ',
      ' OR ',
      ' NOT ',
      ' IN ',
      ' IS ',
      ' NULL',
      '<',
      '=',
      '1',
      'a',
      '.',
      ',',
      '😀',
    ];
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom(...pieces)).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (given) => {
        try {
          parseFilter(given);
        } catch (error) {
          expect(FairleadError.isInstance(error, 'INVALID_ARGUMENT')).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('comes back from its text as it was', () => {
    fc.assert(
      fc.property(anyFilter, (filter) => {
        const checked = checkFilter(filter);
        const text = formatFilter(filter, own);
        expect(parseFilter(text)).toEqual(checked);
        expect(formatFilter(parseFilter(text), own)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});

describe('an order', () => {
  test('is a field and a direction, ascending by default', () => {
    expect(parseOrder('metrics.`val acc` desc')).toEqual({
      field: { scope: 'metric', key: 'val acc' },
      direction: 'desc',
    });
    expect(parseOrder('start_time')).toEqual({ field: { scope: 'attribute', key: 'start_time' }, direction: 'asc' });
    fc.assert(
      fc.property(anyOrder, (terms) => {
        expect(terms.map((term) => parseOrder(formatOrder(term, own)))).toEqual(terms);
      }),
    );
  });

  test.for([
    ['metrics.a DOWN', 'ASC, DESC or the end'],
    ['metrics.a DESC,', 'the end'],
    ['dataset.name', 'a metric, parameter, tag or attribute'],
    ['', 'a field'],
  ] as const)('refuses "%s"', ([text, expected]) => {
    const error = problemOf(text, parseOrder);
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(expected);
  });
});

describe('a tree', () => {
  const metric = { scope: 'metric', key: 'a' };
  const cyclic: { kind: 'not'; term: unknown } = { kind: 'not', term: undefined };
  cyclic.term = cyclic;
  test.for([
    [{ kind: 'xor', terms: [] }, 'filter.kind'],
    [{ kind: 'or', terms: [] }, 'filter.terms'],
    [{ kind: 'and', terms: [{ kind: 'and', terms: [] }] }, 'filter.terms[0].terms'],
    [{ kind: 'not' }, 'filter.term'],
    [null, 'filter'],
    [{ kind: 'compare', field: metric, operator: 'LIKE', value: 'a' }, 'filter.operator'],
    [{ kind: 'compare', field: metric, operator: '<', value: '1' }, 'filter.value'],
    [{ kind: 'compare', field: metric, operator: '<' }, 'filter.value'],
    [{ kind: 'compare', field: metric, operator: 'IN', value: [] }, 'filter.value'],
    [{ kind: 'compare', field: metric, operator: 'IS NULL', value: 1 }, 'filter.value'],
    [{ kind: 'compare', field: { scope: 'metrics', key: 'a' }, operator: '<', value: 1 }, 'filter.field'],
    [{ kind: 'compare', field: { scope: 'attribute', key: 'colour' }, operator: '=', value: 'a' }, 'filter.field.key'],
  ] as const)('%j is refused, with the place', ([tree, field]) => {
    expect(() => checkFilter(tree as unknown as FilterNode)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: expect.objectContaining({ field }) }),
    );
  });

  test('without end, or with too many comparisons, is refused', () => {
    expect(() => checkFilter(cyclic as unknown as FilterNode)).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
    const one = parseFilter('metrics.a > 1');
    const wide: FilterNode = { kind: 'and', terms: Array(20_001).fill(one) };
    expect(() => checkFilter(wide)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });
});
