import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import { type Command, UsageError } from './command';
import { exportCommand } from './export';
import { checkCommand, compactCommand, garbageCommand } from './maintenance';
import { reportCommand } from './report-command';
import { runCommandLine } from './run-command-line';
import { uiCommand } from './ui-command';

const commands = [uiCommand, reportCommand, exportCommand, checkCommand, compactCommand, garbageCommand];

let cwd: string;

beforeEach(async () => {
  cwd = await temporaryFolder();
});

async function run(args: readonly string[], options: { commands?: readonly Command[]; signal?: AbortSignal } = {}) {
  let stdout = '';
  let stderr = '';
  const status = await runCommandLine(args, options.commands ?? commands, '1.2.3', {
    stdout: {
      write: (text) => {
        stdout += text;
      },
    },
    stderr: {
      write: (text) => {
        stderr += text;
      },
    },
    env: {},
    cwd,
    signal: options.signal ?? new AbortController().signal,
  });
  return { status, stdout, stderr };
}

/** A store with one run; its id. */
async function makeStore(): Promise<string> {
  const tracker = await openTracker({ dir: join(cwd, '.fairlead') });
  let id = '';
  await tracker.withRun({ name: 'first' }, (live) => {
    id = live.id;
    live.log({ loss: 1 });
  });
  await tracker.close();
  return id;
}

describe('the frame', () => {
  it('lists every command, and tells its version', async () => {
    for (const flag of ['--help', '-h', 'help']) {
      const { status, stdout } = await run([flag]);
      expect(status).toBe(0);
      for (const { name, summary } of commands) expect(stdout).toContain(`${name.padEnd(7)}   ${summary}`);
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(84);
    }
    expect(await run(['--version'])).toEqual({ status: 0, stdout: '1.2.3\n', stderr: '' });
  });

  it.each(commands.map((command) => [command.name, command] as const))(
    'says how %s is used',
    async (name, { usage }) => {
      expect(await run([name, '--help'])).toMatchObject({
        status: 0,
        stdout: expect.stringContaining(usage.trimEnd()),
      });
      expect(
        Math.max(
          ...usage
            .split('\n')
            .slice(1)
            .map((line) => line.length),
        ),
      ).toBeLessThanOrEqual(80);
    },
  );

  it.each([
    [[], 'A command is missing.'],
    [['u'], 'There is no command "u".'],
    [['uii'], 'Did you mean "ui"?'],
    [['--port', '3'], 'There is no option "--port" before a command.'],
    [['ui', '--prot', '3'], '--prot'],
    [['ui', '--port'], '--port'],
    [['ui', '--port', 'x'], '--port must be a whole number from 0 to 65535; given "x".'],
    [['ui', '--port', '65536'], '--port must be a whole number'],
    [['ui', 'more'], '"more" is one argument too many.'],
    [['gc', '--older-than-hours', '0'], '--older-than-hours must be a whole number from 1'],
    [['report'], 'The id of a run is missing.'],
  ])('refuses %j with status 2 and says what to do', async (args, message) => {
    const { status, stdout, stderr } = await run(args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).toContain('Usage: fairlead-tracking');
  });

  it('tells an error with status 1, and one of usage with 2', async () => {
    const failing = (error: Error): Command => ({
      name: 'x',
      summary: 's',
      usage: 'u',
      run: () => Promise.reject(error),
    });
    expect(await run(['x'], { commands: [failing(new Error('the disk is full'))] })).toEqual({
      status: 1,
      stdout: '',
      stderr: 'fairlead-tracking x: the disk is full\n',
    });
    expect((await run(['x'], { commands: [failing(new UsageError('no'))] })).status).toBe(2);
  });
});

describe('the store that a command opens', () => {
  it.each(commands.filter(({ name }) => name !== 'export').map(({ name }) => [name]))(
    '%s makes none where there is none',
    async (name) => {
      const args = name === 'report' ? [name, 'a'] : [name];
      expect((await run(args)).stderr).toMatch(/There is no folder .*\.fairlead\. Log a run there first/);
      await writeFile(join(cwd, 'file'), '');
      expect((await run([...args, '--dir', 'file'])).stderr).toMatch(/is no folder/);
      await mkdir(join(cwd, 'empty'));
      const { status, stderr } = await run([...args, '--dir', 'empty']);
      expect(stderr).toMatch(/is no store: it has no fairlead\.json/);
      expect(status).toBe(2);
    },
  );
});

describe('the commands', () => {
  it('ui serves until it is told to end', async () => {
    await makeStore();
    const ending = new AbortController();
    let shown = '';
    const served = runCommandLine(['ui'], commands, '1', {
      stdout: {
        write: (text) => {
          shown += text;
          const url = /http:\S+/.exec(shown)?.[0] ?? '';
          void fetch(`${url}api/runs`)
            .then((response) => response.text())
            .then((text_) => {
              shown += text_;
              ending.abort();
            });
        },
      },
      stderr: { write: () => undefined },
      env: {},
      cwd,
      signal: ending.signal,
    });
    expect(await served).toBe(0);
    expect(shown).toMatch(
      /^Fairlead shows \.fairlead at http:\/\/127\.0\.0\.1:\d+\/\nCtrl-C ends it\.\n\{"runs":\[\{"id"/,
    );
  });

  it('report writes a page of its own', async () => {
    const id = await makeStore();
    expect(await run(['report', id, '--out', 'page.html', '--title', 'My <run>'])).toMatchObject({
      status: 0,
      stderr: '',
    });
    const page = await readFile(join(cwd, 'page.html'), 'utf8');
    expect(page).toContain('<title>My &lt;run&gt;</title>');
    expect(page).toContain('"name":"first"');
    expect(await run(['report', 'f'.repeat(32)])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('There is no run'),
    });
  });

  it('check, compact and gc say what they found and did', async () => {
    await makeStore();
    expect(await run(['check'])).toMatchObject({ status: 0, stdout: expect.stringContaining('all is well') });
    expect(await run(['compact', '--dry-run'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('would be compacted'),
    });
    expect(await run(['gc', '--dry-run', '--older-than-hours', '1'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('would be removed'),
    });
  });
});
