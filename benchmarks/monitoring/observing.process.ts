import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { createDriftMonitor, type DriftMonitor, fitReference } from '@fairlead/core/monitoring';
import { createRandom } from '../lib/random';
import { median } from '../lib/statistics';

/* Run by observing.ts in a process of its own: what a drift monitor in its default configuration costs. */

/** What observing comes to. */
export interface ObservingFigures {
  /** Nanoseconds a value. */
  readonly ns: number;
  /** Bytes of a monitor for each feature, on and off the heap. */
  readonly bytes: number;
  /** Bytes that were allocated for each value, as no collection ran meanwhile. */
  readonly allocated: number;
  /** The same for a batch. */
  readonly allocatedByBatch: number;
}

const features = 64;
const [rowsText, rounds] = process.argv.slice(2);
const rows = Number(rowsText);
const batchesOfRound = Math.ceil(20_000 / rows);
const random = createRandom(11);
const silent = { debug() {}, info() {}, warn() {}, error() {} };

const drawBatch = (count: number) => ({
  x: {
    dtype: 'float32' as const,
    shape: [count, features],
    data: Float32Array.from({ length: count * features }, random),
  },
});

const reference = await fitReference(drawBatch(10_000));
const create = (): DriftMonitor => createDriftMonitor({ reference, maxCpuShare: 1, logger: silent });
/** Enough for a round, so that no row comes twice in it. */
const batches = Array.from({ length: batchesOfRound }, () => drawBatch(rows));

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

function settle(): void {
  for (let round = 0; round < 3; round++) globalThis.gc?.();
}

function usedBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function bytesOfFeature(): number {
  const monitors = 20;
  const kept: DriftMonitor[] = [create()];
  settle();
  const before = usedBytes();
  for (let i = 0; i < monitors; i++) kept.push(create());
  settle();
  return (usedBytes() - before) / monitors / features;
}

function observe(monitor: DriftMonitor, count: number): void {
  for (let i = 0; i < count; i++) monitor.observe(batches[i % batches.length] as (typeof batches)[number]);
}

async function allocatedBy(monitor: DriftMonitor, count: number): Promise<number> {
  settle();
  await pause(50);
  const collected = collections;
  const before = process.memoryUsage().heapUsed;
  observe(monitor, count);
  const grown = process.memoryUsage().heapUsed - before;
  await pause(50);
  if (collections !== collected) throw new Error('A collection ran while allocations were counted.');
  return grown;
}

const bytes = bytesOfFeature();
const monitor = create();
for (let i = 0; i < 10; i++) observe(monitor, batchesOfRound);
const times: number[] = [];
for (let round = 0; round < Number(rounds) * 5; round++) {
  const fresh = create();
  observe(fresh, Math.ceil(batchesOfRound / 4));
  const startedAt = performance.now();
  observe(fresh, batchesOfRound);
  times.push(((performance.now() - startedAt) * 1e6) / (batchesOfRound * rows * features));
}
const own = [await allocatedBy(monitor, 0), await allocatedBy(monitor, 0), await allocatedBy(monitor, 0)];
const grown: number[] = [];
for (let i = 0; i < 3; i++) grown.push(await allocatedBy(monitor, batchesOfRound));
const allocatedByBatch = Math.max(0, median(grown) - median(own)) / batchesOfRound;
process.send?.({
  ns: median(times),
  bytes,
  allocated: allocatedByBatch / (rows * features),
  allocatedByBatch,
} satisfies ObservingFigures);
process.disconnect?.();
