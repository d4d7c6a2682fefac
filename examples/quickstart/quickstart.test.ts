import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsx = `${root}node_modules/tsx/dist/cli.mjs`;

let examples: string;

// A copy inside the repository: it finds the packages, and leaves the folder of whoever tried the quickstart alone.
beforeAll(async () => {
  examples = await mkdtemp(`${root}examples/.test-`);
  await cp(`${root}examples/quickstart`, `${examples}/quickstart`, {
    recursive: true,
    filter: (source) => !/node_modules|\.fairlead|\.test\.ts$/.test(source),
  });
  await cp(`${root}examples/models`, `${examples}/models`, { recursive: true });
});

afterAll(() => rm(examples, { recursive: true, force: true }));

async function quickstart(): Promise<string> {
  const script = [tsx, '--tsconfig', `${root}tsconfig.dist.json`, `${examples}/quickstart/main.ts`];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, script, { cwd: root, timeout: 60_000 });
  expect(stderr).toBe('');
  return stdout;
}

function numberAfter(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1]?.replaceAll(',', ''));
}

test('the quickstart does its five steps, also a second time', { timeout: 130_000 }, async () => {
  for (const time of ['first', 'second']) {
    const output = await quickstart();
    expect(output, time).toMatch(/digits@champion +→ digits\/1/);
    expect(output, time).toMatch(/golden rows +passed/);
    expect(output, time).toMatch(/requests +216,000 from 64 callers, 0 failed/);
    expect(output, time).toMatch(/rows\/s +[\d,]+ +beside [\d,]+ on bare session\.run: [\d.]+ ×/);
    expect(output, time).toMatch(/digits@champion +→ digits\/2, [\d,]+ requests meanwhile/);
    expect(output, time).toMatch(/failed +none/);
    expect(numberAfter(output, /accuracy +([\d.]+) % with digits\/2/), time).toBeGreaterThanOrEqual(97);
    expect(output, time).toMatch(/as trained +540 rows, accuracy 98\.7 %: ok/);
    expect(output, time).toMatch(/paler, noisier +1,080 rows, accuracy [\d.]+ %: drift/);
    expect(numberAfter(output, /alarm +after ([\d,]+) rows/), time).toBeLessThan(1080);
    expect(output, time).toMatch(/moved most +pixel \d,\d PSI/);
    expect(output, time).toMatch(/remote\(\) +says (\d), and it is a \1/);
    expect(output, time).toMatch(/ml_drift_state\{.*ml_drift_state="drift"\} 1/);
    expect(output, time).toMatch(/curl -s http:\/\/127\.0\.0\.1:\d+\/v2\/models\/digits\/infer/);
  }
});
