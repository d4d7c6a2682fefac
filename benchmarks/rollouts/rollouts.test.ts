import type { Block } from '@fairlead/core/rollouts';
import { canary, errorsGuardrail } from '@fairlead/core/rollouts';
import { describe, expect, test } from 'vitest';
import { createRandom } from '../lib/random';
import { createCanary, runCanary } from './canary';
import { fixedHorizon } from './delays';
import { measureFalseRollbacks } from './false-rollbacks';
import { createPeekingTest, createThreshold, type Watcher } from './naive';
import { openRolloutTraffic } from './rollout-traffic';
import { failingStream, nullScenarios } from './streams';

const block = (arm: string, requests: number, failedRequests: number): Block => ({
  arm,
  startedAt: 0,
  endedAt: 1,
  requests,
  failedRequests,
  latenciesMs: [],
});

describe('the test that looks once', () => {
  test('needs as many requests as the textbook says', () => {
    // (1.645 + 1.282)² · (.05 · .95 + .01 · .99) / .04² = 307.2, and with 2.326 for 1.645 466.9; half the difference takes four times as many.
    expect(fixedHorizon(1.6448536269514722, 0.05, 0.01)).toBe(308);
    expect(fixedHorizon(2.3263478740408408, 0.05, 0.01)).toBe(467);
    expect(fixedHorizon(1.6448536269514722, 0.05, 0.01, 0.02)).toBe(1229);
  });
});

describe('what is shown beside the evidence', () => {
  const observe = (watcher: Watcher, ...blocks: readonly Block[]): boolean[] =>
    blocks.map((one) => watcher.observe(one));

  test('is a threshold on the success since the last scrape, of the challenger alone', () => {
    const five = [block('champion', 100, 100), block('canary', 49, 3), block('canary', 1, 0), block('canary', 50, 2)];
    expect(observe(createThreshold(), ...five)).toEqual([false, false, true, false]);
  });

  test('is a test of two proportions, from fifty requests an arm on', () => {
    // 5 of 100 beside 0 of 100: z = .05 / √(.025 · .975 · .02) = 2.265.
    const blocks = [block('champion', 100, 0), block('canary', 49, 5), block('canary', 51, 0)];
    expect(observe(createPeekingTest(2.26), ...blocks)).toEqual([false, false, true]);
    expect(observe(createPeekingTest(2.27), ...blocks)).toEqual([false, false, false]);
  });
});

describe('the simulations', () => {
  test('draw the same from the same seed, with as many requests in both arms', () => {
    for (const { stream } of nullScenarios) {
      const [one, other] = [stream(createRandom(3)), stream(createRandom(3))];
      const blocks = Array.from({ length: 2000 }, () => one());
      expect(Array.from({ length: 2000 }, () => other())).toEqual(blocks);
      const ofChallenger = blocks.filter(({ arm }) => arm !== 'champion').length;
      expect(Math.abs(ofChallenger / 2000 - 0.5)).toBeLessThan(0.05);
    }
  });

  test('roll back a challenger that fails, and say after how many requests', () => {
    const watched = createCanary({ guardrails: [errorsGuardrail({ margin: 0 })], levels: [0.05, 0.01] });
    runCanary(watched, failingStream(createRandom(4), { challenger: 0.5, control: 0 }), 5000);
    const [loose = 0, strict = 0] = watched.harmAt;
    expect(loose).toBeGreaterThan(5);
    expect(strict).toBeGreaterThan(loose);
    expect(watched.requests).toBe(strict);
  });

  test('give a row for each rate, and the naive rules beside it', () => {
    const results = measureFalseRollbacks({ rounds: 1, quick: true, note: () => {} });
    expect(results).toHaveLength(5 * nullScenarios.length);
    expect(results.filter(({ goal }) => goal !== undefined)).toHaveLength(2 * nullScenarios.length);
    for (const { value } of results) expect(value).toBeLessThanOrEqual(1);
  });

  test('send a tenth of the requests to the challenger, through a rollout and the batcher, and as many to its control', async () => {
    const traffic = await openRolloutTraffic({
      seed: 5,
      rates: { challenger: 0.02, champion: 0.02 },
      outages: false,
      strategy: canary({ steps: [{ weight: 0.1, minRequests: 1_000_000 }] }),
      guardrails: [errorsGuardrail()],
    });
    for (let tick = 0; tick < 1500; tick++) await traffic.tick();
    await traffic.rollout.look();
    const evidence = traffic.rollout.describe().arms.find(({ arm }) => arm === 'canary')?.evidence;
    const { arms } = traffic.rollout.rolloutStats();
    await traffic.close();
    const all = (arms.champion?.requests ?? 0) + (arms.canary?.requests ?? 0);
    expect(Math.abs((arms.canary?.requests ?? 0) / all - 0.1)).toBeLessThan(0.02);
    expect(Math.abs((evidence?.controlRequests ?? 0) / (evidence?.requests ?? 1) - 1)).toBeLessThan(0.25);
    expect(evidence?.guardrails[0]?.blocks).toBeGreaterThan(100);
    expect(Math.abs((evidence?.failedRequests ?? 0) / (evidence?.requests ?? 1) - 0.02)).toBeLessThan(0.02);
  });
});
