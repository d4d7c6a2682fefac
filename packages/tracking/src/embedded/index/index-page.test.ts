import { expect, test } from 'vitest';
import { parseFilter } from '../../search/parse-filter';
import { searchRuns } from '../../search/search-runs';
import type { StoredRun } from '../../store/run-store';
import { frameHeaderLength } from '../segment-format';
import type { IndexEntry } from './index-entry';
import { decodePage, encodePage, plainRun } from './index-page';

const metric = (last: number) => ({ count: 2, last, step: 2 ** 52, timestamp: 1, min: -0, max: Number.NaN });

const full: StoredRun = {
  id: '0'.repeat(32),
  experiment: 'größe',
  name: '\ud800 half a pair',
  parent: 'f'.repeat(32),
  startedAt: 1.5,
  leaseUntil: 2,
  end: { status: 'FAILED', at: 3, error: { name: 'E', message: 'm', code: 'C' } },
  deletedAt: 4,
  params: JSON.parse('{"lr":-1,"on":true,"off":false,"text":"","__proto__":"x"}'),
  tags: { note: 'größe', __other__: 'größe' },
  metrics: { loss: metric(Number.POSITIVE_INFINITY), größe: metric(-0) },
  artifacts: [{ name: 'a', digest: 'd', size: 1, loggedAt: 5 }],
  inputs: [{ name: 'data', digest: 'd', rows: 5 }],
  uses: [{ name: 'model', version: '1' }],
  damage: [{ file: 'f', offset: 0, length: 1, kind: 'corrupt' }],
};
const empty: StoredRun = {
  id: '1'.repeat(32),
  experiment: '',
  name: '',
  startedAt: 0,
  leaseUntil: 0,
  params: { nan: Number.NaN, zero: -0 },
  tags: {},
  metrics: {},
  artifacts: [],
  inputs: [],
  uses: [],
  damage: [],
};

const entryOf = (run: StoredRun): IndexEntry => ({
  run,
  folderMtimeMs: 1.25,
  segments: [
    { name: 'a.seg', size: 2 ** 40, mtimeMs: 5.5 },
    { name: 'b.seg', size: 0, mtimeMs: 6 },
  ],
  checkedAt: 7,
});

const paged = (...runs: StoredRun[]) => decodePage(encodePage(runs.map(entryOf)).subarray(frameHeaderLength));

test('a page keeps every field of its runs exactly', () => {
  const [first, second] = paged(full, empty);
  for (const [entry, run] of [
    [first, full],
    [second, empty],
  ] as const) {
    if (entry === undefined) throw new Error('a run is missing');
    const { folderMtimeMs, segments, checkedAt } = entry;
    expect(plainRun(entry.run)).toStrictEqual(run);
    expect({ folderMtimeMs, segments, checkedAt, run }).toEqual(entryOf(run));
  }
  expect(plainRun(full)).toBe(full);
});

test.each([
  'metrics.loss > 1e300',
  'metrics.`größe` = 0',
  'metrics.none IS NULL',
  "params.on = 'true'",
  "params.text = ''",
  'params.lr < 0',
  'params.nan IS NOT NULL',
  "params.loss = 'x'",
  "tags.note LIKE 'gr%'",
  "tags.lr = 'x'",
  "attributes.status = 'FAILED'",
  "dataset.name = 'data'",
])('the filter %s finds in a page what it finds in plain runs', (text) => {
  const query = { filter: parseFilter(text), deleted: 'include' } as const;
  const found = (runs: Iterable<StoredRun>) => searchRuns(runs, query, 0).runs.map((run) => run.id);
  expect(found(paged(full, empty).map((entry) => entry.run))).toEqual(found([full, empty]));
});

test('a record of another length is none that can be read', () => {
  const page = encodePage([entryOf(full)]).subarray(frameHeaderLength);
  expect(() => decodePage(page.subarray(0, 3))).toThrow(RangeError);
  expect(() => decodePage(page.subarray(0, 40))).toThrow(SyntaxError);
});
