import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsx = `${root}node_modules/tsx/dist/cli.mjs`;

test('a good version is promoted and a broken one rolled back, each by itself', { timeout: 90_000 }, async () => {
  const script = [tsx, '--tsconfig', `${root}tsconfig.dist.json`, `${root}examples/canary/main.ts`];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, script, { cwd: root, timeout: 80_000 });
  expect(stderr).toBe('');
  const [, good = '', broken = '', page = ''] = stdout.split(/^\d {2}/m);
  expect(good).toMatch(/running, canary 0\.0 % .*\n.*running, canary 5\.0 % .*comparisons: .*tolerance disagrees/);
  expect(good).toMatch(/running, canary 25\.0 %/);
  expect(good).toMatch(/running, canary 50\.0 %/);
  expect(good).toMatch(/promoted, canary 100\.0 % +canary went through all steps/);
  expect(good).toMatch(/requests +[\d,]+, 0 failed/);
  expect(good).toMatch(/serves now +the new version/);
  expect(Number(/shadow +(\d+) comparisons/.exec(good)?.[1])).toBeGreaterThanOrEqual(200);
  expect(broken).toMatch(/running, canary 5\.0 %/);
  expect(broken).toMatch(/rolled-back, canary 0\.0 % +canary harms errors/);
  expect(broken).toMatch(/requests +[\d,]+, 0 failed/);
  expect(broken).toMatch(/saved +\d+ answers by the champion/);
  expect(broken).toMatch(/serves now +the old version/);
  const path = /report +(\S+)/.exec(page)?.[1] ?? '';
  const report = await readFile(`${root}${path}`, 'utf8');
  expect(report).toContain('<h1>Two new versions of the digits</h1>');
  expect(report.match(/<div class="rollout">/g)).toHaveLength(2);
  expect(report).toMatch(/canary went through all steps/);
  expect(report).toMatch(/canary harms errors/);
  expect(report).toMatch(/\d+ comparisons/);
});
