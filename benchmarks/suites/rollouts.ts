import type { Result, Suite, SuiteContext } from '../lib/suite';
import { measureBatcherCanaries } from '../rollouts/batcher-canaries';
import { measureErrorDelays, measureLatencyDelays } from '../rollouts/delays';
import { measureFalseRollbacks } from '../rollouts/false-rollbacks';
import { measureOffPolicy } from '../rollouts/off-policy';
import { measureOverhead } from '../rollouts/overhead';
import { measurePromotions } from '../rollouts/promotions';
import { measureRegret } from '../rollouts/regret';
import { measureShadow } from '../rollouts/shadow';

/** What the suite consists of, in the order of its rows; each part draws from seeds of its own. */
const parts: readonly ((context: SuiteContext) => Result[] | Promise<Result[]>)[] = [
  measureFalseRollbacks,
  measureBatcherCanaries,
  measureErrorDelays,
  measureLatencyDelays,
  measurePromotions,
  measureRegret,
  measureOffPolicy,
  measureOverhead,
  measureShadow,
];

/** How often a rollout decides wrongly, and how soon rightly, in simulations with fixed seeds. */
export default {
  name: 'rollouts',
  describe:
    'False rollbacks with a look after every block, requests until harm is rolled back, time to promotion, regret.',
  async run(context) {
    const results: Result[] = [];
    for (const part of parts) results.push(...(await part(context)));
    return results;
  },
} satisfies Suite;
