import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StoredRun } from '../store/stored-run';
import { compileFilter } from './compile-filter';
import { compileLike } from './like-pattern';
import type { FilterComparison } from './operators';
import { parseFilter } from './parse-filter';
import type { FilterNode } from './query';
import { anyFilter, anyRun, makeRun, now } from './runs.fixture';

function finds(text: string, run: StoredRun): boolean {
  return compileFilter(parseFilter(text), now)(run);
}

type Value = string | number | boolean;

/** What a filter means, said once more in the plainest way. */
function meaning(node: FilterNode, run: StoredRun): boolean {
  if (node.kind === 'compare') return comparisonHolds(node, run);
  if (node.kind === 'not') return !meaning(node.term, run);
  const held = node.terms.filter((term) => meaning(term, run)).length;
  return node.kind === 'and' ? held === node.terms.length : held > 0;
}

function comparisonHolds(node: FilterComparison, run: StoredRun): boolean {
  const { scope, key } = node.field;
  const own = (of: object): Value[] =>
    Object.entries(of)
      .filter(([name]) => name === key)
      .map(([, value]) => value as Value);
  const status = run.end?.status ?? (run.leaseUntil < now ? 'KILLED' : 'RUNNING');
  const attributes = { id: run.id, name: run.name, experiment: run.experiment, status, start_time: run.startedAt };
  const all: Record<string, Value[]> = {
    metric: own(Object.fromEntries(Object.entries(run.metrics).map(([name, { last }]) => [name, last]))),
    param: own(run.params),
    tag: own(run.tags),
    dataset: run.inputs.flatMap((input) => own(input)),
    attribute: own({
      ...attributes,
      ...(run.end === undefined ? {} : { end_time: run.end.at }),
      ...(run.parent === undefined ? {} : { parent: run.parent }),
    }),
  };
  // `own` loses a key called __proto__ of objects that were made anew, so metrics are looked up by themselves.
  if (scope === 'metric') all.metric = Object.hasOwn(run.metrics, key) ? [run.metrics[key]?.last as number] : [];
  const present = all[scope] ?? [];
  if (node.operator === 'IS NULL') return present.length === 0;
  return present.some((value) => holds(value, node.operator, node.value as Value | Value[]));
}

function asNumber(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return undefined;
  const word = value.toLowerCase().replace(/^[+-]/, '');
  const sign = value.startsWith('-') ? -1 : 1;
  if (word === 'inf' || word === 'infinity') return sign * Number.POSITIVE_INFINITY;
  if (value.toLowerCase() === 'nan') return Number.NaN;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number.parseFloat(value) : undefined;
}

function pair(a: Value, b: Value): [string, string] | [number, number] | undefined {
  if (typeof a === 'number' || typeof b === 'number') {
    const [x, y] = [asNumber(a), asNumber(b)];
    if (x !== undefined && y !== undefined) return [x, y];
    return undefined;
  }
  return [String(a), String(b)];
}

function holds(value: Value, operator: string, wanted: Value | Value[]): boolean {
  if (operator === 'IS NOT NULL') return true;
  if (Array.isArray(wanted)) {
    const isListed = wanted.some((item) => holds(value, '=', item));
    return operator === 'IN' ? isListed : !isListed;
  }
  if (operator.endsWith('LIKE')) {
    const pattern = String(wanted)
      .replace(/[\\^$.*+?()[\]{}|/-]/gu, '\\$&')
      .replaceAll('%', '[^]*')
      .replaceAll('_', '[^]');
    const flags = 'u';
    const fold = (text: string): string => (operator === 'ILIKE' ? text.toLowerCase() : text);
    return new RegExp(`^${fold(pattern)}$`, flags).test(fold(Object.is(value, -0) ? '-0' : String(value)));
  }
  const both = pair(value, wanted);
  if (operator === '!=') return !holds(value, '=', wanted);
  if (operator === '=') {
    if (both !== undefined && typeof both[0] === 'number') return both[0] === both[1] || both.every(Number.isNaN);
    const isLoose = typeof value === 'boolean' || typeof wanted === 'boolean';
    const text = (one: Value): string =>
      isLoose ? String(one).toLowerCase() : Object.is(one, -0) ? '-0' : String(one);
    return text(value) === text(wanted);
  }
  if (both === undefined) return false;
  const [a, b] = both;
  return { '<': a < b, '<=': a <= b, '>': a > b, '>=': a >= b }[operator] ?? false;
}

describe('a compiled filter', () => {
  test('agrees with the plain reading of it', () => {
    fc.assert(
      fc.property(anyFilter, fc.array(anyRun, { minLength: 1, maxLength: 4 }), (filter, runs) => {
        const finds = compileFilter(filter, now);
        for (const run of runs) expect(finds(run)).toBe(meaning(filter, run));
      }),
      { numRuns: 2000 },
    );
  });

  test('never finds what a run does not have, unless it is asked for', () => {
    const bare = makeRun();
    for (const text of [
      'metrics.a != 1',
      "params.a != 'b'",
      "tags.a NOT IN ('b')",
      "dataset.name != 'b'",
      'end_time != 5',
    ]) {
      expect(finds(text, bare)).toBe(false);
      expect(finds(`NOT ${text}`, bare)).toBe(true);
    }
    for (const field of ['metrics.a', 'params.a', 'tags.a', 'dataset.name', 'end_time', 'parent', 'tags.constructor']) {
      expect(finds(`${field} IS NULL`, bare)).toBe(true);
      expect(finds(`${field} IS NOT NULL`, bare)).toBe(false);
    }
  });

  test('takes NaN for different from every number, and below and above nothing', () => {
    const run = makeRun({ values: { loss: Number.NaN } });
    for (const operator of ['<', '<=', '>', '>=', '=']) expect(finds(`metrics.loss ${operator} 0.3`, run)).toBe(false);
    expect(finds('metrics.loss != 0.3', run)).toBe(true);
    expect(finds('metrics.loss = NaN', run)).toBe(true);
    expect(finds('metrics.loss != NaN', run)).toBe(false);
    expect(finds('metrics.loss <= NaN', run)).toBe(false);
    expect(finds('metrics.loss != NaN', makeRun({ values: { loss: 1 } }))).toBe(true);
  });

  test('compares params as text, and as numbers where one is a number and the other spells one', () => {
    const run = makeRun({ params: { lr: 1e-5, depth: '10', bias: true, name: 'wide' }, tags: { n: '7' } });
    expect(finds("params.lr = '1e-05' AND params.lr < 0.1 AND params.lr > 0", run)).toBe(true);
    expect(finds('params.depth > 9 AND params.depth = 10', run)).toBe(true);
    // Two texts, so the first character decides.
    expect(finds("params.depth > '9'", run)).toBe(false);
    expect(finds("params.depth = '10.0'", run)).toBe(false);
    expect(finds("params.bias = true AND params.bias = 'true' AND params.bias != false", run)).toBe(true);
    expect(finds('params.name > 5 OR params.name < 5', run)).toBe(false);
    expect(finds('params.name != 5 AND tags.n >= 7', run)).toBe(true);
    expect(finds("params.depth IN (10, 20) AND params.lr NOT IN ('1e-3') AND params.depth IN ('10')", run)).toBe(true);
  });

  test('knows how a run stands at the moment', () => {
    const silent = makeRun({ leaseUntil: now - 1 });
    expect(finds("status = 'KILLED'", silent)).toBe(true);
    expect(finds("status IN ('RUNNING', 'FINISHED')", makeRun())).toBe(true);
    expect(finds("status LIKE 'FIN%'", makeRun({ end: { status: 'FINISHED', at: 5 } }))).toBe(true);
  });

  test('is content with one dataset of several', () => {
    const inputs = [
      { name: 'mnist', digest: 'a', context: 'training' },
      { name: 'usps', digest: 'b' },
    ];
    const run = makeRun({ inputs });
    expect(finds("dataset.name = 'usps' AND dataset.context = 'training' AND dataset.name != 'mnist'", run)).toBe(true);
    expect(finds("dataset.digest IN ('c')", run)).toBe(false);
  });
});

describe('LIKE', () => {
  test.for([
    ['abc', 'abc', true],
    ['abc', 'ABC', false],
    ['a.c', 'abc', false],
    ['a_c', 'a😀c', true],
    ['%b%', 'abc', true],
    ['%', '', true],
    ['_', '', false],
    ['a%', 'ab\nc', true],
    ['%c', 'abcd', false],
    ['%ab%ab', 'abab', true],
    ['100%', '100%', true],
    ['(a+)+$', '(a+)+$', true],
    ['%😀', 'a😀', true],
  ] as const)('%s and %j: %s', ([pattern, text, expected]) => {
    expect(compileLike(pattern, false)(text)).toBe(expected);
  });

  test('does not take longer for a pattern made to be slow', () => {
    const matches = compileLike(`${'%a'.repeat(499)}%b`, true);
    expect(matches('a'.repeat(8000))).toBe(false);
    expect(compileLike('ÄB%', true)('äbc')).toBe(true);
  });
});
