import { matching } from '../promql';
import type { PanelRecipe } from './panel-recipe';

const ofArm = ['rollout', 'arm'] as const;
const ofGuardrail = [...ofArm, 'guardrail'] as const;
const ofShadow = ['rollout', 'shadow'] as const;
const armLegend = '{{rollout}} · {{arm}}';
const guardrailLegend = `${armLegend} · {{guardrail}}`;
const shadowLegend = '{{rollout}} · {{shadow}}';

/** The logarithm of evidence, without the depths in which nothing is to be told apart. */
const logarithm = (evidence: string): string => `log10(clamp_min(${evidence}, 0.01))`;

/** Panels about rollouts: what `instrumentRollout` tells. Of several processes, all know what they share. */
export const rolloutPanels: readonly PanelRecipe[] = [
  {
    section: 'Rollouts',
    title: 'Where rollouts stand',
    kind: 'states',
    unit: 'none',
    width: 24,
    height: 5,
    families: ['ml_rollout_status'],
    queries: (queries) => [{ expr: queries.stateIndex('ml_rollout_status', ['rollout']), legend: '{{rollout}}' }],
  },
  {
    section: 'Rollouts',
    title: 'Shares of the traffic',
    kind: 'lines',
    unit: 'percentunit',
    width: 8,
    min: 0,
    max: 1,
    families: ['ml_rollout_weight'],
    queries: (queries) => [{ expr: queries.value('max', 'ml_rollout_weight', ofArm), legend: armLegend }],
  },
  {
    section: 'Rollouts',
    title: 'Requests by arm',
    kind: 'stack',
    unit: 'reqps',
    width: 8,
    min: 0,
    families: ['ml_rollout_requests'],
    queries: (queries) => [{ expr: queries.rate('ml_rollout_requests', ofArm), legend: armLegend }],
  },
  {
    section: 'Rollouts',
    title: 'Decisions',
    kind: 'bars',
    unit: 'short',
    width: 8,
    min: 0,
    families: ['ml_rollout_decisions'],
    queries: (queries) => [
      {
        expr: queries.increase('ml_rollout_decisions', ['rollout', 'decision']),
        legend: '{{rollout}} · {{decision}}',
      },
    ],
  },
  {
    section: 'Rollouts',
    title: 'Evidence of harm',
    kind: 'lines',
    unit: 'short',
    width: 12,
    min: 0,
    families: ['ml_rollout_evidence_harm', 'ml_rollout_evidence_alpha'],
    note: 'Logarithms to base 10. Where the line of a guardrail reaches that at which it decides, the challenger is rolled back.',
    queries: (queries) => [
      {
        expr: logarithm(queries.value('max', 'ml_rollout_evidence_harm', ofGuardrail)),
        legend: guardrailLegend,
      },
      {
        expr: `-log10(${queries.value('min', 'ml_rollout_evidence_alpha', ['rollout'])})`,
        legend: '{{rollout}} · decides from here on',
      },
    ],
  },
  {
    section: 'Rollouts',
    title: 'Evidence that it is no worse',
    kind: 'lines',
    unit: 'short',
    width: 12,
    families: ['ml_rollout_evidence_non_inferiority'],
    note: 'Logarithms to base 10.',
    queries: (queries) => [
      {
        expr: logarithm(queries.value('max', 'ml_rollout_evidence_non_inferiority', ofGuardrail)),
        legend: guardrailLegend,
      },
    ],
  },
  {
    section: 'Rollouts',
    title: 'Challenger less control',
    kind: 'lines',
    unit: 'short',
    width: 8,
    families: ['ml_rollout_evidence_difference'],
    queries: (queries) => [
      { expr: queries.value('max', 'ml_rollout_evidence_difference', ofGuardrail), legend: guardrailLegend },
    ],
  },
  {
    section: 'Rollouts',
    title: 'Pairs of blocks that were compared',
    kind: 'lines',
    unit: 'short',
    width: 8,
    min: 0,
    families: ['ml_rollout_evidence_blocks'],
    queries: (queries) => [
      { expr: queries.value('max', 'ml_rollout_evidence_blocks', ofGuardrail), legend: guardrailLegend },
    ],
  },
  {
    section: 'Rollouts',
    title: 'Failures by arm',
    kind: 'lines',
    unit: 'reqps',
    width: 8,
    min: 0,
    families: ['ml_rollout_failures', 'ml_rollout_fallbacks'],
    note: 'And the answers that the champion gave in the place of another arm.',
    queries: (queries) => [
      { expr: queries.rate('ml_rollout_failures', ofArm), legend: `failed · ${armLegend}` },
      {
        expr: queries.rate('ml_rollout_fallbacks', [...ofArm, 'reason']),
        legend: `champion stepped in ({{reason}}) · ${armLegend}`,
      },
    ],
  },
  {
    section: 'Rollouts',
    title: 'Sample ratio',
    kind: 'lines',
    unit: 'short',
    width: 8,
    min: 0,
    max: 1,
    families: ['ml_rollout_sample_ratio_p_value', 'ml_rollout_sample_ratio_mismatch'],
    note: 'A p-value that holds at every look; below 0.001 arms do not get their shares, and no other number of the rollout can be believed.',
    queries: (queries) => [
      { expr: queries.value('min', 'ml_rollout_sample_ratio_p_value', ['rollout']), legend: 'p · {{rollout}}' },
      {
        expr: queries.value('max', 'ml_rollout_sample_ratio_mismatch', ['rollout']),
        legend: 'mismatch · {{rollout}}',
      },
    ],
  },
  {
    section: 'Rollouts',
    title: 'Degraded',
    kind: 'lines',
    unit: 'short',
    width: 8,
    min: 0,
    families: ['ml_rollout_degraded', 'ml_rollout_store_failures', 'ml_rollout_looks'],
    note: 'Processes in which a rollout decides nothing, or not with the others; calls of the store that failed, and looks, a second.',
    queries: (queries) => [
      { expr: queries.value('sum', 'ml_rollout_degraded', ['rollout']), legend: 'degraded · {{rollout}}' },
      { expr: queries.rate('ml_rollout_store_failures', ['rollout']), legend: 'store failures · {{rollout}}' },
      { expr: queries.rate('ml_rollout_looks', ['rollout']), legend: 'looks · {{rollout}}' },
    ],
  },
  {
    section: 'Rollouts',
    title: 'Mean reward by arm',
    kind: 'lines',
    unit: 'short',
    width: 8,
    families: ['ml_rollout_reward_mean'],
    queries: (queries) => [{ expr: queries.value('max', 'ml_rollout_reward_mean', ofArm), legend: armLegend }],
  },
  {
    section: 'Rollouts',
    title: 'Rewards by arm',
    kind: 'lines',
    unit: 'short',
    width: 8,
    min: 0,
    families: ['ml_rollout_rewards'],
    queries: (queries) => [{ expr: queries.value('max', 'ml_rollout_rewards', ofArm), legend: armLegend }],
  },
  {
    section: 'Rollouts',
    title: 'Shadow: disagreement with the champion',
    kind: 'lines',
    unit: 'percentunit',
    width: 12,
    families: ['ml_rollout_shadow_disagreement_ratio', 'ml_rollout_shadow_disagreement_excess'],
    note: 'What it is shown to disagree in is the lower bound.',
    queries: (queries) => [
      {
        expr: queries.value('max', 'ml_rollout_shadow_disagreement_ratio', [...ofShadow, 'measure']),
        legend: `disagrees · ${shadowLegend} · {{measure}}`,
      },
      ...['difference', 'lower'].map((bound) => ({
        expr: queries.value('max', 'ml_rollout_shadow_disagreement_excess', [...ofShadow, 'measure'], {
          where: [matching('bound', '=', bound)],
        }),
        legend: `${bound === 'lower' ? 'shown' : 'beyond noise'} · ${shadowLegend} · {{measure}}`,
      })),
    ],
  },
  {
    section: 'Rollouts',
    title: 'Shadow: requests and comparisons',
    kind: 'lines',
    unit: 'reqps',
    width: 12,
    min: 0,
    families: [
      'ml_rollout_shadow_requests',
      'ml_rollout_shadow_mirrored',
      'ml_rollout_shadow_comparisons',
      'ml_rollout_shadow_failures',
    ],
    queries: (queries) => [
      { expr: queries.rate('ml_rollout_shadow_requests', ofShadow), legend: `seen · ${shadowLegend}` },
      { expr: queries.rate('ml_rollout_shadow_mirrored', ofShadow), legend: `copied · ${shadowLegend}` },
      {
        expr: queries.rate('ml_rollout_shadow_comparisons', [...ofShadow, 'against']),
        legend: `compared with {{against}} · ${shadowLegend}`,
      },
      { expr: queries.rate('ml_rollout_shadow_failures', ofShadow), legend: `failed · ${shadowLegend}` },
    ],
  },
  {
    section: 'Rollouts',
    title: 'Shadow: requests that it was spared',
    kind: 'lines',
    unit: 'reqps',
    width: 8,
    min: 0,
    families: ['ml_rollout_shadow_shed', 'ml_rollout_shadow_postponed', 'ml_rollout_shadow_overlapped'],
    note: 'Beside them, moments that it let pass, and requests that it met.',
    queries: (queries) => [
      {
        expr: queries.rate('ml_rollout_shadow_shed', [...ofShadow, 'reason']),
        legend: `{{reason}} · ${shadowLegend}`,
      },
      { expr: queries.rate('ml_rollout_shadow_postponed', ofShadow), legend: `moments let pass · ${shadowLegend}` },
      { expr: queries.rate('ml_rollout_shadow_overlapped', ofShadow), legend: `met · ${shadowLegend}` },
    ],
  },
  {
    section: 'Rollouts',
    title: 'Shadow: how far it is behind',
    kind: 'lines',
    unit: 's',
    width: 8,
    min: 0,
    families: ['ml_rollout_shadow_lag_seconds'],
    queries: (queries) => [
      { expr: queries.value('max', 'ml_rollout_shadow_lag_seconds', ofShadow), legend: shadowLegend },
    ],
  },
  {
    section: 'Rollouts',
    title: 'Shadow: requests that wait',
    kind: 'lines',
    unit: 'short',
    width: 8,
    min: 0,
    families: ['ml_rollout_shadow_waiting'],
    queries: (queries) => [{ expr: queries.value('sum', 'ml_rollout_shadow_waiting', ofShadow), legend: shadowLegend }],
  },
  {
    section: 'Rollouts',
    title: 'Shadow: budget used',
    kind: 'lines',
    unit: 'percentunit',
    width: 8,
    min: 0,
    families: ['ml_rollout_shadow_budget_used_ratio'],
    queries: (queries) => [
      { expr: queries.value('max', 'ml_rollout_shadow_budget_used_ratio', ofShadow), legend: shadowLegend },
    ],
  },
];
