import { errorsGuardrail, latencyGuardrail } from '@fairlead/core/rollouts';
import { createNormal, createRandom, type Random } from '../lib/random';
import { median } from '../lib/statistics';
import type { Result, SuiteContext } from '../lib/suite';
import { createCanary, runCanary } from './canary';
import { levels } from './levels';
import { failingStream, latencyStream } from './streams';

const seed = 20_261;
/** z of a power of .9 */
const powerBound = 1.2815515655446004;
/** A canary that is not rolled back by then counts with as many. */
const mostRequests = 30_000;
const rates = { challenger: 0.05, control: 0.01 };

/**
 * Requests of each arm that a test of two proportions needs which looks once, knew the effect beforehand and finds it nine times in ten: (zα + zβ)² (p₁(1 - p₁) + p₂(1 - p₂)) / (p₁ - p₂ - margin)².
 */
export function fixedHorizon(z: number, challenger: number, control: number, margin = 0): number {
  const variance = challenger * (1 - challenger) + control * (1 - control);
  return Math.ceil(((z + powerBound) ** 2 * variance) / (challenger - control - margin) ** 2);
}

interface Case {
  readonly name: string;
  readonly margin: number;
  readonly size?: (random: Random) => number;
  readonly goal?: string;
}

const cases: readonly Case[] = [
  { name: 'batches of a tenth of the traffic (1 to 3)', margin: 0, goal: '<= 2' },
  { name: 'the same, margin 0.5 %', margin: 0.005 },
  { name: 'the same, margin 1 %', margin: 0.01 },
  { name: 'batches of 8', margin: 0, size: () => 8 },
  { name: 'batches of 32', margin: 0, size: () => 32 },
];

/** How soon errors that go from 1 % to 5 % are rolled back, beside a test of the same margin that looks once and knew it. */
export function measureErrorDelays({ note, quick }: SuiteContext): Result[] {
  const count = quick ? 20 : 500;
  return cases.flatMap(({ name, margin, size, goal }, index) => {
    note(`errors from 1 % to 5 %: ${name}`);
    const random = createRandom(seed + index);
    const requests = levels.map((): number[] => []);
    for (let run = 0; run < count; run++) {
      const canary = createCanary({
        guardrails: [errorsGuardrail({ margin })],
        levels: levels.map(({ rate }) => rate),
      });
      runCanary(canary, failingStream(random, rates, size), mostRequests);
      requests.forEach((ofLevel, level) => void ofLevel.push(canary.harmAt[level] ?? mostRequests));
    }
    return levels.map(({ name: level, z }, at): Result => {
      const beside = fixedHorizon(z, rates.challenger, rates.control, margin);
      return {
        name: `requests until errors of 5 % instead of 1 % are rolled back, by the ${beside} of a test that looks once (${level}): ${name}`,
        value: median(requests[at] ?? []) / beside,
        unit: 'ratio',
        ...(goal === undefined ? {} : { goal }),
      };
    });
  });
}

/** How soon answers that take longer are rolled back, and how often they are where they do not, while load changes in both arms. */
export function measureLatencyDelays({ note, quick }: SuiteContext): Result[] {
  const count = quick ? 20 : 500;
  const results: Result[] = [];
  for (const factor of [1, 1.2, 1.5]) {
    note(`latencies: ${factor} times as long`);
    const random = createRandom(seed + 100 * factor);
    const normal = createNormal(random);
    const requests: number[] = [];
    let rolledBack = 0;
    for (let run = 0; run < count; run++) {
      const canary = createCanary({ guardrails: [latencyGuardrail({ quantile: 0.9, margin: 0 })], levels: [0.05] });
      runCanary(canary, latencyStream(random, normal, factor), factor === 1 ? 1000 : mostRequests);
      if (canary.harmAt[0] !== undefined) rolledBack++;
      requests.push(canary.harmAt[0] ?? mostRequests);
    }
    results.push(
      factor === 1
        ? {
            name: 'false rollbacks for latency where 5 % was asked for: load that changes in both arms',
            value: rolledBack / count,
            unit: 'ratio',
            goal: '<= 0.05',
          }
        : {
            name: `requests until answers that take ${factor} times as long are rolled back (5 %, 90th percentile)`,
            value: median(requests),
            unit: 'requests',
          },
    );
  }
  return results;
}
