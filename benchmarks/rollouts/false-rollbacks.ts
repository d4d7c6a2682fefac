import { errorsGuardrail } from '@fairlead/core/rollouts';
import { createRandom } from '../lib/random';
import type { Result, SuiteContext } from '../lib/suite';
import { createCanary } from './canary';
import { levels } from './levels';
import { createPeekingTest, createThreshold } from './naive';
import { nullScenarios } from './streams';

/** Blocks of both arms together in each canary, after each of which somebody looks. */
const blocksOfCanary = 1000;
const seed = 20_260;

/**
 * How many canaries without harm are rolled back by what is looked at after every block: by the evidence, which was asked for a rate, and by two rules
 * that were not made for looking.
 */
export function measureFalseRollbacks({ note, quick }: SuiteContext): Result[] {
  const count = quick ? 40 : 2000;
  return nullScenarios.flatMap((scenario, index) => {
    note(`false rollbacks: ${scenario.name}, ${count} canaries`);
    const random = createRandom(seed + index);
    const rolledBack = levels.map(() => 0);
    const peeked = levels.map(() => 0);
    let overThreshold = 0;
    for (let run = 0; run < count; run++) {
      const stream = scenario.stream(random);
      const canary = createCanary({
        guardrails: [errorsGuardrail({ margin: 0 })],
        levels: levels.map(({ rate }) => rate),
      });
      const threshold = createThreshold();
      const tests = levels.map(({ z }) => createPeekingTest(z));
      const alarmed = { threshold: false, tests: levels.map(() => false) };
      for (let looks = 0; looks < blocksOfCanary; looks++) {
        const block = stream();
        canary.observe(block);
        alarmed.threshold ||= threshold.observe(block);
        tests.forEach((test, level) => {
          alarmed.tests[level] ||= test.observe(block);
        });
      }
      if (alarmed.threshold) overThreshold++;
      levels.forEach((_, level) => {
        if (canary.harmAt[level] !== undefined) rolledBack[level] = (rolledBack[level] ?? 0) + 1;
        if (alarmed.tests[level]) peeked[level] = (peeked[level] ?? 0) + 1;
      });
    }
    return [
      ...levels.flatMap(({ rate, name }, level): Result[] => [
        {
          name: `false rollbacks where ${name} was asked for: ${scenario.name}`,
          value: (rolledBack[level] ?? 0) / count,
          unit: 'ratio',
          goal: `<= ${rate}`,
        },
        {
          name: `… by a one-look test at ${name}, looked at after every block`,
          value: (peeked[level] ?? 0) / count,
          unit: 'ratio',
        },
      ]),
      { name: '… by a threshold on the average (95 % success)', value: overThreshold / count, unit: 'ratio' },
    ];
  });
}
