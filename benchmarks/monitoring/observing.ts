import { runChild } from '../lib/child';
import type { Result, SuiteContext } from '../lib/suite';
import type { ObservingFigures } from './observing.process';

const file = new URL('./observing.process.ts', import.meta.url);
/** So large that nothing is collected while allocations are counted. */
const roomyYoungGeneration = ['--min-semi-space-size=128', '--max-semi-space-size=128'];

/** What a drift monitor of 64 features costs in its default configuration, its whole ring of windows included. */
export async function measureObserving({ rounds, note }: SuiteContext): Promise<Result[]> {
  const results: Result[] = [];
  for (const rows of [64, 1]) {
    const label = `drift monitor, 64 features, batches of ${rows}`;
    note(label);
    const figures = await runChild<ObservingFigures>(file, [String(rows), String(rounds)], roomyYoungGeneration);
    const { ns, bytes, allocated, allocatedByBatch } = figures;
    const isWhole = rows > 1;
    results.push(
      { name: `${label}: time of a value observed`, value: ns, unit: 'ns', ...(isWhole && { goal: '<= 50' }) },
      { name: `${label}: allocated for a value`, value: allocated, unit: 'bytes', ...(isWhole && { goal: '<= 0.1' }) },
      { name: `${label}: allocated for a batch`, value: allocatedByBatch, unit: 'bytes' },
    );
    if (isWhole) results.push({ name: `${label}: size of a feature`, value: bytes, unit: 'bytes', goal: '<= 8192' });
  }
  return results;
}
