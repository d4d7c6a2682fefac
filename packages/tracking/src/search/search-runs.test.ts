import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StoredRun } from '../store/stored-run';
import { compileFilter } from './compile-filter';
import { compileOrder } from './order';
import { parseFilter, parseOrder } from './parse-filter';
import type { RunQuery } from './query';
import { anyFilter, anyOrder, anyRun, makeRun, now } from './runs.fixture';
import { pageOf, searchRuns } from './search-runs';

const distinctRuns = (maxLength: number) => fc.uniqueArray(anyRun, { selector: (run) => run.id, maxLength });

function idOf(digit: number): string {
  return String(digit).padStart(32, '0');
}

function order(runs: readonly StoredRun[], ...terms: string[]): string[] {
  const sorted = [...runs].sort(compileOrder(terms.map(parseOrder), now));
  return sorted.map((run) => run.name);
}

describe('an order', () => {
  const values: [name: string, loss: number | undefined][] = [
    ['none', undefined],
    ['nan', Number.NaN],
    ['two', 2],
    ['low', Number.NEGATIVE_INFINITY],
    ['one', 1],
    ['high', Number.POSITIVE_INFINITY],
  ];
  const runs = values.map(([name, loss]) => makeRun({ name, values: loss === undefined ? {} : { loss } }));

  test('puts NaN last, and behind it what is missing, in both directions', () => {
    expect(order(runs, 'metrics.loss')).toEqual(['low', 'one', 'two', 'high', 'nan', 'none']);
    expect(order(runs, 'metrics.loss DESC')).toEqual(['high', 'two', 'one', 'low', 'nan', 'none']);
  });

  test('of params takes numbers, and text that spells them, before other text', () => {
    const params = [10, '9', 'wide', 'deep', '1e1', Number.NaN, true].map((value, index) =>
      makeRun({ name: String(value), id: idOf(index), params: { a: value } }),
    );
    expect(order(params, 'params.a')).toEqual(['9', '1e1', '10', 'deep', 'true', 'wide', 'NaN']);
    expect(order(params, 'params.a DESC', 'id ASC')).toEqual(['10', '1e1', '9', 'wide', 'true', 'deep', 'NaN']);
  });

  test('gives ties to the run that started later, then to the greater id', () => {
    const same = [
      makeRun({ name: 'a', id: idOf(1), startedAt: 5 }),
      makeRun({ name: 'b', id: idOf(2), startedAt: 5 }),
      makeRun({ name: 'c', id: idOf(3), startedAt: 9 }),
    ];
    expect(order(same)).toEqual(['c', 'b', 'a']);
    expect(order(same, 'experiment', 'start_time ASC')).toEqual(['b', 'a', 'c']);
  });

  test('refuses datasets and directions that do not exist', () => {
    const field = { scope: 'dataset', key: 'name' } as const;
    expect(() => compileOrder([{ field, direction: 'asc' }], now)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
    const term = { field: { scope: 'metric', key: 'a' }, direction: 'up' } as never;
    expect(() => compileOrder([term], now)).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ field: 'orderBy[0].direction' }) }),
    );
  });
});

describe('pages', () => {
  const walk = (query: RunQuery, between: (page: number) => readonly StoredRun[]): StoredRun[] => {
    const seen: StoredRun[] = [];
    let pageToken: string | undefined;
    for (let page = 0; ; page++) {
      const found = searchRuns(between(page), { ...query, ...(pageToken === undefined ? {} : { pageToken }) }, now);
      expect(found.runs.length).toBeLessThanOrEqual(query.limit ?? 100);
      seen.push(...found.runs);
      pageToken = found.nextPageToken;
      if (pageToken === undefined) return seen;
    }
  };

  test('are a partition of what matches, in order', () => {
    fc.assert(
      fc.property(
        distinctRuns(12),
        anyFilter,
        anyOrder,
        fc.integer({ min: 1, max: 5 }),
        (runs, filter, orderBy, limit) => {
          const expected = runs
            .filter((run) => run.deletedAt === undefined)
            .filter(compileFilter(filter, now))
            .sort(compileOrder(orderBy, now));
          expect(walk({ filter, orderBy, limit }, () => runs)).toEqual(expected);
          const [first] = [pageOf(expected, { filter, orderBy, limit }, now)];
          expect(first).toEqual(searchRuns(runs, { filter, orderBy, limit }, now));
        },
      ),
      { numRuns: 500 },
    );
  });

  test('of many runs are the same as if all had been sorted', () => {
    const runs = Array.from({ length: 2000 }, (_, i) => makeRun({ id: idOf(i), values: { loss: (i * 7919) % 97 } }));
    const orderBy = [parseOrder('metrics.loss DESC')];
    const expected = [...runs].sort(compileOrder(orderBy, now));
    for (const limit of [7, 400]) expect(walk({ orderBy, limit }, () => runs)).toEqual(expected);
  });

  test('hold every run that is there all the while exactly once, whatever comes and goes between them', () => {
    fc.assert(
      fc.property(
        distinctRuns(20),
        fc.array(fc.constantFrom('stays', 'comes', 'goes'), { minLength: 20, maxLength: 20 }),
        fc.array(fc.nat(6), { minLength: 20, maxLength: 20 }),
        anyOrder,
        fc.integer({ min: 1, max: 4 }),
        (runs, fates, moments, orderBy, limit) => {
          const at = (page: number): StoredRun[] =>
            runs.filter((_, i) => {
              const moment = moments[i] as number;
              return fates[i] === 'stays' || (fates[i] === 'comes' ? page >= moment : page < moment);
            });
          const seen = walk({ orderBy, limit, deleted: 'include' }, at).map((run) => run.id);
          expect(new Set(seen).size).toBe(seen.length);
          for (const [i, run] of runs.entries()) if (fates[i] === 'stays') expect(seen).toContain(run.id);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('keep to experiments, to 100 runs, and leave deleted runs out unless asked', () => {
    const runs = Array.from({ length: 300 }, (_, i) =>
      makeRun({ id: idOf(i), experiment: i % 2 === 0 ? 'even' : 'odd', ...(i < 10 ? { deletedAt: now } : {}) }),
    );
    expect(searchRuns(runs, {}, now).runs).toHaveLength(100);
    expect(searchRuns(runs, { experiments: ['even'], limit: 50_000 }, now).runs).toHaveLength(145);
    expect(searchRuns(runs, { deleted: 'only' }, now).runs).toHaveLength(10);
    expect(searchRuns(runs, { deleted: 'include', limit: 400 }, now)).toEqual({ runs: [...runs].reverse() });
    expect(searchRuns(runs, { experiments: [] }, now)).toEqual({ runs: [] });
  });

  test('of another query, or of none, are refused', () => {
    const runs = [1, 2, 3].map((i) => makeRun({ id: idOf(i), params: { ü: '😀' } }));
    const query: RunQuery = { limit: 1, orderBy: [parseOrder('params.ü')] };
    const pageToken = searchRuns(runs, query, now).nextPageToken as string;
    expect(searchRuns(runs, { ...query, limit: 9, pageToken }, now).runs).toHaveLength(2);
    const others: RunQuery[] = [
      { ...query, orderBy: [parseOrder('params.ü DESC')], pageToken },
      { ...query, filter: parseFilter('metrics.a > 1'), pageToken },
      { ...query, experiments: ['a'], pageToken },
      { ...query, deleted: 'only', pageToken },
      ...['', 'x', '!!', 'bnVsbA', pageToken.slice(2), `${pageToken}AA`].map((token) => ({
        ...query,
        pageToken: token,
      })),
    ];
    for (const other of others) {
      expect(() => searchRuns(runs, other, now)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', details: expect.objectContaining({ field: 'pageToken' }) }),
      );
    }
    for (const limit of [0, 1.5, 50_001, Number.NaN]) {
      expect(() => searchRuns(runs, { limit }, now)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    }
    expect(() => searchRuns(runs, { deleted: 'maybe' as 'only' }, now)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});
