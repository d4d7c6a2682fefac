import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

/**
 * Runs every check in order, shows the output of those that fail, and ends with the counts. `--json FILE` writes the counts
 * for whoever adds them up.
 */
const steps = ['format', 'lint', 'types', 'arrows', 'exports', 'sizes', 'unused'];

const failed: string[] = [];
for (const step of steps) {
  const started = performance.now();
  const run = spawnSync('npm', ['run', '--silent', `check:${step}`], {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const ok = run.status === 0;
  console.log(`${ok ? '✓' : '✗'} check:${step.padEnd(8)} ${seconds.padStart(5)} s`);
  if (!ok) {
    failed.push(step);
    console.log([run.stdout, run.stderr, run.error?.message].filter(Boolean).join('\n').trimEnd());
  }
}

const checks = steps.map((step) => ({ name: `check:${step}`, passed: !failed.includes(step) }));
const counts = { passed: steps.length - failed.length, failed: failed.length, skipped: 0, checks };
console.log(failed.length === 0 ? `All ${steps.length} checks passed.` : `Failed: ${failed.join(', ')}.`);
const file = process.argv[process.argv.indexOf('--json') + 1];
if (process.argv.includes('--json') && file) writeFileSync(file, JSON.stringify(counts));
process.exitCode = failed.length === 0 ? 0 : 1;
