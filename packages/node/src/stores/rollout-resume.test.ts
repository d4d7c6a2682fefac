import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const script = fileURLToPath(new URL('fixtures/ramping-child.ts', import.meta.url));

interface Said {
  readonly status: string;
  readonly weights: Readonly<Record<string, number>>;
  readonly epoch: number;
  readonly history: number;
  /** Arms of the same three hundred users. */
  readonly arms: readonly string[];
}

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fairlead-resume-'));
});
const children = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of children) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await rm(directory, { recursive: true, force: true });
});

/** Starts the service, and kills it once it has said so much. */
async function runAndKill(lines: number): Promise<readonly Said[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', script, directory], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const said: Said[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(JSON.parse(line) as Said);
    if (said.length === lines) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  children.delete(child);
  expect(said.length).toBe(lines);
  return said;
}

it('a process that is killed in the middle of a ramp goes on at the same weight, with the same assignment', {
  timeout: 60_000,
}, async () => {
  const [start, ramping] = await runAndKill(2);
  expect(start).toMatchObject({ status: 'running', weights: { champion: 0.9, next: 0.1 }, epoch: 1 });
  expect(ramping).toMatchObject({ status: 'running', weights: { champion: 0.7, next: 0.3 }, epoch: 2 });
  // Nobody left the canary while it grew, and it grew.
  const inCanary = (said: Said | undefined): number[] =>
    said?.arms.flatMap((arm, index) => (arm === 'next' ? [index] : [])) ?? [];
  expect(inCanary(ramping)).toEqual(expect.arrayContaining(inCanary(start)));
  expect(inCanary(ramping).length).toBeGreaterThan(inCanary(start).length);

  const [resumed] = await runAndKill(1);
  expect(resumed).toEqual(ramping);
});
