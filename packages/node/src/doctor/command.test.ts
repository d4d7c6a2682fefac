import { describe, expect, test } from 'vitest';
import { runCommand } from './command';
import type { Diagnosis } from './diagnose';

const works: Diagnosis = {
  fairlead: '1.2.3',
  node: '20.19.0',
  platform: 'linux-x64',
  cores: { count: 2, affinity: 2, quota: undefined, sharers: 1 },
  onnxruntime: '1.30.0',
  devices: {
    cpu: { works: true, ms: 12 },
    cuda: { works: false, reason: 'no driver' },
    webgpu: { works: false, reason: 'no card' },
  },
  workerLanes: { works: true },
  float16: { works: true },
  tensorflow: {},
};
const broken: Diagnosis = { ...works, devices: { ...works.devices, cpu: { works: false, reason: 'no runtime' } } };

interface Terminal {
  readonly isTTY?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly diagnosis?: Diagnosis;
}

async function run(args: readonly string[], { isTTY = false, env = {}, diagnosis = works }: Terminal = {}) {
  let [stdout, stderr] = ['', ''];
  let examined = 0;
  const status = await runCommand(
    args,
    {
      stdout: {
        isTTY,
        write: (text) => {
          stdout += text;
        },
      },
      stderr: {
        write: (text) => {
          stderr += text;
        },
      },
      env,
    },
    async () => {
      examined++;
      return diagnosis;
    },
  );
  return { status, stdout, stderr, examined };
}

describe('doctor', () => {
  test('prints a report, and ends with 0 when a device works', async () => {
    const { status, stdout, stderr } = await run(['doctor']);
    expect(status).toBe(0);
    expect(stdout).toContain('  ✓ cpu ');
    expect(stderr).toBe('');
  });

  test('ends with 1 when none does', async () => {
    const { status, stdout } = await run(['doctor'], { diagnosis: broken });
    expect(status).toBe(1);
    expect(stdout).toContain('  ✗ cpu               no runtime\n');
  });

  test('prints what it found as JSON', async () => {
    for (const args of [
      ['doctor', '--json'],
      ['--json', 'doctor'],
    ]) {
      const { status, stdout } = await run(args, { isTTY: true, diagnosis: broken });
      expect(status).toBe(1);
      expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(broken)));
    }
  });

  test.each([
    ['a terminal', { isTTY: true }, true],
    ['a pipe', { isTTY: false }, false],
    ['a terminal with NO_COLOR', { isTTY: true, env: { NO_COLOR: '1' } }, false],
    ['a terminal with an empty NO_COLOR', { isTTY: true, env: { NO_COLOR: '' } }, true],
  ])('to %s', async (_what, terminal, colours) => {
    const { stdout } = await run(['doctor'], terminal);
    expect(stdout.includes('\u001b[')).toBe(colours);
  });
});

test.each(['--help', '-h'])('%s prints how it is used, and examines nothing', async (option) => {
  const { status, stdout, stderr, examined } = await run([option]);
  expect({ status, stderr, examined }).toEqual({ status: 0, stderr: '', examined: 0 });
  expect(stdout).toMatch(/^Usage: fairlead-node doctor/);
  expect(await run(['doctor', option])).toMatchObject({ status: 0, stdout, examined: 0 });
  expect(stdout.split('\n').every((line) => line.length <= 80)).toBe(true);
});

test.each(['--version', '-v'])('%s prints the version alone', async (option) => {
  const { status, stdout, examined } = await run([option]);
  expect({ status, examined }).toEqual({ status: 0, examined: 0 });
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each([
  [[], 'A command is missing: expected "doctor", "check-server", "manifests", "create-key" or "verify-audit".'],
  [
    ['nurse'],
    'There is no command "nurse": expected "doctor", "check-server", "manifests", "create-key" or "verify-audit".',
  ],
  [['doctor', 'who'], '"who" is one argument too many.'],
  [['doctor', '--yaml'], "Unknown option '--yaml'"],
  [['doctor', '--json=no'], "Option '--json' does not take an argument"],
  [['doctor', '--header', 'a: b'], 'The doctor takes no --header.'],
  [['check-server', 'http://127.0.0.1:8080', '--header', 'KEY'], 'A --header is none. Expected a name, a colon'],
])('%j is refused with how it is used, and ends with 2', async (args, words) => {
  const { status, stdout, stderr, examined } = await run(args);
  expect({ status, stdout, examined }).toEqual({ status: 2, stdout: '', examined: 0 });
  expect(stderr).toContain(words);
  expect(stderr).toContain('\n\nUsage: fairlead-node doctor');
});
