import { expect, it } from 'vitest';
import { createRegistry, toOpenMetrics } from '../metrics';
import { failure, pair, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { thompson } from './bandits/thompson';
import { instrumentRollout } from './instrument-rollout';
import { setUpRollout } from './rollout.fixture';
import { createShadow } from './shadow/create-shadow';
import { abTest } from './strategies/ab-test';

async function setUp() {
  const clock = createVirtualClock();
  const shadowed = scriptedRunner(clock, (call) => (call === 2 ? { error: failure('RUN_FAILED') } : {}), '3');
  const mirror = createShadow({
    champion: scriptedRunner(clock, undefined, '1'),
    shadow: shadowed,
    budget: { timeShare: 0.5, maxRequests: 4, overlapShare: 1 },
    noiseEvery: 2,
    clock,
  });
  const setup = await setUpRollout({ strategy: abTest(), observers: [mirror] }, {}, clock);
  return { ...setup, mirror };
}

it('shows what shadows did, how much they disagree, how far they are behind and what they took', async () => {
  const registry = createRegistry();
  const { rollout, send, mirror } = await setUp();
  const metrics = instrumentRollout(registry, rollout);
  await send(400);
  await send(400);
  const text = toOpenMetrics(registry);
  const stats = mirror.stats();
  expect(stats.comparisons).toBeGreaterThan(3);
  expect(stats).toMatchObject({ failures: 1, waiting: 0 });
  expect(stats.lagMs).toBeGreaterThan(0);
  const [shadow] = rollout.describe().shadows;
  expect(shadow).toMatchObject({ name: 'scripted 3', comparisons: stats.comparisons, stats });
  const disagreement = shadow?.disagreements.find(({ measure }) => measure === 'tolerance');
  expect(disagreement?.challenger.mean).toBeGreaterThan(0.5);
  const of = 'rollout="digits",shadow="scripted 3"';
  for (const line of [
    `ml_rollout_shadow_requests_total{${of}} ${stats.requests}`,
    `ml_rollout_shadow_mirrored_total{${of}} ${stats.mirrored}`,
    `ml_rollout_shadow_comparisons_total{${of},against="champion"} ${stats.comparisons}`,
    `ml_rollout_shadow_comparisons_total{${of},against="itself"} ${stats.noiseComparisons}`,
    `ml_rollout_shadow_failures_total{${of}} 1`,
    `ml_rollout_shadow_shed_total{${of},reason="full"} ${stats.shed.full}`,
    `ml_rollout_shadow_shed_total{${of},reason="unanswered"} ${stats.shed.unanswered}`,
    `ml_rollout_shadow_waiting{${of}} 0`,
    `ml_rollout_shadow_lag_seconds{${of}} ${stats.lagMs / 1000}`,
    `ml_rollout_shadow_disagreement_ratio{${of},measure="tolerance"} ${disagreement?.challenger.mean}`,
    `ml_rollout_shadow_disagreement_excess{${of},measure="tolerance",bound="difference"} ${disagreement?.excess.difference}`,
    `ml_rollout_shadow_disagreement_excess{${of},measure="tolerance",bound="lower"} ${disagreement?.excess.lower}`,
  ]) {
    expect(text).toContain(line);
  }
  expect(Number(/ml_rollout_shadow_budget_used_ratio\{[^}]*\} (\S+)/.exec(text)?.[1])).toBeCloseTo(stats.budgetUsed, 3);
  await metrics.close();
  const after = toOpenMetrics(registry);
  expect(after).not.toContain('ml_rollout_shadow_lag_seconds{');
  expect(after).not.toContain('ml_rollout_shadow_disagreement_excess{');
  expect(after).toContain('ml_rollout_shadow_requests_total{');
  await rollout.close();
  await mirror.close();
});

it('names a shadow by the arm whose model it is, and two of one model apart', async () => {
  const clock = createVirtualClock();
  const mirrorOf = (version: string) =>
    createShadow({
      champion: scriptedRunner(clock, undefined, '1'),
      shadow: scriptedRunner(clock, undefined, version),
      clock,
    });
  const mirrors = [mirrorOf('2'), mirrorOf('2'), mirrorOf('3')];
  const { rollout } = await setUpRollout({ strategy: abTest(), observers: [{}, ...mirrors] }, {}, clock);
  expect(rollout.describe().shadows.map(({ name }) => name)).toEqual(['canary', 'canary (2)', 'scripted 3']);
  await rollout.close();
  for (const mirror of mirrors) await mirror.close();
});

it('has what a bandit has learnt of its arms, and no such family for other strategies', async () => {
  const registry = createRegistry();
  const { rollout, send } = await setUpRollout({ strategy: thompson({ rewardRange: [0, 10] }) });
  const metrics = instrumentRollout(registry, rollout);
  const answering = rollout.run(pair(1));
  await send(5);
  const { rollout: told } = await answering;
  rollout.reward(told.decisionId, 8);
  expect(toOpenMetrics(registry)).toContain(`ml_rollout_reward_mean{rollout="digits",arm="${told.arm}"} 8`);
  expect(toOpenMetrics(registry)).toContain(`ml_rollout_rewards{rollout="digits",arm="${told.arm}"} 1`);
  expect(rollout.describe().arms.find(({ arm }) => arm === told.arm)?.reward).toEqual({ rewards: 1, mean: 8 });
  expect(rollout.describe().arms.find(({ arm }) => arm !== told.arm)?.reward).toEqual({ rewards: 0 });
  await metrics.close();
  expect(toOpenMetrics(registry)).not.toContain('ml_rollout_reward_mean{');
  await rollout.close();
  const other = createRegistry();
  const plain = await setUpRollout({ strategy: abTest() });
  await instrumentRollout(other, plain.rollout).close();
  expect(toOpenMetrics(other)).not.toMatch(/ml_rollout_reward|ml_rollout_shadow/);
  await plain.rollout.close();
});
