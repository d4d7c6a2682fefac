import { setTimeout as pause } from 'node:timers/promises';
import { openRunner, rowsOf, subjects } from './subject';

/* Run by memory.ts in a process of its own: `requests`, `cycles inline` or `cycles worker`. */

/** What a million requests come to. */
export interface RequestFigures {
  /** Resident bytes after each tenth. */
  readonly rss: readonly number[];
}

/** What opening and closing many runners comes to. */
export interface CycleFigures {
  /** Resident bytes and open handles, after the fiftieth runner and after the last. */
  readonly earlyRss: number;
  readonly lastRss: number;
  readonly earlyHandles: number;
  readonly lastHandles: number;
  /** Milliseconds from one runner to the next. */
  readonly cycleMs: number;
}

const requests = 1_000_000;
const callers = 64;
const cycles = 200;
const earlyCycle = 50;

/** Resident bytes once what is garbage has been collected and given back. */
async function settledRss(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await pause(20);
  }
  return process.memoryUsage.rss();
}

async function manyRequests(): Promise<RequestFigures> {
  const runner = await openRunner(subjects.tiny, { lanes: 'auto', threads: 1 });
  const row = rowsOf(subjects.tiny);
  const rss: number[] = [];
  for (let tenth = 1; tenth <= 10; tenth++) {
    let left = requests / 10;
    const call = async (): Promise<void> => {
      while (left > 0) await runner.run({ x: row(left--) });
    };
    await Promise.all(Array.from({ length: callers }, call));
    rss.push(await settledRss());
  }
  const { requests: answered } = runner.describe().batching;
  if (answered !== requests) throw new Error(`${answered} of ${requests} requests were answered.`);
  await runner.close();
  return { rss };
}

async function manyRunners(lanes: 'inline' | 1): Promise<CycleFigures> {
  const row = rowsOf(subjects.medium);
  let [earlyRss, earlyHandles] = [Number.NaN, Number.NaN];
  const startedAt = performance.now();
  for (let cycle = 1; cycle <= cycles; cycle++) {
    const runner = await openRunner(subjects.medium, { lanes, threads: 1 });
    await runner.run({ x: row(cycle) });
    await runner.close();
    if (cycle === earlyCycle) {
      earlyRss = await settledRss();
      earlyHandles = process.getActiveResourcesInfo().length;
    }
  }
  const cycleMs = (performance.now() - startedAt) / cycles;
  const lastRss = await settledRss();
  return { earlyRss, lastRss, earlyHandles, lastHandles: process.getActiveResourcesInfo().length, cycleMs };
}

const [, , what, where] = process.argv;
const figures = what === 'requests' ? await manyRequests() : await manyRunners(where === 'worker' ? 1 : 'inline');
process.send?.(figures);
process.disconnect?.();
