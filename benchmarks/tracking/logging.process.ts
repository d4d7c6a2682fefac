import { mkdtemp, rm } from 'node:fs/promises';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { openTracker, type Run } from '@fairlead/tracking';

/* Run by logging.ts in a process of its own: what it measures, and the folder to work in. */

/** Microseconds a call of `run.log`. */
export interface CallFigures {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly most: number;
}

/** Milliseconds by which the event loop is late, 99th percentile. */
export interface LoopFigures {
  readonly logging: number;
  readonly idle: number;
  /** While the process computes in turns of the same length. */
  readonly busy: number;
  readonly pointsPerSecond: number;
}

/** Points a second, all of them on the disk. */
export interface ThroughputFigures {
  readonly pointsPerSecond: number;
}

/** Resident bytes. */
export interface MemoryFigures {
  readonly before: number;
  readonly after: number;
  readonly most: number;
}

async function withRun<T>(folder: string, work: (run: Run) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(`${folder}/store-`);
  const tracker = await openTracker({ dir });
  try {
    return await tracker.withRun({ experiment: 'bench' }, work);
  } finally {
    await tracker.close();
    await rm(dir, { recursive: true, force: true });
  }
}

/** A training loop: some work, then a point; the loop is left now and then, as a script that awaits its work leaves it. */
async function calls(folder: string, rounds: number): Promise<CallFigures> {
  const each = 200_000;
  const between = 100;
  return withRun(folder, async (run) => {
    const times = new Float64Array(each * rounds);
    const options = { step: 0 };
    let at = 0;
    for (let round = -1; round < rounds; round++) {
      for (let i = 0; i < each; i++) {
        options.step = i;
        const startedAt = process.hrtime.bigint();
        run.log({ loss: 1 / (i + 1) }, options);
        const took = Number(process.hrtime.bigint() - startedAt);
        if (round >= 0) times[at++] = took / 1000;
        if (i % between === 0) await nextTurn();
      }
    }
    times.sort();
    const atShare = (share: number) => times[Math.floor(share * (times.length - 1))] as number;
    return { p50: atShare(0.5), p99: atShare(0.99), p999: atShare(0.999), most: atShare(1) };
  });
}

/** Logs without a pause, in turns of about a millisecond between which the loop gets its due. */
async function loop(folder: string, rounds: number): Promise<LoopFigures> {
  const durationMs = 1500;
  const turnMs = 1;
  return withRun(folder, async (run) => {
    const logging = monitorEventLoopDelay({ resolution: 1 });
    const idle = monitorEventLoopDelay({ resolution: 1 });
    const busy = monitorEventLoopDelay({ resolution: 1 });
    const inTurns = async (work: () => void): Promise<void> => {
      for (const endAt = performance.now() + durationMs; performance.now() < endAt; await nextTurn()) {
        for (const turnEnd = performance.now() + turnMs; performance.now() < turnEnd; ) work();
      }
    };
    let points = 0;
    const log = (): void => {
      for (let i = 0; i < 100; i++) run.log({ loss: 0.5, accuracy: 0.5 }, { step: points++ });
    };
    let sum = 0;
    const compute = (): void => {
      for (let i = 0; i < 10_000; i++) sum += Math.sqrt(i);
    };
    await inTurns(log);
    await inTurns(compute);
    points = 0;
    for (let round = 0; round < rounds; round++) {
      idle.enable();
      await pause(durationMs);
      idle.disable();
      busy.enable();
      await inTurns(compute);
      busy.disable();
      logging.enable();
      await inTurns(log);
      logging.disable();
    }
    if (Number.isNaN(sum)) throw new Error('Nothing was computed.');
    const p99 = (histogram: IntervalHistogram) => histogram.percentile(99) / 1e6;
    const pointsPerSecond = (2 * points * 1000) / (rounds * durationMs);
    return { logging: p99(logging), idle: p99(idle), busy: p99(busy), pointsPerSecond };
  });
}

/** A flush to the disk is asked for, and waited for, after every 1000 points. */
async function throughput(folder: string, points: number): Promise<ThroughputFigures> {
  return withRun(folder, async (run) => {
    const log = async (count: number): Promise<void> => {
      for (let step = 0; step < count; ) {
        for (let i = 0; i < 1000; i++) run.log({ loss: 1 / (step + 1) }, { step: step++ });
        await run.flush({ durability: 'disk' });
      }
    };
    await log(100_000);
    const startedAt = performance.now();
    await log(points);
    return { pointsPerSecond: (points * 1000) / (performance.now() - startedAt) };
  });
}

/** What resident memory grows by while ten million points are logged to one run. */
async function memory(folder: string): Promise<MemoryFigures> {
  const points = 10_000_000;
  return withRun(folder, async (run) => {
    const log = async (from: number, to: number): Promise<number> => {
      let most = 0;
      for (let step = from; step < to; ) {
        for (let i = 0; i < 1000; i++) run.log({ loss: 1 / (step + 1) }, { step: step++ });
        await nextTurn();
        if (step % 100_000 === 0) most = Math.max(most, process.memoryUsage.rss());
      }
      return most;
    };
    globalThis.gc?.();
    const before = process.memoryUsage.rss();
    const most = await log(0, points);
    await run.flush({ durability: 'os' });
    globalThis.gc?.();
    return { before, after: process.memoryUsage.rss(), most };
  });
}

const [, , what, folder = '', count = '5'] = process.argv;
const measures = {
  calls: () => calls(folder, Number(count)),
  loop: () => loop(folder, Number(count)),
  throughput: () => throughput(folder, Number(count)),
  memory: () => memory(folder),
};
const figures = await measures[what as keyof typeof measures]();
process.send?.(figures);
process.disconnect?.();
