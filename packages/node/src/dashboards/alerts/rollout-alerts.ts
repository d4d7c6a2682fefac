import { matching } from '../promql';
import {
  type AlertContext,
  type AlertDefinition,
  beginning,
  constant,
  grown,
  lookBack,
  percentage,
  type TestSeries,
} from './definition';

const by = ['job', 'rollout'];
const ofGuardrail = [...by, 'arm', 'guardrail'];
const ofShadow = [...by, 'shadow', 'measure'];
const example = { labels: ['job'], moreLabels: { rollout: 'checkout' } };
const guarded = { ...example.moreLabels, arm: 'canary', guardrail: 'errors' };
const shadowed = { ...example.moreLabels, shadow: 'canary', measure: 'top' };

/** A rollout that stands as a state says, or does not. */
function standing({ families, series }: AlertContext, state: string, other: string, isSo: boolean): TestSeries[] {
  const label = families.get('ml_rollout_status').name;
  return [
    series('ml_rollout_status', constant(isSo ? 1 : 0), { ...example.moreLabels, [label]: state }),
    series('ml_rollout_status', constant(isSo ? 0 : 1), { ...example.moreLabels, [label]: other }),
  ];
}

/** Alerts about rollouts. */
export const rolloutAlerts: readonly AlertDefinition[] = [
  {
    alert: 'RolloutRolledBack',
    group: 'rollouts',
    severity: 'warning',
    for: '1m',
    families: ['ml_rollout_decisions'],
    define({ queries, series, forMinutes }) {
      const minutes = lookBack(15, forMinutes);
      const isRollback = matching('decision', '=', 'rollback');
      const decided = (decision: string) => ({ ...example.moreLabels, decision });
      return {
        expr: `${grown(queries, 'ml_rollout_decisions', by, minutes, [isRollback])} > 0`,
        summary: 'The rollout {{ $labels.rollout }} went back to its champion.',
        description:
          'A guardrail was harmed, or somebody took it back; the champion serves everybody. The history of the rollout has the reason and the evidence (describe().history, its report, the audit log). Mend the challenger before it starts again.',
        example: {
          ...example,
          raised: [series('ml_rollout_decisions', beginning(1), decided('rollback'))],
          quiet: [
            series('ml_rollout_decisions', constant(1), decided('rollback')),
            series('ml_rollout_decisions', beginning(3), decided('step')),
          ],
        },
      };
    },
  },
  {
    alert: 'RolloutHarmSuspected',
    group: 'rollouts',
    severity: 'warning',
    for: '5m',
    families: ['ml_rollout_evidence_harm', 'ml_rollout_evidence_alpha'],
    define({ queries, series, thresholds: { harmEvidenceRatio: limit } }) {
      const [harm, alpha] = [
        queries.value('max', 'ml_rollout_evidence_harm', ofGuardrail),
        queries.value('min', 'ml_rollout_evidence_alpha', ofGuardrail),
      ];
      const evidence = (ratio: number) => [
        series('ml_rollout_evidence_alpha', constant(0.0001), guarded),
        series('ml_rollout_evidence_harm', constant(10 ** (4 * ratio)), guarded),
      ];
      const share = (1 + limit) / 2;
      return {
        expr: `log10(${harm}) / log10(1 / ${alpha}) > ${limit}`,
        summary:
          '{{ $labels.arm }} of the rollout {{ $labels.rollout }} may harm {{ $labels.guardrail }}: the evidence is {{ $value | humanizePercentage }} of the way.',
        description:
          'The evidence that the challenger is worse than its control, as a logarithm, has come that far towards where it is rolled back by itself. See on the dashboard how large the difference is; pause the rollout or take it back where you need no more evidence.',
        example: {
          ...example,
          moreLabels: guarded,
          value: percentage(share),
          raised: evidence(share),
          quiet: evidence(limit / 2),
        },
      };
    },
  },
  {
    alert: 'RolloutSampleRatioMismatch',
    group: 'rollouts',
    severity: 'warning',
    for: '5m',
    families: ['ml_rollout_sample_ratio_mismatch'],
    define: ({ queries, series }) => ({
      expr: `${queries.value('max', 'ml_rollout_sample_ratio_mismatch', by)} == 1`,
      summary: 'The arms of the rollout {{ $labels.rollout }} do not get the shares that they should.',
      description:
        'Something is wrong with the assignment, or with what is counted, and no other number of the rollout can be believed: pause it. See whether keys are what you think they are (assignment.key), and whether some requests go by another way.',
      example: {
        ...example,
        raised: [series('ml_rollout_sample_ratio_mismatch', constant(1), example.moreLabels)],
        quiet: [series('ml_rollout_sample_ratio_mismatch', constant(0), example.moreLabels)],
      },
    }),
  },
  {
    alert: 'RolloutDegraded',
    group: 'rollouts',
    severity: 'warning',
    for: '5m',
    families: ['ml_rollout_degraded'],
    define: ({ queries, series }) => ({
      expr: `${queries.value('max', 'ml_rollout_degraded', by)} == 1`,
      summary: 'The rollout {{ $labels.rollout }} decides nothing, or not with its other processes.',
      description:
        'Its store cannot be had, a challenger is not loaded, or the store has a rollout of other models. Traffic is served all the same, by the last weights or by the champion. health() and describe().degraded of the rollout say which of it is so.',
      example: {
        ...example,
        raised: [series('ml_rollout_degraded', constant(1), example.moreLabels)],
        quiet: [series('ml_rollout_degraded', constant(0), example.moreLabels)],
      },
    }),
  },
  {
    alert: 'RolloutWaitsForApproval',
    group: 'rollouts',
    severity: 'info',
    for: '30m',
    families: ['ml_rollout_status'],
    define(context) {
      const label = context.families.get('ml_rollout_status').name;
      const isWaiting = matching(label, '=', 'waiting-for-approval');
      return {
        expr: `${context.queries.value('max', 'ml_rollout_status', by, { where: [isWaiting] })} == 1`,
        summary: 'The rollout {{ $labels.rollout }} waits for somebody to approve its next step.',
        description:
          'Its strategy asked for approval, and nobody has answered for a while. Look at the evidence, then call approve() or rollback(); the weights stay as they are until then.',
        example: {
          ...example,
          raised: standing(context, 'waiting-for-approval', 'running', true),
          quiet: standing(context, 'waiting-for-approval', 'running', false),
        },
      };
    },
  },
  {
    alert: 'RolloutShadowDisagrees',
    group: 'rollouts',
    severity: 'warning',
    for: '5m',
    families: ['ml_rollout_shadow_disagreement_excess'],
    define({ queries, series, thresholds: { shadowExcessRatio: limit } }) {
      const family = 'ml_rollout_shadow_disagreement_excess';
      const bounds = (lower: number) => [
        series(family, constant(lower), { ...shadowed, bound: 'lower' }),
        series(family, constant(1), { ...shadowed, bound: 'upper' }),
      ];
      const share = (1 + limit) / 2;
      return {
        expr: `${queries.value('max', family, ofShadow, { where: [matching('bound', '=', 'lower')] })} > ${limit}`,
        summary:
          'The shadow {{ $labels.shadow }} of {{ $labels.rollout }} answers differently ({{ $labels.measure }}), by {{ $value | humanizePercentage }} at least.',
        description:
          'Beyond what the champion disagrees with itself, the answers of the shadow are shown to differ from it by that much. Where a better model is expected to answer differently, raise the threshold (shadowExcessRatio); else find out why before it gets any traffic.',
        example: {
          ...example,
          moreLabels: shadowed,
          value: percentage(share),
          raised: bounds(share),
          quiet: bounds(limit / 2),
        },
      };
    },
  },
];
