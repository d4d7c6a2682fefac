import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import { exportCommand } from './export';

async function storeWithRuns(): Promise<{ cwd: string; ids: string[] }> {
  const cwd = await temporaryFolder();
  const tracker = await openTracker({ dir: join(cwd, '.fairlead') });
  const ids: string[] = [];
  for (const loss of [0.1, 0.9]) {
    ids.push(
      await tracker.withRun({ experiment: loss < 0.5 ? 'good' : 'bad', name: '=1+1' }, (run) => {
        run.log({ loss }, { step: 1, timestamp: 5 });
        return run.id;
      }),
    );
  }
  await tracker.close();
  return { cwd, ids };
}

async function run(cwd: string, ...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const texts = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      texts[name] += text;
    },
  });
  const status = await exportCommand.run(args, { stdout: sink('stdout'), stderr: sink('stderr'), cwd });
  return { status, ...texts };
}

test('each format is written', async () => {
  const { cwd, ids } = await storeWithRuns();
  const csv = await run(
    cwd,
    '--format',
    'csv',
    '--out',
    'a/runs.csv',
    '--filter',
    'metrics.loss < 0.5',
    '--defuse-formulas',
  );
  expect(csv).toEqual({ status: 0, stdout: expect.stringMatching(/^Wrote \d+ bytes to .*runs\.csv\n$/), stderr: '' });
  expect(await readFile(join(cwd, 'a/runs.csv'), 'utf8')).toMatch(
    new RegExp(`^id,.*\r\n${ids[0]},'=1\\+1,good,,FINISHED,.*,0\\.1\r\n$`),
  );
  await run(cwd, '--format', 'csv', '--content', 'points', '--out', 'points.csv', '--run', ids[1] ?? '');
  expect(await readFile(join(cwd, 'points.csv'), 'utf8')).toBe(
    `run,metric,step,timestamp,value\r\n${ids[1]},loss,1,5,0.9\r\n`,
  );
  await run(cwd, '--format', 'json', '--out', 'runs.json');
  expect(JSON.parse(await readFile(join(cwd, 'runs.json'), 'utf8')).runs.map((one: object) => 'points' in one)).toEqual(
    [false, false],
  );
  await run(
    cwd,
    '--format',
    'jsonl',
    '--content',
    'points',
    '--out',
    'runs.jsonl',
    '--experiment',
    'good',
    '--experiment',
    'bad',
  );
  expect((await readFile(join(cwd, 'runs.jsonl'), 'utf8')).match(/"type":"points"/g)).toHaveLength(2);
  expect(await run(cwd, '--format', 'parquet', '--out', 'runs.parquet')).toMatchObject({ status: 0 });
  expect((await readFile(join(cwd, 'runs.parquet'))).subarray(0, 4).toString()).toBe('PAR1');
  const board = await run(cwd, '--format', 'tensorboard', '--out', 'board', '--double');
  expect(board.stdout).toBe(`Wrote 2 points of 2 runs to ${join(cwd, 'board')}\n`);
  expect((await readdir(join(cwd, 'board'))).sort()).toEqual(['bad', 'good']);
});

test.for([
  [[], '--format must be one of csv, json, jsonl, parquet, tensorboard; given nothing.'],
  [['--format', 'xml', '--out', 'x'], '--format must be one of'],
  [['--format', 'csv'], '--out is missing'],
  [['--format', 'csv', '--out', 'x', '--content', 'all'], '--content must be runs or points'],
  [['--format', 'csv', '--out', 'x', '--run', 'a', '--filter', 'b'], 'not for use beside it'],
  [['--format', 'json', '--out', 'x', '--defuse-formulas'], 'is for --format csv'],
  [['--format', 'csv', '--out', 'x', '--double'], 'is for --format tensorboard'],
  [['--format', 'tensorboard', '--out', 'x', '--content', 'runs'], 'has points only'],
  [['--format', 'csv', '--out', 'x', '--colour'], '--colour'],
  [['csv', '--out', 'x'], 'csv'],
  [['--format', 'csv', '--out', 'x', '--dir', 'elsewhere'], 'There is no store in'],
  [['--format', 'csv', '--out', 'x', '--filter', 'loss <'], 'expected metrics.'],
] as const)('%j is refused', async ([args, expected]) => {
  const { cwd } = await storeWithRuns();
  const { status, stderr } = await run(cwd, ...args);
  expect(status).toBe(2);
  expect(stderr).toContain(expected);
  expect(await readdir(cwd)).toEqual(['.fairlead']);
});

test('a run that is not there, and a signal, end it with 1 and leave no file', async () => {
  const { cwd } = await storeWithRuns();
  const missing = await run(cwd, '--format', 'csv', '--out', 'x.csv', '--run', 'f'.repeat(32));
  expect(missing).toMatchObject({ status: 1, stderr: expect.stringContaining('There is no run') });
  let stderr = '';
  const io = {
    stdout: { write: () => true },
    stderr: { write: (text: string) => (stderr += text) },
    cwd,
    signal: AbortSignal.abort(),
  };
  expect(await exportCommand.run(['--format', 'csv', '--out', 'x.csv'], io)).toBe(1);
  expect(stderr).toContain('aborted');
  expect(await readdir(cwd)).toEqual(['.fairlead']);
});
