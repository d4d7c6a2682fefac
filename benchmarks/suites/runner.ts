import type { Result, Suite } from '../lib/suite';
import { measureEventLoop } from '../runner/event-loop';
import { measureLatency } from '../runner/latency';
import { measureMemory } from '../runner/memory';
import { measureOverload } from '../runner/overload';
import { measureThroughput } from '../runner/throughput';

/** The runner beside bare sessions of the same models, with as many threads. */
export default {
  name: 'runner',
  describe: 'Throughput, latency, event loop, overload and memory of the runner, beside bare session.run.',
  async run(context) {
    const results: Result[] = [];
    for (const part of [measureThroughput, measureLatency, measureEventLoop, measureOverload, measureMemory]) {
      results.push(...(await part(context)));
    }
    return results;
  },
} satisfies Suite;
