import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { median } from '../lib/statistics';
import { type SketchName, type SketchSubject, sketchSubjects } from './sketch-subjects';

/* Run by sketches.ts in a process of its own for each sketch, so that none meets code that was compiled for another. */

/** What one sketch comes to. */
export interface SketchFigures {
  /** Nanoseconds a value. */
  readonly ns: number;
  /** Bytes of an empty sketch, on and off the heap. */
  readonly bytes: number;
  /** Bytes that were allocated for each value, on the heap; garbage, as no collection ran meanwhile. */
  readonly allocated: number;
}

const warmUp = 2_000_000;
const valuesOfRound = 1_000_000;
const instances = 2000;
/** Node tells of a collection some time after it. */
const reportMs = 50;

/** Collections that have run since the start. */
let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

function usedBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function settle(): void {
  for (let round = 0; round < 3; round++) globalThis.gc?.();
}

function bytesOf(create: SketchSubject['create']): number {
  // First some that are thrown away, so that what is compiled on the way is not counted.
  for (let i = 0; i < instances; i++) create();
  const kept: unknown[] = new Array(instances).fill(undefined);
  settle();
  const before = usedBytes();
  for (let i = 0; i < instances; i++) kept[i] = create();
  settle();
  const bytes = (usedBytes() - before) / instances;
  if (kept.some((sketch) => sketch === undefined)) throw new Error('A sketch was not made.');
  return bytes;
}

/** The growth of the heap while nothing is collected, less what measuring itself takes. */
async function allocatedBy(observe: (values: number) => number): Promise<number> {
  const attempt = async (values: number): Promise<number> => {
    settle();
    await pause(reportMs);
    const collected = collections;
    const before = process.memoryUsage().heapUsed;
    if (values > 0) observe(values);
    const bytes = process.memoryUsage().heapUsed - before;
    await pause(reportMs);
    if (collections !== collected) throw new Error('A collection ran while allocations were counted.');
    return bytes;
  };
  const own = [await attempt(0), await attempt(0), await attempt(0)];
  const grown = [await attempt(valuesOfRound), await attempt(valuesOfRound), await attempt(valuesOfRound)];
  return Math.max(0, median(grown) - median(own)) / valuesOfRound;
}

const [, , name, rounds] = process.argv;
const subject: SketchSubject = sketchSubjects[name as SketchName];
const bytes = bytesOf(subject.create);
const observe = subject.fill();
observe(warmUp);
const times: number[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const startedAt = performance.now();
  const values = observe(valuesOfRound);
  times.push(((performance.now() - startedAt) * 1e6) / values);
}
const figures: SketchFigures = { ns: median(times), bytes, allocated: await allocatedBy(observe) };
process.send?.(figures);
process.disconnect?.();
