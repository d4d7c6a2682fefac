import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * Runs every check, as many at once as there are cores, shows the output of those that fail, and ends with the counts.
 * `--json FILE` writes them, with what failed, for whoever adds them up.
 */

/** Checks that run one after the other, the longest first. Sizes are those of the build that the exports need. */
const chains = [['exports', 'sizes'], ['types'], ['arrows'], ['lint', 'format'], ['unused']];

/** What came of one check. */
interface Outcome {
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
  /** What it printed, where it failed. */
  readonly output?: string;
}

function run(step: string): Promise<Outcome> {
  const started = performance.now();
  const child = spawn('npm', ['run', '--silent', `check:${step}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve) => {
    const end = (passed: boolean): void => {
      const seconds = (performance.now() - started) / 1000;
      console.log(`${passed ? '✓' : '✗'} check:${step.padEnd(8)} ${seconds.toFixed(1).padStart(5)} s`);
      if (!passed) console.log(output.trimEnd());
      resolve({ name: `check:${step}`, passed, seconds, ...(passed ? {} : { output }) });
    };
    // Ends with a status too.
    child.on('error', ({ message }) => {
      output += message;
    });
    child.on('close', (code) => end(code === 0));
  });
}

const waiting = [...chains];
const checks: Outcome[] = [];
async function runChains(): Promise<void> {
  for (let chain = waiting.shift(); chain !== undefined; chain = waiting.shift()) {
    for (const step of chain) checks.push(await run(step));
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, runChains));

const failed = checks.filter(({ passed }) => !passed);
const counts = { passed: checks.length - failed.length, failed: failed.length, skipped: 0, checks };
const names = failed.map(({ name }) => name.replace('check:', ''));
console.log(failed.length === 0 ? `All ${checks.length} checks passed.` : `Failed: ${names.join(', ')}.`);
const file = process.argv[process.argv.indexOf('--json') + 1];
if (process.argv.includes('--json') && file) writeFileSync(file, JSON.stringify(counts));
process.exitCode = failed.length === 0 ? 0 : 1;
