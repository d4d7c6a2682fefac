import type { Threading } from '../backend';
import type { Lane } from './lane';
import type { Candidate } from './lane-trials';

/** Most lanes that are tried: with more, few of them would find a whole batch to compute. */
const mostLanes = 8;

/**
 * Lanes × threads that fill the cores: one core a lane, then half as many lanes of twice the threads, and so on to one
 * lane that has them all. Without a choice of threads, as many lanes as the cores hold.
 */
export function candidatesFor(first: Lane, threading: Threading | undefined): readonly Candidate[] {
  if (threading === undefined || first.threads === undefined) return [];
  const { cores } = threading;
  if (threading.withThreads === undefined) {
    const lanes = Math.min(mostLanes, Math.floor(cores / first.threads));
    return lanes > 1 ? [{ lanes, threads: first.threads }] : [];
  }
  const candidates: Candidate[] = [];
  let lanes = Math.min(mostLanes, cores);
  for (; lanes >= 1; lanes = previousPowerOfTwo(lanes)) {
    const threads = Math.floor(cores / lanes);
    // With as many threads, the lanes before it were more.
    if (candidates.at(-1)?.threads !== threads && lanes * threads > 1) candidates.push({ lanes, threads });
  }
  return candidates;
}

/** The greatest power of two below a number; 0 below 1. */
function previousPowerOfTwo(value: number): number {
  return value <= 1 ? 0 : 2 ** Math.floor(Math.log2(value - 1));
}

/** More threads for one lane: 2, 4, 8 …, and as many as there are cores. */
export function moreThreads(first: Lane, threading: Threading | undefined): readonly number[] {
  if (first.threads === undefined || threading?.withThreads === undefined || threading.cores === 1) return [];
  const counts: number[] = [];
  for (let threads = 2; threads < threading.cores; threads *= 2) counts.push(threads);
  return [...counts, threading.cores];
}
