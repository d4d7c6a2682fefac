import type { LoadFigures } from './closed-load';

/** The line of JSON that `wrk.lua` prints. */
interface Printed {
  /** Of the whole process, its start included. */
  readonly processorSeconds: number;
  readonly durationUs: number;
  readonly requests: number;
  /** Answers with another status than 200. */
  readonly others: number;
  readonly errors: Readonly<Record<'connect' | 'read' | 'write' | 'timeout', number>>;
  readonly latencies: readonly Counted[];
}

/** Microseconds and how often they were measured. */
type Counted = readonly [microseconds: number, times: number];

/**
 * Reads what wrk printed with `wrk.lua`.
 * @throws Error when it printed something else
 */
export function readWrkOutput(output: string, connections: number): LoadFigures {
  const line = output.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`wrk printed no figures: ${output.trim().slice(-400)}`);
  const { processorSeconds, durationUs, requests, others, errors, latencies }: Printed = JSON.parse(line);
  const measured = uncorrected(latencies, expectedUs(durationUs, requests, connections));
  const total = measured.reduce((sum, [, times]) => sum + times, 0);
  if (total !== requests - errors.timeout || measured.some(([, times]) => times < 0)) {
    throw new Error(
      `wrk says ${requests} answers and the latencies of ${total}: it corrects otherwise than 4.1.0 does.`,
    );
  }
  const { connect, read, write, timeout } = errors;
  const statuses = { 200: requests - others, 'not 200': others, connect, read, write, timeout };
  return {
    perSecond: ((requests - others) / durationUs) * 1e6,
    p50: quantileOf(measured, 0.5) / 1000,
    p99: quantileOf(measured, 0.99) / 1000,
    statuses: Object.fromEntries(Object.entries(statuses).filter(([, times]) => times > 0)),
    driverBusy: (processorSeconds * 1e6) / durationUs,
  };
}

/** What wrk takes for the time between two requests of a connection, 0 where it takes none. */
function expectedUs(durationUs: number, requests: number, connections: number): number {
  const each = Math.floor(requests / connections);
  return each === 0 ? 0 : Math.floor(durationUs / each);
}

/**
 * The latencies as they were measured, ascending. wrk adds to those above twice the expected time the ones that requests sent
 * at that pace would have had meanwhile; connections that wait for their answers send none. What it adds always lies below
 * what it adds it for, so that it can be taken away again from the longest on.
 */
function uncorrected(latencies: readonly Counted[], expected: number): Counted[] {
  const times = new Map(latencies.map(([microseconds, found]) => [microseconds, found]));
  if (expected > 0) {
    for (const microseconds of [...times.keys()].sort((a, b) => b - a)) {
      if (microseconds < 2 * expected) break;
      const measured = times.get(microseconds) as number;
      for (let added = microseconds - expected; measured > 0 && added > expected; added -= expected) {
        times.set(added, (times.get(added) ?? 0) - measured);
      }
    }
  }
  return [...times].filter(([, found]) => found !== 0).sort(([a], [b]) => a - b);
}

/** A quantile by the nearest rank, as `quantile` of `lib/load` takes it. */
function quantileOf(ascending: readonly Counted[], q: number): number {
  const total = ascending.reduce((sum, [, times]) => sum + times, 0);
  let rank = Math.min(total - 1, Math.floor(q * total));
  for (const [microseconds, times] of ascending) {
    rank -= times;
    if (rank < 0) return microseconds;
  }
  return Number.NaN;
}
