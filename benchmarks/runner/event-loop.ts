import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { drive } from '../lib/load';
import type { Result, SuiteContext } from '../lib/suite';
import { openBare, openRunner, type Request, rowsOf, subjects } from './subject';

const subject = subjects.cnn;
/** What a batch should take. */
const batchMs = 20;
const mostRows = 256;
const durationMs = 1000;

/**
 * How long the event loop is held up while batches of about 20 ms run without a pause, in a worker lane and on bare
 * session.run. An idle process shows some delay as well, and that is taken off.
 */
export async function measureEventLoop({ rounds, note }: SuiteContext): Promise<Result[]> {
  const row = rowsOf(subject);
  const bare = await openBare(subject, row, 1);
  const rows = await rowsOfBatch(bare.batchesOf);
  const runner = await openRunner(subject, { lanes: 1, threads: 1, maxBatchRows: rows });
  const delays = { idle: delayHistogram(), runner: delayHistogram(), bare: delayHistogram() };
  try {
    note(`event loop under batches of ${rows} rows`);
    const through: Request = (index) => runner.run({ x: row(index) });
    const rawBatch = bare.batchesOf(rows);
    const before = runner.describe().batching;
    for (let round = 0; round < rounds; round++) {
      await within(delays.idle, () => pause(durationMs));
      // Enough callers for three batches: one runs, and there is always a whole one that waits.
      await within(delays.runner, () => drive({ callers: 3 * rows, durationMs, request: through }));
      await within(delays.bare, () => drive({ callers: 1, durationMs, request: rawBatch }));
    }
    const { batching } = runner.describe();
    const batches = batching.batches - before.batches;
    const p99 = (histogram: IntervalHistogram) => histogram.percentile(99) / 1e6;
    const idle = p99(delays.idle);
    const label = `event loop, batches of ${rows} rows of ${subject.name}`;
    return [
      { name: `${label}: p99 delay in a worker lane`, value: p99(delays.runner) - idle, unit: 'ms', goal: '<= 5' },
      { name: `${label}: p99 delay on bare session.run`, value: p99(delays.bare) - idle, unit: 'ms' },
      { name: 'event loop: p99 delay of the idle process, taken off above', value: idle, unit: 'ms' },
      { name: 'event loop: time of a batch in the worker lane', value: (rounds * durationMs) / batches, unit: 'ms' },
    ];
  } finally {
    await Promise.all([runner.close(), bare.close()]);
  }
}

function delayHistogram(): IntervalHistogram {
  return monitorEventLoopDelay({ resolution: 1 });
}

/** Watches the delay of the event loop for as long as some work takes. */
async function within(histogram: IntervalHistogram, work: () => Promise<unknown>): Promise<void> {
  histogram.enable();
  await work();
  histogram.disable();
}

/** Rows that make a batch of about `batchMs`, judged by batches of eight. */
async function rowsOfBatch(batchesOf: (rows: number) => Request): Promise<number> {
  const { perSecond } = await drive({ callers: 1, durationMs: 500, request: batchesOf(8) });
  return Math.min(mostRows, Math.max(1, Math.round(batchMs / (1000 / perSecond / 8))));
}
