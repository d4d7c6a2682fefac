import type { Result, Suite } from '../lib/suite';
import { measureDelays } from '../monitoring/delay';
import { measureMetrics } from '../monitoring/metrics';
import { measureNullStreams } from '../monitoring/null-streams';
import { measureObserving } from '../monitoring/observing';
import { measureSketches } from '../monitoring/sketches';

/** What monitors cost, how often they are wrong and how late they are right. */
export default {
  name: 'monitoring',
  describe: 'Cost of observing, time between false alarms and delay of detection, beside other detectors.',
  async run(context) {
    const results: Result[] = [];
    for (const part of [measureObserving, measureSketches, measureMetrics, measureNullStreams, measureDelays]) {
      results.push(...(await part(context)));
    }
    return results;
  },
} satisfies Suite;
