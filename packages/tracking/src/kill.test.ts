import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from './fixtures/temporary-folder';
import { openTracker } from './open-tracker';
import type { Tracker } from './tracker';

const script = fileURLToPath(new URL('./fixtures/log-until-killed.mjs', import.meta.url));
const build = fileURLToPath(new URL('../dist/index.js', import.meta.url));

/** The same moments every time, as far as a machine's pace allows. */
let state = 20_260_101;
const random = (limit: number): number => {
  state = (state * 48_271) % 2_147_483_647;
  return state % limit;
};

interface Killed {
  /** Absent where the process died before its run had begun. */
  readonly id?: string;
  /** Points that a flush acknowledged, and those that were logged a second or more before the end. */
  readonly acknowledged: number;
  readonly old: number;
  readonly logged: number;
}

/** Starts a process on a folder and kills it with SIGKILL, so long after it was started or after its run began. */
function killAt(dir: string, pace: 'flushed' | 'unflushed', from: 'start' | 'run', afterMs: number): Promise<Killed> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, dir, pace], { stdio: ['ignore', 'pipe', 'inherit'] });
    let killedAt = 0;
    const kill = (): void => {
      killedAt = Date.now();
      child.kill('SIGKILL');
    };
    let text = '';
    if (from === 'start') setTimeout(kill, afterMs);
    child.stdout.setEncoding('latin1').on('data', (part: string) => {
      if (text === '' && from === 'run') setTimeout(kill, afterMs);
      text += part;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (signal !== 'SIGKILL') return reject(new Error(`the process ended by itself, with ${code ?? signal}`));
      // What it could not print to its end may be cut in the middle of a line.
      const [id, ...lines] = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
      let [acknowledged, old, logged] = [0, 0, 0];
      for (const line of lines) {
        const [what, points, at] = line.split(' ');
        if (what === '=') acknowledged = Number(points);
        if (what === '+') logged = Number(points);
        if (what === '+' && Number(at) < killedAt - 1000) old = Number(points);
      }
      resolve({ ...(id && { id }), acknowledged, old, logged });
    });
  });
}

async function isThere(tracker: Tracker, id: string): Promise<boolean> {
  try {
    await tracker.getRun(id);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'NOT_FOUND' });
    return false;
  }
}

test('kill -9 at 200 moments loses no point that was acknowledged, and of the others at most those of a second', {
  timeout: 180_000,
}, async () => {
  expect(existsSync(build), 'run "npm run build:js" first').toBe(true);
  const dir = await temporaryFolder();
  const moments = Array.from({ length: 200 }, (_, i) => {
    if (i % 25 === 0) return { pace: 'unflushed', from: 'run', afterMs: 1200 + random(400) } as const;
    if (i % 10 === 5) return { pace: 'flushed', from: 'start', afterMs: random(200) } as const;
    return { pace: 'flushed', from: 'run', afterMs: random(40) } as const;
  });
  const killed: Killed[] = [];
  const check = async (some: readonly Killed[]): Promise<void> => {
    const tracker = await openTracker({ dir });
    for (const { id, acknowledged, old } of some) {
      if (id === undefined) continue;
      // A process that was killed before its first write leaves no run.
      if (acknowledged === 0 && old === 0 && !(await isThere(tracker, id))) continue;
      const run = await tracker.getRun(id);
      const { steps, values } = 'loss' in run.metrics ? await run.history('loss') : { steps: [], values: [] };
      expect(steps.length, id).toBeGreaterThanOrEqual(Math.max(acknowledged, old));
      expect(Array.from(steps).every((step, i) => step === i && values[i] === i / 2)).toBe(true);
      expect(run.damage.filter((damage) => damage.kind !== 'torn-tail')).toEqual([]);
    }
    await tracker.close();
  };
  const one = async (): Promise<void> => {
    for (let moment = moments.pop(); moment !== undefined; moment = moments.pop()) {
      const result = await killAt(dir, moment.pace, moment.from, moment.afterMs);
      killed.push(result);
      // The store opens whenever somebody died, while others write.
      await check([result]);
    }
  };
  await Promise.all([one(), one(), one(), one()]);
  expect(killed).toHaveLength(200);
  await check(killed);
  const sum = (key: 'acknowledged' | 'old'): number => killed.reduce((total, each) => total + each[key], 0);
  expect(killed.filter((each) => each.id !== undefined).length).toBeGreaterThan(150);
  expect(sum('acknowledged')).toBeGreaterThan(1000);
  expect(sum('old')).toBeGreaterThan(1000);
  const tracker = await openTracker({ dir });
  const { problems } = await tracker.check();
  expect(problems.filter((problem) => problem.kind !== 'torn-tail')).toEqual([]);
  await tracker.close();
});
