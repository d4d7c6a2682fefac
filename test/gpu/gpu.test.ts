import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { casesOn, type Outcome } from './conform';
import { noDriver, softwareDriver } from './find-driver';

/*
 * The conformance suite on devices other than the CPU. FAIRLEAD_TEST_DEVICES names those that a machine has, such as
 * `cuda` or `cuda,webgpu`; they must then work. WebGPU is otherwise tried on a driver that computes on the CPU.
 */

const asked = (process.env.FAIRLEAD_TEST_DEVICES ?? '').split(',').filter((name) => name !== '');
const unknown = asked.filter((name) => name !== 'cuda' && name !== 'webgpu');
if (unknown.length > 0) {
  throw new Error(`FAIRLEAD_TEST_DEVICES names ${unknown.join(', ')}: expected cuda, webgpu or both, with a comma.`);
}

/** TF32, in which NVIDIA's cards multiply, has 10 bits after the point. */
const tolerances = { cuda: 5e-3, webgpu: 1e-4 };
const limitMs = 240_000;

if (asked.includes('cuda')) describe('cuda', () => conformance('cuda', {}));
else console.warn('\nNOT TESTED: cuda. Set FAIRLEAD_TEST_DEVICES=cuda on a machine that has it.\n');

const driver = asked.includes('webgpu') ? {} : softwareDriver();
if (driver !== undefined) describe('webgpu', () => conformance('webgpu', driver));
else {
  it('finds a Vulkan driver', ({ skip }) => {
    console.warn(`\n${noDriver}\n`);
    skip(noDriver);
  });
}

/** Runs the cases in a process of its own: a driver is chosen before a process starts, and may crash it. */
function conformance(device: 'cuda' | 'webgpu', variables: Readonly<Record<string, string>>): void {
  const outcomes = new Map<string, Outcome>();
  let stderr = '';
  let ended = '';

  beforeAll(async () => {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const args = [
      fileURLToPath(new URL('../../node_modules/tsx/dist/cli.mjs', import.meta.url)),
      '--tsconfig',
      `${root}tsconfig.dist.json`,
      fileURLToPath(new URL('./conform.ts', import.meta.url)),
      device,
      String(tolerances[device]),
    ];
    const options = { cwd: root, env: { ...process.env, ...variables }, timeout: limitMs, maxBuffer: 2 ** 24 };
    const run = await promisify(execFile)(process.execPath, args, options).catch(
      (error: Error & { readonly stdout: string; readonly stderr: string }) => {
        ended = error.message;
        return error;
      },
    );
    stderr = run.stderr;
    for (const line of run.stdout.split('\n')) {
      if (!line.startsWith('{')) continue;
      const outcome = JSON.parse(line) as Outcome;
      outcomes.set(outcome.name, outcome);
    }
  }, limitMs + 10_000);

  afterAll(() => {
    console.info(
      `${outcomes.size} cases were tried on ${device}, ${variables.VK_ICD_FILENAMES ?? 'by its own driver'}.`,
    );
  });

  for (const { name } of casesOn(device, { inputs: {}, outputs: {} }, 0)) {
    it(name, () => {
      // Without an outcome the process ended before it.
      expect(outcomes.get(name) ?? { ended, stderr }).toEqual({ name });
    });
  }

  it('says on stderr which model it could not compare with the CPU', () => {
    const warning = `choosy runs on ${device} without a self-test, since the CPU cannot compute with made-up inputs`;
    expect(stderr.split('\n').filter((line) => line.includes(warning))).toHaveLength(1);
  });
}
