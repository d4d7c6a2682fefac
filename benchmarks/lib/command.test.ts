import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { runCommand } from './command';

const suitesFolder = fileURLToPath(new URL('./fixtures', import.meta.url));

async function call(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  let out = '';
  let error = '';
  const code = await runCommand({
    args,
    suitesFolder,
    writeOut: (text) => {
      out += text;
    },
    writeError: (text) => {
      error += text;
    },
  });
  return { code, out, error };
}

describe('runCommand', () => {
  it('writes one JSON object and nothing else to stdout, notes to stderr', async () => {
    const { code, out, error } = await call('steady', '--json', '--rounds', '3');
    expect(code).toBe(0);
    expect(error).toBe('measuring nothing\n');
    expect(JSON.parse(out)).toEqual({
      suite: 'steady',
      results: [
        { name: 'rounds', value: 3, unit: 'rounds' },
        {
          name: 'share',
          value: 0.5,
          unit: 'ratio',
          standardError: 0.01234,
          goal: '>= 0.9',
          remark: 'by halves',
          met: false,
        },
        { name: 'delay', value: 12.3456, unit: 'ms', goal: '<= 20', met: true },
      ],
      missed: ['share'],
    });
  });

  it('shows people a table that marks each goal, and exits with 0 though one is missed', async () => {
    const { code, out } = await call('steady');
    expect(code).toBe(0);
    expect(out).toBe(
      [
        'steady        value  unit    goal',
        '──────  ───────────  ──────  ──────  ────────',
        'rounds            5  rounds',
        'share   0.5 ± 0.012  ratio   >= 0.9  ✗ missed: by halves',
        'delay          12.3  ms      <= 20   ✓ met',
        '',
        '1 of 2 goals met.',
        '',
      ].join('\n'),
    );
  });

  it('writes the table of a file of results', async () => {
    const { code, out } = await call('steady', '--markdown', '--rounds', '1234');
    expect(code).toBe(0);
    expect(out).toBe(
      [
        '| Measured | Value | Goal |',
        '|---|---|---|',
        '| rounds | 1,234 rounds |  |',
        '| share | 0.5 ± 0.012 | >= 0.9 **missed**: by halves |',
        '| delay | 12.3 ms | <= 20 |',
        '',
        '1 of 2 goals met.',
        '',
      ].join('\n'),
    );
  });

  it.each([
    [['nope'], 'There is no suite "nope".'],
    [[], 'usage:'],
    [['steady', 'failing'], 'One suite at a time'],
    [['steady', '--rounds', '0'], '--rounds takes a positive integer, given "0".'],
    [['steady', '--json', '--markdown'], 'Either --json or --markdown, given both.'],
    [['steady', '--jsno'], "Unknown option '--jsno'"],
  ])('answers %j with exit code 2 and the list of suites', async (args, message) => {
    const { code, out, error } = await call(...args);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(error).toContain(message);
    expect(error).toContain('suites:\n  failing   Divides by zero and reports it.\n  nameless  (does not load: ');
    expect(error).toMatch(/ {2}steady {4}Figures/);
  });

  it('fails a suite that does not bear the name of its file', async () => {
    const { code, error } = await call('nameless');
    expect(code).toBe(1);
    expect(error).toContain('must export a suite named "nameless" by default');
  });

  it('fails a suite whose figure is no number', async () => {
    const { code, out, error } = await call('failing', '--json');
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(error).toContain('The result "rate" is NaN, not a number.');
  });
});

it('main.ts passes the exit code on', async () => {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const run = promisify(execFile)(process.execPath, ['--import', 'tsx', main, 'no-such-suite']);
  await expect(run).rejects.toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('suites:') });
});
