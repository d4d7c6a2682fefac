import { expect, test } from 'vitest';
import type { StoredRun } from '../store/stored-run';
import { compareRuns } from './compare-runs';
import { formatComparison } from './comparison-text';
import { makeRun } from './runs.fixture';

function compare(...runs: StoredRun[]) {
  return compareRuns(runs.map((run) => ({ ...run, status: 'FINISHED' })));
}

test('params that mean the same agree, whoever wrote them', () => {
  const { params } = compare(
    makeRun({ params: { lr: 1e-5, bias: true, note: 'a', bad: Number.NaN } }),
    makeRun({ params: { lr: '1e-05', bias: 'True', note: 'b', bad: Number.NaN } }),
  );
  expect(params.map(({ key, differs }) => [key, differs])).toEqual([
    ['bad', false],
    ['bias', false],
    ['lr', false],
    ['note', true],
  ]);
});

test('several runs are best where they are equal, and NaN never is', () => {
  const runs = [1, Number.NaN, 3, 3].map((acc) => ({ ...makeRun({ values: { acc } }), status: 'FAILED' }));
  expect(compareRuns(runs, { directions: { acc: 'maximize' } }).metrics[0]?.best).toEqual([2, 3]);
  expect(compareRuns(runs).metrics[0]?.best).toEqual([]);
  const lost = runs.slice(1, 2);
  expect(compareRuns(lost, { directions: { acc: 'minimize' } }).metrics[0]?.best).toEqual([]);
});

test('datasets are told apart by name and use', () => {
  const [a, b] = ['a'.repeat(64), 'b'.repeat(64)] as [string, string];
  const { datasets } = compare(
    makeRun({
      inputs: [
        { name: 'd', digest: a, context: 'training' },
        { name: 'd', digest: a },
        { name: 'e', digest: b },
        { name: 'e', digest: a },
      ],
    }),
    makeRun({
      inputs: [
        { name: 'd', digest: b, context: 'training' },
        { name: 'd', digest: a },
      ],
    }),
  );
  expect(datasets).toEqual([
    { name: 'd', values: [a, a], differs: false },
    { name: 'd', context: 'training', values: [a, b], differs: true },
    { name: 'e', values: [`${a}, ${b}`, undefined], differs: true },
  ]);
});

test('a table stays readable whatever is in it', () => {
  const text = formatComparison(
    compare(
      makeRun({ name: 'x'.repeat(100), startedAt: 1e300, tags: { '\u202Enote': 'line\nbreak' }, params: { zero: -0 } }),
    ),
  );
  expect(text).toContain(`${'x'.repeat(31)}…`);
  expect(text).toContain('1e+300');
  expect(text).toContain('line\uFFFDbreak');
  expect(text).toContain('zero        -0');
  expect(text).not.toContain('\u202E');
});
