import { openTracker } from '@fairlead/tracking';
import { median } from '../lib/statistics';

/* Run by search.ts in a process of its own, so that the first search of the process is a cold one. */

/** Milliseconds. */
export interface SearchFigures {
  /** From before the store is opened to the first page. */
  readonly cold: number;
  /** A filter by a metric, a parameter and a tag, ordered by a metric, once everything is read. */
  readonly warm: number;
  readonly found: number;
  readonly rss: number;
}

const [, , dir = '', what, rounds = '5'] = process.argv;
const startedAt = performance.now();
const tracker = await openTracker({ dir });
const search = () =>
  tracker.search({
    filter: "metrics.metric_3 > 0.5 and params.param_1 = 'choice 2' and tags.tag_2 LIKE 'value%'",
    orderBy: ['metrics.metric_1 ASC'],
    limit: 100,
  });
const first = what === 'open' ? await tracker.search({ limit: 100 }) : await search();
const cold = performance.now() - startedAt;
const times: number[] = [];
for (let round = -2; round < Number(rounds); round++) {
  const from = performance.now();
  await search();
  if (round >= 0) times.push(performance.now() - from);
}
const figures: SearchFigures = {
  cold,
  warm: median(times),
  found: first.runs.length,
  rss: process.memoryUsage.rss(),
};
await tracker.close();
process.send?.(figures);
process.disconnect?.();
