import { describe, expect, it } from 'vitest';
import { quantile } from '../lib/load';
import { readWrkOutput } from './wrk-output';

const noErrors = { connect: 0, read: 0, write: 0, timeout: 0 };

/** What wrk 4.1.0 makes of latencies before it tells them: it adds those of requests that were sent at an even pace meanwhile. */
function corrected(latencies: readonly number[], expectedUs: number): [number, number][] {
  const times = new Map<number, number>();
  const add = (microseconds: number, count: number): void =>
    void times.set(microseconds, (times.get(microseconds) ?? 0) + count);
  for (const latency of latencies) add(latency, 1);
  const measured = [...times];
  for (const [latency, count] of measured) {
    if (latency < 2 * expectedUs) continue;
    for (let added = latency - expectedUs; added > expectedUs; added -= expectedUs) add(added, count);
  }
  return [...times].sort(([a], [b]) => a - b);
}

function printed(latencies: readonly (readonly [number, number])[], changes: object = {}): string {
  const line = { processorSeconds: 0.5, durationUs: 2_000_000, requests: 0, others: 0, errors: noErrors, latencies };
  return `Running 2s test\n  1 threads and 4 connections\n${JSON.stringify({ ...line, ...changes })}\n`;
}

describe('readWrkOutput', () => {
  it('takes away the latencies that wrk adds to those that were measured', () => {
    // Most are short, some stall for many times the pace, and their places overlap with those of what is added.
    const latencies = Array.from(
      { length: 4000 },
      (_, index) => 100 + ((index * 7919) % 3000) + (index % 97 === 0 ? 30_000 : 0),
    );
    const expected = Math.floor(2_000_000 / Math.floor(latencies.length / 4));
    const told = corrected(latencies, expected);
    expect(told.reduce((sum, [, count]) => sum + count, 0)).toBeGreaterThan(latencies.length);
    const { p50, p99, perSecond, statuses, driverBusy } = readWrkOutput(
      printed(told, { requests: latencies.length }),
      4,
    );
    const ascending = Float64Array.from(latencies).sort();
    expect([p50, p99]).toEqual([quantile(ascending, 0.5) / 1000, quantile(ascending, 0.99) / 1000]);
    expect(statuses).toEqual({ 200: latencies.length });
    expect(perSecond).toBe(latencies.length / 2);
    expect(driverBusy).toBe(0.25);
  });

  it('counts what was no answer with status 200', () => {
    const latencies: [number, number][] = [[500, 9]];
    const errors = { ...noErrors, read: 2, timeout: 1 };
    const { statuses, perSecond } = readWrkOutput(printed(latencies, { requests: 10, others: 3, errors }), 64);
    expect(statuses).toEqual({ 200: 7, 'not 200': 3, read: 2, timeout: 1 });
    expect(perSecond).toBe(3.5);
  });

  it('has no latency where there was no answer', () => {
    const { p50, perSecond } = readWrkOutput(printed([]), 64);
    expect([p50, perSecond]).toEqual([Number.NaN, 0]);
  });

  it('throws where wrk counts in another way, or says nothing', () => {
    expect(() => readWrkOutput(printed([[500, 11]], { requests: 10 }), 64)).toThrow('otherwise than 4.1.0');
    expect(() => readWrkOutput(printed([[90_000, 100]], { requests: 100 }), 1)).toThrow('otherwise than 4.1.0');
    expect(() => readWrkOutput('unable to connect', 64)).toThrow('unable to connect');
  });
});
