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
  /**
   * Least resident bytes over the first looks, after 50 to 90 runners, and the last, after 160 to 200; and the open handles. What
   * is lost raises the least as well; what the allocator happens to hold when it is looked at does not.
   */
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
/** Memory is looked at after every so many cycles; the first looks and the last ones are compared. */
const lookEvery = 5;
const firstLook = 50;
const looksCompared = 9;

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
  const rss: number[] = [];
  const handles: number[] = [];
  const startedAt = performance.now();
  for (let cycle = 1; cycle <= cycles; cycle++) {
    const runner = await openRunner(subjects.medium, { lanes, threads: 1 });
    await runner.run({ x: row(cycle) });
    await runner.close();
    if (cycle < firstLook || cycle % lookEvery > 0) continue;
    rss.push(await settledRss());
    handles.push(process.getActiveResourcesInfo().length);
  }
  const cycleMs = (performance.now() - startedAt) / cycles;
  return {
    earlyRss: Math.min(...rss.slice(0, looksCompared)),
    lastRss: Math.min(...rss.slice(-looksCompared)),
    earlyHandles: handles[0] as number,
    lastHandles: handles.at(-1) as number,
    cycleMs,
  };
}

const [, , what, where] = process.argv;
const figures = what === 'requests' ? await manyRequests() : await manyRunners(where === 'worker' ? 1 : 'inline');
process.send?.(figures);
process.disconnect?.();
