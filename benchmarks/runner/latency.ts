import { type Contestant, compare } from '../lib/compare';
import { drive, quantile } from '../lib/load';
import { median } from '../lib/statistics';
import type { Result, SuiteContext } from '../lib/suite';
import { openBare, openRunner, type Request, rowsOf, subjects } from './subject';

const subject = subjects.medium;
const durationMs = 300;

/** What the runner adds to a lone request: one caller, who asks again as soon as he has his answer. */
export async function measureLatency({ rounds, note }: SuiteContext): Promise<Result[]> {
  const row = rowsOf(subject);
  const bare = await openBare(subject, row, 1);
  const results: Result[] = [];
  try {
    for (const { where, lanes, goal } of [
      { where: 'inline', lanes: 'inline', goal: '<= 20' },
      { where: 'in a worker', lanes: 1, goal: '<= 90' },
    ] as const) {
      const label = `one caller ${where}, ${subject.name}`;
      note(label);
      const runner = await openRunner(subject, { lanes, threads: 1 });
      try {
        const [runnerP99, bareP99]: [number[], number[]] = [[], []];
        const through = atP50((index) => runner.run({ x: row(index) }), runnerP99);
        const { a, b, difference } = await compare(through, atP50(bare.one, bareP99), { rounds });
        const added = median(runnerP99) - median(bareP99);
        results.push(
          { name: `${label}: p50 added to bare session.run`, value: difference, unit: 'µs', goal },
          { name: `${label}: p99 added to bare session.run`, value: added, unit: 'µs' },
          { name: `${label}: p50`, value: a, unit: 'µs' },
          { name: `${label}: p50 of bare session.run`, value: b, unit: 'µs' },
        );
      } finally {
        await runner.close();
      }
    }
  } finally {
    await bare.close();
  }
  return results;
}

/** The median latency of a lone caller's requests, in microseconds; the 99th percentile goes into `p99s`. */
function atP50(request: Request, p99s: number[]): Contestant {
  return async () => {
    const { latencies } = await drive({ callers: 1, durationMs, request }, { latencies: true });
    p99s.push(quantile(latencies, 0.99) * 1000);
    return quantile(latencies, 0.5) * 1000;
  };
}
