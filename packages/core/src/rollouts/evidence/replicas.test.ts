import { describe, expect, it } from 'vitest';
import { createRandom } from '../../monitoring/random';
import type { Block, Guardrail, Tally } from '../contracts';
import { latencyGuardrail } from './guardrails';
import { createSequentialTest } from './sequential-test';
import { mergeTallies } from './tally';

/* Whether the evidence of replicas that share what is slow keeps its error rate, looked at after every exchange. */

const alpha = 0.05;
const replicaCount = 10;

interface Play {
  /** Whether any look of a run found harm. */
  readonly isHarm: boolean;
  readonly blocks: number;
}

/**
 * A run of ten replicas, of which five begin halfway. Requests of a block share its load, replicas are up to four times as fast as one
 * another, and the service becomes slower in the middle, for both arms.
 */
function play(seed: number, slowdown: number): Play {
  const random = createRandom(seed);
  const guardrails = Array.from({ length: replicaCount }, () => latencyGuardrail({ margin: 0 }));
  const test = createSequentialTest(guardrails[0] as Guardrail, alpha);
  const speeds = guardrails.map(() => 1 + 3 * random());
  let sum: Tally = {};
  let evidence = test.start();
  for (let round = 0; round < 40; round++) {
    let gathered: Tally = {};
    guardrails.forEach((guardrail, replica) => {
      if (replica >= replicaCount / 2 && round < 20) return;
      const latencies = (factor: number): readonly number[] => {
        const load = (round > 25 ? 2 : 1) * Math.exp(random() - 0.5) * (speeds[replica] ?? 1) * factor;
        return Array.from({ length: 4 }, () => load / (1 - 0.98 * random()));
      };
      const block = (arm: string, latenciesMs: readonly number[]): Block => {
        return { arm, startedAt: round, endedAt: round, requests: 4, failedRequests: 0, latenciesMs };
      };
      for (let pair = 0; pair < 3; pair++) {
        const challenger = guardrail.measure(block('canary', latencies(slowdown)));
        const control = guardrail.measure(block('champion', latencies(1)));
        if (challenger !== undefined && control !== undefined) evidence = test.observe(evidence, challenger, control);
      }
      gathered = mergeTallies(gathered, guardrail.shared?.take() ?? {});
    });
    sum = mergeTallies(sum, gathered);
    for (const { shared } of guardrails) shared?.setKnown(sum);
    if (test.assess(evidence).verdict === 'harm') return { isHarm: true, blocks: test.assess(evidence).blocks };
  }
  return { isHarm: false, blocks: test.assess(evidence).blocks };
}

describe('replicas that share what is slow', () => {
  it('roll back no more of what is not slower than they may', () => {
    const runs = Array.from({ length: 150 }, (_, run) => play(run + 1, 1));
    // All of them speak from the beginning on: none waits for a hundred requests of its own.
    for (const { isHarm, blocks } of runs) if (!isHarm) expect(blocks).toBeGreaterThan(800);
    // Of 150 at 5 % more than 14 are found once in a hundred.
    expect(runs.filter(({ isHarm }) => isHarm).length).toBeLessThanOrEqual(14);
  });

  it('find what is twice as slow', () => {
    const runs = Array.from({ length: 20 }, (_, run) => play(run + 1, 2));
    expect(runs.filter(({ isHarm }) => isHarm)).toHaveLength(20);
  });
});
