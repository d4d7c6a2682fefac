import type { CallOptions } from '@fairlead/core';
import type { PointColumns, RunStore, StoredRun } from './store/run-store';

const pointsAtOnce = 65_536;

/** Metric by metric, for a store that knows no other way. */
async function* pointsByMetric(runs: RunStore, run: StoredRun, call: CallOptions): AsyncGenerator<PointColumns> {
  for (const key of Object.keys(run.metrics)) {
    const { steps, timestamps, values } = await runs.history(run.id, key, call);
    for (let from = 0; from < steps.length; from += pointsAtOnce) {
      const to = Math.min(from + pointsAtOnce, steps.length);
      yield {
        count: to - from,
        keys: [key],
        keyIds: new Uint16Array(to - from),
        steps: steps.subarray(from, to),
        timestamps: timestamps.subarray(from, to),
        values: values.subarray(from, to),
      };
    }
  }
}

/** Every point of a run, a piece at a time. */
export function streamRunPoints(runs: RunStore, run: StoredRun, call: CallOptions = {}): AsyncIterable<PointColumns> {
  return runs.points?.(run.id, call) ?? pointsByMetric(runs, run, call);
}
