import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const script = fileURLToPath(new URL('fixtures/cluster-member.ts', import.meta.url));
const nobody = { membership: null, sharers: 1 };

test.each([
  ['told', { membership: { number: 2, processes: 3 }, sharers: 3 }],
  ['inherited', nobody],
  ['not told', nobody],
])('a worker that is %s of its cluster', { timeout: 60_000 }, async (how, expected) => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, how], { cwd: root });
  const told = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  expect(told).toEqual([nobody, expected]);
});
