import { describe, expect, test } from 'vitest';
import { createRandom } from '../../monitoring/random';
import type { Block } from '../contracts';
import { evenPair } from './even-pair';
import { errorsGuardrail } from './guardrails';
import { createPairing } from './pairing';
import { createSequentialTest } from './sequential-test';

const block = (given: Partial<Block>): Block => ({
  arm: 'canary',
  startedAt: 0,
  endedAt: 1,
  requests: 1,
  failedRequests: 0,
  latenciesMs: [],
  ...given,
});

describe('a pair of blocks', () => {
  test('that are equally large stays as it is, and takes no chance', () => {
    const pair = { challenger: block({ requests: 3, failedRequests: 1 }), control: block({ requests: 3 }) };
    const even = evenPair(pair, () => {
      throw new Error('Nothing is to be drawn.');
    });
    expect(even.challenger).toBe(pair.challenger);
    expect(even.control).toBe(pair.control);
  });

  test('loses requests of the larger one by chance: each is as likely to stay', () => {
    const random = createRandom(1);
    const large = block({
      arm: 'champion',
      requests: 5,
      failedRequests: 2,
      latenciesMs: [10, 20, 30],
      cost: 10,
      rewards: [1, 2, 3],
    });
    const small = block({ requests: 2, latenciesMs: [7, 7], rewards: [5] });
    const failed = [0, 0, 0];
    const kept = new Map<number, number>();
    const draws = 20_000;
    for (let draw = 0; draw < draws; draw++) {
      const { challenger, control } = evenPair({ challenger: small, control: large }, random);
      expect(challenger).toBe(small);
      expect([control.requests, control.cost, control.rewards?.length]).toEqual([2, 4, 1]);
      expect(control.latenciesMs.length).toBe(2 - control.failedRequests);
      failed[control.failedRequests] = (failed[control.failedRequests] ?? 0) + 1;
      for (const latency of control.latenciesMs) kept.set(latency, (kept.get(latency) ?? 0) + 1);
    }
    // Of the ten pairs out of five requests, two of them failed: three have none of them, six one, one both.
    expect(failed.map((count) => count / draws)).toEqual([0.3, 0.6, 0.1].map((share) => expect.closeTo(share, 1)));
    for (const latency of [10, 20, 30]) expect((kept.get(latency) ?? 0) / draws).toBeCloseTo(0.4, 1);
    expect(large.latenciesMs).toEqual([10, 20, 30]);
  });

  test('of a challenger with larger batches that fails as often is no harm', () => {
    const random = createRandom(2);
    const guardrail = errorsGuardrail({ margin: 0 });
    const sequential = createSequentialTest(guardrail, 0.05);
    const rolledBack = { even: 0, asTheyAre: 0 };
    const canaries = 300;
    for (let canary = 0; canary < canaries; canary++) {
      const pairing = createPairing<Block>();
      const tallies = { even: sequential.start(), asTheyAre: sequential.start() };
      const harmed = { even: false, asTheyAre: false };
      for (let index = 0; index < 800; index++) {
        const isChallenger = random() < 0.5;
        const requests = isChallenger ? 8 : 1;
        let failedRequests = 0;
        for (let request = 0; request < requests; request++) if (random() < 0.02) failedRequests++;
        const pair = pairing.add(isChallenger ? 'challenger' : 'control', block({ requests, failedRequests }));
        if (pair === undefined) continue;
        for (const way of ['even', 'asTheyAre'] as const) {
          const { challenger, control } = way === 'even' ? evenPair(pair, random) : pair;
          const [mine, other] = [guardrail.measure(challenger) as number, guardrail.measure(control) as number];
          tallies[way] = sequential.observe(tallies[way], mine, other);
          if (mine > other) harmed[way] ||= sequential.assess(tallies[way]).verdict === 'harm';
        }
      }
      if (harmed.even) rolledBack.even++;
      if (harmed.asTheyAre) rolledBack.asTheyAre++;
    }
    expect(rolledBack.even / canaries).toBeLessThanOrEqual(0.05);
    // What it is good for.
    expect(rolledBack.asTheyAre / canaries).toBeGreaterThan(0.3);
  });
});
