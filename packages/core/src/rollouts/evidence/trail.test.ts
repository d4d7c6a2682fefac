import { expect, test } from 'vitest';
import type { EvidenceSummary, GuardrailEvidence } from '../contracts';
import { createEvidenceTrail } from './trail';

function evidence(blocks: number, harm = 1): EvidenceSummary {
  const errors: GuardrailEvidence = {
    guardrail: 'errors',
    harmfulWhen: 'higher',
    margin: 0.01,
    blocks,
    harm: { eValue: harm, pValue: 1 },
    nonInferiority: { eValue: 2, pValue: 0.5 },
    estimate: { difference: 0, lower: -1, upper: 1 },
    alpha: 0.01,
    maxFalsePromotionRate: 0.05,
    verdict: 'inconclusive',
  };
  const arm = {
    arm: 'canary',
    requests: 3 * blocks,
    failedRequests: 0,
    controlRequests: 3 * blocks,
    controlFailedRequests: 0,
    guardrails: [errors],
    verdict: 'inconclusive' as const,
  };
  return { arms: { canary: arm } };
}

test('keeps e-values by requests, and nothing where nothing came', () => {
  const trail = createEvidenceTrail();
  trail.add(1000, { arms: {} });
  trail.add(1000, evidence(1));
  trail.add(2000, evidence(1));
  trail.add(3000, evidence(2, 5));
  expect(trail.points).toEqual([
    { atEpochMs: 1000, arms: { canary: { requests: 3, guardrails: { errors: { harm: 1, nonInferiority: 2 } } } } },
    { atEpochMs: 3000, arms: { canary: { requests: 6, guardrails: { errors: { harm: 5, nonInferiority: 2 } } } } },
  ]);
  trail.restart();
  expect(trail.points).toEqual([]);
  trail.add(4000, evidence(2));
  expect(trail.points).toHaveLength(1);
});

test('stays small however long it goes on, with its first point and its last', () => {
  const trail = createEvidenceTrail();
  for (let blocks = 1; blocks <= 10_000; blocks++) {
    trail.add(blocks, evidence(blocks));
    expect(trail.points.length).toBeLessThanOrEqual(120);
  }
  expect(trail.points.length).toBeGreaterThan(59);
  expect(trail.points[0]?.atEpochMs).toBe(1);
  expect(trail.points.at(-1)?.atEpochMs).toBe(10_000);
  const times = trail.points.map(({ atEpochMs }) => atEpochMs);
  expect([...times].sort((a, b) => a - b)).toEqual(times);
});
