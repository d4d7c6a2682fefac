import { errorsGuardrail } from '@fairlead/core/rollouts';
import { createRandom } from '../lib/random';
import { median } from '../lib/statistics';
import type { Result, SuiteContext } from '../lib/suite';
import { createCanary, runCanary } from './canary';
import { failingStream } from './streams';

const seed = 20_262;
/** A canary that is not promoted by then counts with as many. */
const mostRequests = 10_000;
const falsePromotions = 0.05;

/** How soon an equal challenger is promoted, and how often one that is worse by the margin is. */
export function measurePromotions({ note, quick }: SuiteContext): Result[] {
  const count = quick ? 10 : 200;
  return [0.01, 0.02].flatMap((margin, index) => {
    note(`promotions with a margin of ${margin}`);
    const times: number[] = [];
    let wrong = 0;
    for (const extra of [0, margin]) {
      const random = createRandom(seed + 10 * index + (extra > 0 ? 1 : 0));
      for (let run = 0; run < count; run++) {
        const canary = createCanary({
          guardrails: [errorsGuardrail({ margin })],
          levels: [0.05],
          promotes: true,
          test: { maxFalsePromotionRate: falsePromotions },
        });
        const stream = failingStream(random, { challenger: 0.01 + extra, control: 0.01 });
        runCanary(canary, stream, mostRequests, ({ promotedAt }) => promotedAt !== undefined);
        if (extra === 0) times.push(canary.promotedAt ?? mostRequests);
        else if (canary.promotedAt !== undefined) wrong++;
      }
    }
    const percent = `${margin * 100} %`;
    return [
      {
        name: `requests until a challenger that fails 1 % as its control is promoted, margin ${percent}`,
        value: median(times),
        unit: 'requests',
      },
      {
        name: `false promotions where 5 % was asked for: worse by the margin of ${percent}`,
        value: wrong / count,
        unit: 'ratio',
        goal: `<= ${falsePromotions}`,
      },
    ];
  });
}
