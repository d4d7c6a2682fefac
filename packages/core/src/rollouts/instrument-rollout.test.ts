import { expect, it } from 'vitest';
import { createRegistry, toOpenMetrics } from '../metrics';
import { failure } from '../resilience/scripted-runner.fixture';
import { instrumentRollout } from './instrument-rollout';
import { setUpRollout } from './rollout.fixture';
import { canary } from './strategies/canary';

it('shows weights, requests, decisions and evidence, and takes gauges back', async () => {
  const registry = createRegistry();
  const { rollout, send } = await setUpRollout(
    { strategy: canary({ steps: [{ weight: 0.5, minRequests: 1e9 }] }), breaker: { failures: 1e6 }, lookEveryMs: 1e9 },
    { challenger: (call) => (call === 3 ? { error: failure('RUN_FAILED') } : {}) },
  );
  const metrics = instrumentRollout(registry, rollout);
  const ends = await send(60);
  const asked = ends.filter((who) => who === 'canary').length + 1;
  const text = toOpenMetrics(registry);
  const lines = [
    'ml_rollout_weight{rollout="digits",arm="canary"} 0.5',
    `ml_rollout_requests_total{rollout="digits",arm="canary"} ${asked}`,
    'ml_rollout_failures_total{rollout="digits",arm="canary"} 1',
    'ml_rollout_fallbacks_total{rollout="digits",arm="canary",reason="failed"} 1',
    'ml_rollout_decisions_total{rollout="digits",decision="rollback"} 0',
    'ml_rollout_status{rollout="digits",ml_rollout_status="running"} 1',
    'ml_rollout_degraded{rollout="digits"} 0',
  ];
  for (const line of lines) expect(text).toContain(line);
  expect(text).toMatch(/ml_rollout_evidence_blocks\{rollout="digits",arm="canary",guardrail="errors"\} [1-9]/);
  expect(text).toMatch(/ml_rollout_evidence_harm\{rollout="digits",arm="canary",guardrail="errors"\} [\d.]+/);
  await rollout.rollback();
  expect(toOpenMetrics(registry)).toContain('ml_rollout_decisions_total{rollout="digits",decision="rollback"} 1');
  await metrics.close();
  const after = toOpenMetrics(registry);
  expect(after).not.toContain('ml_rollout_weight{');
  expect(after).not.toContain('ml_rollout_evidence_harm{');
  expect(after).toContain('ml_rollout_requests_total{');
  await rollout.close();
});
