import { type Closeable, closeable } from '../lifecycle';
import type { Registry } from '../metrics';
import { championArm, type RolloutStatus } from './contracts';
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
 * | `ml_rollout_sample_ratio_p_value`, `ml_rollout_sample_ratio_mismatch` | whether arms get the shares that they should; 1 where they do not |
 * | `ml_rollout_degraded` | 1 while it decides nothing, or not with the others |
 *
 * @returns closing it stops the recording and takes back gauges and states; counters stay
 * @throws FairleadError `ALREADY_EXISTS` when the registry has other families of these names
 */
export function instrumentRollout(registry: Registry, rollout: InstrumentableRollout): Closeable {
  const ofArm = ['rollout', 'arm'] as const;
  const ofGuardrail = ['rollout', 'arm', 'guardrail'] as const;
  const { name } = rollout.describe();
  const of = { rollout: name };
  const gauge = <const L extends string>(suffix: string, help: string, labels: readonly L[]) =>
    registry.gauge<L>({ name: `ml_rollout_${suffix}`, help, labels });
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
  );
  const ratio = gauge('sample_ratio_p_value', 'Whether arms get the shares that they should.', ['rollout'] as const);
  const mismatch = gauge('sample_ratio_mismatch', '1 where arms do not get their shares.', ['rollout'] as const);
  const degraded = gauge('degraded', '1 while it decides nothing, or not with the others.', ['rollout'] as const);

  const counted = new Map<string, number>();
  /** What came to a number that only grows since it was written last. */
  const since = (what: string, now: number): number => {
    const before = counted.get(what) ?? 0;
    counted.set(what, now);
    return now - before;
  };
  const seen = new Set<string>();

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
    for (const { arm, weight: share, evidence } of now.arms) {
      weight.bind({ ...of, arm }).set(share);
      for (const found of evidence?.guardrails ?? []) {
        const { guardrail } = found;
        const labels = { ...of, arm, guardrail };
        seen.add(JSON.stringify(labels));
        blocks.bind(labels).set(found.blocks);
        harm.bind(labels).set(found.harm.eValue);
        fair.bind(labels).set(found.nonInferiority.eValue);
        difference.bind(labels).set(found.estimate.difference);
      }
    }
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
    for (const { arm } of rollout.describe().arms) weight.remove({ ...of, arm });
    for (const labels of seen) {
      for (const family of [blocks, harm, fair, difference]) family.remove(JSON.parse(labels));
    }
  });
}
