import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { repository } from '../../scripts/entries';

/** What `.ci/run` says in the end of what came of its steps. */

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-telling-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

interface Told {
  readonly status: number;
  readonly lines: readonly string[];
}

async function run(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Told> {
  const options = { cwd: repository, env: { ...process.env, ...environment } };
  const lines = (stdout: string): string[] => stdout.trimEnd().split('\n');
  try {
    return { status: 0, lines: lines((await promisify(execFile)(command, [...args], options)).stdout) };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { status: code, lines: lines(stdout) };
  }
}

/** Lines of JSON. */
const linesOf = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');

interface Step {
  readonly step: string;
  readonly status: number;
  readonly report?: string;
}

async function write(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

async function tell(...steps: readonly Step[]): Promise<Told> {
  const output = await write('output.txt', 'the first line\nthe last line\n');
  const all = steps.map((step, index) => ({ limit: 60, started: index * 10, ended: index * 10 + 5, output, ...step }));
  return await run(process.execPath, ['.ci/tell.mjs', await write('steps.jsonl', linesOf(all))]);
}

const file = { file: 'test/a.test.ts', seconds: 3.4, passed: 7, failures: [], skips: [], notRun: 0 };
const testsOf = async (...lines: readonly unknown[]): Promise<string> => write('tests.jsonl', linesOf(lines));

describe('the telling', () => {
  it('of what is well is brief', async () => {
    const report = await testsOf({ begun: file.file }, file, { ended: 'passed', failures: [] });
    expect(await tell({ step: 'npm ci', status: 0 }, { step: 'npm test', status: 0, report })).toEqual({
      status: 0,
      lines: [
        '',
        'The slowest test files:',
        '    3 s  test/a.test.ts',
        '',
        'Steps: npm ci 5 s, npm test 5 s; 15 s in all.',
        '',
        '8 passed, 0 failed, 0 skipped',
      ],
    });
  });

  it('names a step that failed, with the last it printed, and one that was ended', async () => {
    const { status, lines } = await tell(
      { step: 'npm ci', status: 1 },
      { step: 'npm run build', status: 124 },
      { step: 'npm run quickstart', status: 137 },
    );
    expect(status).toBe(2);
    expect(lines.at(-1)).toBe('0 passed, 3 failed, 0 skipped');
    const output = [`    Last of ${join(folder, 'output.txt')}:`, '    the first line', '    the last line'];
    expect(lines.slice(lines.indexOf('Failed:'), -2)).toEqual([
      'Failed:',
      '✗ npm ci',
      '    It ended with status 1.',
      ...output,
      '✗ npm run build',
      '    It was ended after 60 s, with status 124.',
      ...output,
      '✗ npm run quickstart',
      '    It was ended after 60 s, with status 137.',
      ...output,
    ]);
  });

  it('names checks that failed, and those that did not come to an end', async () => {
    const checks = [
      { name: 'check:lint', passed: true, seconds: 1 },
      { name: 'check:types', passed: false, seconds: 1, output: 'a.ts(1,2): error TS1: \u001b[31mno\u001b[39m\n' },
    ];
    const report = await write('check.json', JSON.stringify({ passed: 1, failed: 1, skipped: 0, checks }));
    const told = await tell({ step: 'npm run check', status: 1, report });
    expect(told.lines.slice(-5)).toEqual([
      'Failed:',
      '✗ check:types',
      '    a.ts(1,2): error TS1: no',
      '',
      '1 passed, 1 failed, 0 skipped',
    ]);
    const missing = await tell({ step: 'npm run check', status: 124, report: join(folder, 'nothing.json') });
    expect(missing.lines).toContain('✗ npm run check');
    expect(missing.lines).toContain(`    It wrote no ${join(folder, 'nothing.json')}.`);
    expect(missing.lines.at(-1)).toBe('0 passed, 1 failed, 0 skipped');
  });

  it('names every failure and every skip, the failures last', async () => {
    const failures = [{ name: 'test/a.test.ts > fails', message: 'expected 1\nto be 2' }];
    const skips = [{ name: 'test/a.test.ts > needs a GPU', why: 'none is here' }, { name: 'test/a.test.ts > another' }];
    const lost = [{ name: 'an error that no test caught', message: 'Error: late' }];
    const report = await testsOf({ ...file, failures, skips, notRun: 4 }, { ended: 'failed', failures: lost });
    const { status, lines } = await tell({ step: 'npm test', status: 1, report });
    expect(status).toBe(2);
    expect(lines.slice(lines.indexOf('Skipped:'))).toEqual([
      'Skipped:',
      '- test/a.test.ts > needs a GPU: none is here',
      '- test/a.test.ts > another',
      '',
      'Failed:',
      '✗ test/a.test.ts > fails',
      '    expected 1',
      '    to be 2',
      '✗ an error that no test caught',
      '    Error: late',
      '',
      '7 passed, 2 failed, 6 skipped',
    ]);
  });

  it('names the files that were under way when the tests were ended, and counts what had passed', async () => {
    const report = await testsOf({ begun: file.file }, { begun: 'test/hangs.test.ts' }, file);
    const { lines } = await tell({ step: 'npm test', status: 124, report });
    expect(lines).toContain('    Not all tests ran. Begun and not ended: test/hangs.test.ts.');
    expect(lines.at(-1)).toBe('7 passed, 1 failed, 0 skipped');
  });

  it('reads a report whose last line was being written', async () => {
    const report = await write('tests.jsonl', `${linesOf([{ begun: file.file }, file])}{"file": "test/b.te`);
    expect((await tell({ step: 'npm test', status: 137, report })).lines.at(-1)).toBe('7 passed, 1 failed, 0 skipped');
  });

  it.each([
    [
      'a status that no failure explains',
      1,
      [file, { ended: 'passed', failures: [] }],
      '7 passed, 1 failed, 0 skipped',
    ],
    ['no test', 0, [{ ended: 'passed', failures: [] }], '0 passed, 1 failed, 0 skipped'],
    ['no report', 0, [], '0 passed, 1 failed, 0 skipped'],
    ['a run that was broken off', 0, [file, { ended: 'interrupted', failures: [] }], '7 passed, 1 failed, 0 skipped'],
  ])('takes %s for a failure, and says how the output ended', async (_what, status, lines, counts) => {
    const told = await tell({ step: 'npm test', status, report: await testsOf(...lines) });
    expect(told.status).toBe(2);
    expect(told.lines.at(-1)).toBe(counts);
    expect(told.lines).toContain('✗ npm test');
    expect(told.lines).toContain('    the last line');
  });

  it('is no longer than what is sure to be read, however much failed', async () => {
    const many = Array.from({ length: 500 }, (_, index) => ({
      name: `test/a.test.ts > ${index}`,
      message: Array.from({ length: 40 }, (_, line) => `line ${line} ${'x'.repeat(400)}`).join('\n'),
    }));
    const report = await testsOf({ ...file, failures: many, skips: many }, { ended: 'failed', failures: [] });
    const { lines } = await tell({ step: 'npm test', status: 1, report });
    expect(lines.length - lines.indexOf('Skipped:')).toBeLessThan(120);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(200);
    expect(lines).toContain('… and 470 more');
    expect(lines.at(-1)).toBe('7 passed, 500 failed, 500 skipped');
  });

  it('of nothing is a failure', async () => {
    expect(await tell()).toEqual({ status: 2, lines: ['', '0 passed, 0 failed, 0 skipped'] });
  });
});

// As continuous integration runs them: by the tools of Linux.
describe.runIf(process.platform === 'linux')('the steps', () => {
  const steps = (script: string): Promise<Told> => {
    const start = `set -euo pipefail; source .ci/steps.sh ${join(folder, 'out')}; trap 'finish $?' EXIT`;
    return run('bash', ['-c', `${start}\n${script}`]);
  };

  it('show what they print, run though one failed, and end what hangs', async () => {
    const { status, lines } = await steps(`
      step 60 'prints' bash -c 'echo to stdout; echo to stderr >&2' || true
      step 60 'fails' bash -c 'echo why; exit 3' || true
      step 0.2 'hangs' tail -f /dev/null || true
      step 60 'comes last' true || true
    `);
    expect(status).toBe(1);
    expect(lines.slice(0, 4)).toEqual(['', '── prints', 'to stdout', 'to stderr']);
    expect(lines).toContain('✗ fails (exit status 3)');
    expect(lines).toContain(`    Last of ${join(folder, 'out/fails.txt')}:`);
    expect(lines).toContain('    why');
    expect(lines).toContain('    It was ended after 0.2 s, with status 124.');
    expect(lines.at(-1)).toBe('2 passed, 2 failed, 0 skipped');
  });

  it('end well where all of them did', async () => {
    const { status, lines } = await steps("step 60 'goes well' true");
    expect([status, lines.at(-1)]).toEqual([0, '1 passed, 0 failed, 0 skipped']);
  });

  it('count what a report says', async () => {
    const report = await testsOf(file, { ended: 'passed', failures: [] });
    const { status, lines } = await steps(`counted 60 'tests' ${report} true`);
    expect([status, lines.at(-1)]).toEqual([0, '7 passed, 0 failed, 0 skipped']);
  });

  it('name the one that ran when all were broken off', async () => {
    const { status, lines } = await steps(`
      trap 'exit 130' TERM
      step 60 'well' true
      step 60 'is broken off' bash -c 'kill -TERM "$0"' "$$"
    `);
    expect(status).toBe(1);
    expect(lines).toContain('✗ is broken off');
    expect(lines.at(-1)).toBe('1 passed, 1 failed, 0 skipped');
  });

  it('fail with the script around them', async () => {
    const { status, lines } = await steps("step 60 'well' true; false");
    expect(status).toBe(1);
    expect(lines).toContain('✗ .ci/run');
    expect(lines.at(-1)).toBe('1 passed, 1 failed, 0 skipped');
  });

  it('count a failure where Node is missing', async () => {
    const { status, lines } = await steps("node() { return 127; }; step 60 'well' true");
    expect([status, lines.at(-1)]).toEqual([1, '0 passed, 1 failed, 0 skipped']);
  });
});

describe('the reporter of tests', () => {
  it('writes down all that Vitest knows', { timeout: 120_000 }, async () => {
    const tests = `${repository}test/.cache/telling-${process.pid}`;
    onTestFinished(() => rm(tests, { recursive: true, force: true }));
    await mkdir(tests, { recursive: true });
    const begin = `import { beforeAll, afterAll, describe, expect, it } from 'vitest';\n`;
    const files = {
      'passes.scratch.ts': `it('passes', () => {}); it.todo('later'); it('skips', ({ skip }) => skip('no GPU'));`,
      'fails.scratch.ts': `describe('outer', () => it('fails', () => expect({ a: 1 }).toEqual({ a: 2 })));`,
      'hook.scratch.ts': `
        it('passes', () => {});
        describe('broken', () => {
          beforeAll(() => { throw new Error('no server'); });
          it('one', () => {});
          describe('inner', () => it('two', () => {}));
        });
        describe('unclean', () => { afterAll(() => { throw new Error('still open'); }); it('three', () => {}); });`,
      'top-hook.scratch.ts': `beforeAll(() => { throw new Error('no browser'); }); it('one', () => {});`,
      'unreadable.scratch.ts': `import './nothing-there';`,
      'late.scratch.ts': `it('leaves an error behind', () => { Promise.reject(new Error('too late')); });`,
    };
    for (const [name, text] of Object.entries(files)) await writeFile(`${tests}/${name}`, begin + text);
    await writeFile(`${tests}/vitest.config.js`, "export default { test: { include: ['*.scratch.ts'] } };");
    const report = join(folder, 'report.jsonl');
    const vitest = [`${repository}node_modules/vitest/vitest.mjs`, 'run', '--root', tests, '--maxWorkers=1'];
    const reporters = ['--reporter=default', `--reporter=${repository}.ci/reporter.ts`];
    const { status } = await run(process.execPath, [...vitest, ...reporters], { FAIRLEAD_CI_REPORT: report });
    expect(status).toBe(1);

    const { lines } = await tell({ step: 'npm test', status, report });
    const from = (line: string): string[] => lines.slice(lines.indexOf(line));
    const at = (name: string): string => `test/.cache/telling-${process.pid}/${name}`;
    expect(from('Skipped:').slice(0, 3).sort()).toEqual([
      `- ${at('passes.scratch.ts')} > later`,
      `- ${at('passes.scratch.ts')} > skips: no GPU`,
      'Skipped:',
    ]);
    const failed = from('Failed:').filter((line) => line.startsWith('✗'));
    expect(failed.sort()).toEqual(
      [
        `✗ ${at('fails.scratch.ts')} > outer > fails`,
        `✗ ${at('hook.scratch.ts')} > broken`,
        `✗ ${at('hook.scratch.ts')} > unclean`,
        `✗ ${at('top-hook.scratch.ts')}`,
        `✗ ${at('unreadable.scratch.ts')}`,
        '✗ an error that no test caught',
      ].sort(),
    );
    for (const said of ['no server', 'still open', 'no browser', 'too late', '-   "a": 2,', '+   "a": 1,']) {
      expect(lines.some((line) => line.includes(said))).toBe(true);
    }
    // Passed: 'passes' twice, 'three', and the one that leaves an error. Not run: 'one', 'two' and 'one'.
    expect(lines.at(-1)).toBe('4 passed, 6 failed, 5 skipped');
    expect(await readFile(report, 'utf8')).not.toContain('node_modules/vitest');
  });
});
