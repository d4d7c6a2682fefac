import { type Closeable, closeable } from '../lifecycle';
import type { Registry } from '../metrics';
import { championArm, type RolloutStatus } from './contracts';
import { createShadowMetrics } from './instrument-shadows';
import type { RolloutRunner } from './rollout-runner';

/** What {@link instrumentRollout} reads of a rollout. */
export type InstrumentableRollout = Pick<RolloutRunner, 'describe' | 'rolloutStats'>;

const statuses: readonly RolloutStatus[] = [
  'idle',
  'running',
  'paused',
  'waiting-for-approval',
  'promoted',
  'rolled-back',
  'aborted',
];

/**
 * Keeps metrics of a rollout, filled whenever the registry is collected. Every family has the label `rollout`; what is of an arm
 * has `arm` too, `champion` among them. Counters are this process's; weights, evidence and status are those that the replicas share.
 *
 * | Family | Meaning |
 * |---|---|
 * | `ml_rollout_status{ml_rollout_status}` | where it stands |
 * | `ml_rollout_weight{arm}` | share of the traffic, 0 to 1 |
 * | `ml_rollout_requests_total{arm}`, `ml_rollout_failures_total{arm}` | requests that an arm was given, and those that it failed at |
 * | `ml_rollout_fallbacks_total{arm,reason}` | requests that the champion answered in its place: it `failed`, or was left alone (`open`) |
 * | `ml_rollout_decisions_total{decision}` | `step`, `promote`, `rollback` and `abort`, as decided in this process |
 * | `ml_rollout_looks_total`, `ml_rollout_store_failures_total` | looks at the evidence, and calls of the store that failed |
 * | `ml_rollout_evidence_blocks{arm,guardrail}` | pairs of blocks that were compared |
 * | `ml_rollout_evidence_harm{arm,guardrail}`, `ml_rollout_evidence_non_inferiority{arm,guardrail}` | e-values |
 * | `ml_rollout_evidence_difference{arm,guardrail}` | challenger less control, in the unit of the guardrail |
 * | `ml_rollout_evidence_alpha{arm,guardrail}` | harm is where `ml_rollout_evidence_harm` reaches 1 / this |
 * | `ml_rollout_reward_mean{arm}`, `ml_rollout_rewards{arm}` | what a strategy that learns goes by |
 * | `ml_rollout_sample_ratio_p_value`, `ml_rollout_sample_ratio_mismatch` | whether arms get the shares that they should; 1 where they do not |
 * | `ml_rollout_degraded` | 1 while it decides nothing, or not with the others |
 *
 * Where shadows are among its observers, they have families too, with the label `shadow`:
 *
 * | Family | Meaning |
 * |---|---|
 * | `ml_rollout_shadow_requests_total`, `ml_rollout_shadow_mirrored_total`, `ml_rollout_shadow_waiting` | requests that it saw, that were copied, and that wait to be compared |
 * | `ml_rollout_shadow_comparisons_total{against}` | answers compared with the `champion`, and of the champion with `itself` |
 * | `ml_rollout_shadow_shed_total{reason}`, `ml_rollout_shadow_failures_total`, `ml_rollout_shadow_postponed_total` | requests that it was spared and that it failed at, moments that it let pass |
 * | `ml_rollout_shadow_overlapped_total` | requests that were under way while it ran |
 * | `ml_rollout_shadow_disagreement_ratio{measure}` | how much its answers disagree: `tolerance`, `top`, `rank` |
 * | `ml_rollout_shadow_disagreement_excess{measure,bound}` | beyond the champion's own noise: the `difference` with its bounds `lower` and `upper` |
 * | `ml_rollout_shadow_lag_seconds`, `ml_rollout_shadow_budget_used_ratio` | how far it is behind, and what part of its budget of time it took |
 *
 * @returns closing it stops the recording and takes back gauges and states; counters stay
 * @throws FairleadError `ALREADY_EXISTS` when the registry has other families of these names
 */
export function instrumentRollout(registry: Registry, rollout: InstrumentableRollout): Closeable {
  const ofArm = ['rollout', 'arm'] as const;
  const ofGuardrail = ['rollout', 'arm', 'guardrail'] as const;
  const before = rollout.describe();
  const { name } = before;
  const of = { rollout: name };
  // What the replicas share each process tells: of several in one exposition it is not to be added up.
  const gauge = <const L extends string>(
    suffix: string,
    help: string,
    labels: readonly L[],
    aggregation: 'max' | 'min' | 'last' = 'max',
  ) => registry.gauge<L>({ name: `ml_rollout_${suffix}`, help, labels, aggregation });
  const counter = <const L extends string>(suffix: string, help: string, labels: readonly L[]) =>
    registry.counter<L>({ name: `ml_rollout_${suffix}`, help, labels });

  const status = registry.stateSet({
    name: 'ml_rollout_status',
    help: 'Where a rollout stands.',
    labels: ['rollout'],
    states: statuses,
  });
  const weight = gauge('weight', 'Share of the traffic that an arm gets.', ofArm);
  const requests = counter('requests', 'Requests that an arm was given.', ofArm);
  const failures = counter('failures', 'Requests that an arm failed at.', ofArm);
  const fallbacks = counter('fallbacks', 'Requests that the champion answered in the place of an arm.', [
    ...ofArm,
    'reason',
  ] as const);
  const decisions = counter('decisions', 'What was decided in this process.', ['rollout', 'decision'] as const);
  const looks = counter('looks', 'Looks at the evidence.', ['rollout'] as const);
  const storeFailures = counter('store_failures', 'Calls of the store that failed.', ['rollout'] as const);
  const blocks = gauge('evidence_blocks', 'Pairs of blocks that were compared.', ofGuardrail);
  const harm = gauge(
    'evidence_harm',
    'Evidence that an arm is worse by more than the margin, as an e-value.',
    ofGuardrail,
  );
  const fair = gauge(
    'evidence_non_inferiority',
    'Evidence that an arm is not worse by more than the margin, as an e-value.',
    ofGuardrail,
  );
  const difference = gauge(
    'evidence_difference',
    'Challenger less control, in the unit of the guardrail.',
    ofGuardrail,
    'last',
  );
  const alpha = gauge('evidence_alpha', 'Harm is where the evidence of it reaches 1 / this.', ofGuardrail);
  const ratio = gauge(
    'sample_ratio_p_value',
    'Whether arms get the shares that they should.',
    ['rollout'] as const,
    'min',
  );
  const mismatch = gauge('sample_ratio_mismatch', '1 where arms do not get their shares.', ['rollout'] as const);
  const degraded = gauge('degraded', '1 while it decides nothing, or not with the others.', ['rollout'] as const);

  /** Strategies that learn have them, from their first state on. */
  const registerRewards = () => ({
    mean: gauge('reward_mean', 'Mean of the rewards that a strategy has learnt of an arm.', ofArm, 'last'),
    count: gauge('rewards', 'Rewards that it goes by.', ofArm),
  });
  let rewards: ReturnType<typeof registerRewards> | undefined;

  const counted = new Map<string, number>();
  /** What came to a number that only grows since it was written last. */
  const since = (what: string, now: number): number => {
    const then = counted.get(what) ?? 0;
    counted.set(what, now);
    return now - then;
  };
  const seen = new Set<string>();
  const shadows = before.shadows.length > 0 ? createShadowMetrics(registry, name, since) : undefined;

  const count = (): void => {
    const stats = rollout.rolloutStats();
    for (const [arm, did] of Object.entries(stats.arms)) {
      const labels = { ...of, arm };
      requests.bind(labels).inc(since(`${arm}/requests`, did.requests));
      failures.bind(labels).inc(since(`${arm}/failures`, did.failures));
      if (arm === championArm) continue;
      fallbacks.bind({ ...labels, reason: 'failed' }).inc(since(`${arm}/failed`, did.fellBack));
      fallbacks.bind({ ...labels, reason: 'open' }).inc(since(`${arm}/open`, did.diverted));
    }
    for (const [decision, times] of Object.entries(stats.decisions)) {
      decisions.bind({ ...of, decision }).inc(since(`decision/${decision}`, times));
    }
    looks.bind(of).inc(since('looks', stats.looks));
    storeFailures.bind(of).inc(since('store', stats.storeFailures));
  };

  const show = (): void => {
    const now = rollout.describe();
    status.bind(of).set(now.status);
    degraded.bind(of).set(now.degraded.length > 0 ? 1 : 0);
    ratio.bind(of).set(now.sampleRatio?.pValue ?? 1);
    mismatch.bind(of).set(now.sampleRatio?.isMismatch === true ? 1 : 0);
    for (const { arm, weight: share, evidence, reward } of now.arms) {
      weight.bind({ ...of, arm }).set(share);
      if (reward !== undefined) {
        rewards ??= registerRewards();
        rewards.count.bind({ ...of, arm }).set(reward.rewards);
        if (reward.mean !== undefined) rewards.mean.bind({ ...of, arm }).set(reward.mean);
      }
      for (const found of evidence?.guardrails ?? []) {
        const { guardrail } = found;
        const labels = { ...of, arm, guardrail };
        seen.add(JSON.stringify(labels));
        blocks.bind(labels).set(found.blocks);
        harm.bind(labels).set(found.harm.eValue);
        fair.bind(labels).set(found.nonInferiority.eValue);
        difference.bind(labels).set(found.estimate.difference);
        alpha.bind(labels).set(found.alpha);
      }
    }
    shadows?.write(now.shadows);
  };

  const write = (): void => {
    count();
    show();
  };
  write();
  const stop = registry.onCollect(write);
  return closeable(() => {
    stop();
    count();
    for (const family of [ratio, mismatch, degraded]) family.remove(of);
    status.remove(of);
    const after = rollout.describe();
    shadows?.close(after.shadows);
    for (const { arm } of after.arms) {
      for (const family of [weight, rewards?.mean, rewards?.count]) family?.remove({ ...of, arm });
    }
    for (const labels of seen) {
      for (const family of [blocks, harm, fair, difference, alpha]) family.remove(JSON.parse(labels));
    }
  });
}
