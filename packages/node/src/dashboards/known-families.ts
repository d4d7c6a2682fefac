import type { Families, Family } from './families';
import { modelLabels } from './promql';

/** The rows of the dashboard, in the order in which a reader asks. */
export const sections = [
  'Overview',
  'Server',
  'Serving',
  'Batches and queue',
  'Lanes',
  'Model versions',
  'Rollouts',
  'Cache',
  'Resilience',
  'Drift',
  'Performance',
  'Data quality',
  'Alerts',
  'Other metrics',
  'Metrics about the metrics',
] as const;

/** A row of the dashboard. */
export type Section = (typeof sections)[number];

/** The types of the families that have panels or alerts of their own; one of another type is somebody else's. */
const knownTypes = {
  ml_server_request_success: 'counter',
  ml_server_request_failure: 'counter',
  ml_server_request_duration_seconds: 'histogram',
  ml_server_pending_requests: 'gauge',
  ml_prediction_request_success: 'counter',
  ml_prediction_request_failure: 'counter',
  ml_prediction_rows: 'counter',
  ml_prediction_batches: 'counter',
  ml_prediction_batch_failures: 'counter',
  ml_prediction_duration_seconds: 'histogram',
  ml_prediction_queue_duration_seconds: 'histogram',
  ml_prediction_compute_duration_seconds: 'histogram',
  ml_prediction_batch_rows: 'histogram',
  ml_prediction_pending_requests: 'gauge',
  ml_prediction_pending_rows: 'gauge',
  ml_prediction_batches_in_flight: 'gauge',
  ml_model: 'info',
  ml_model_load_duration_seconds: 'gauge',
  ml_model_swaps: 'counter',
  ml_model_swap_failures: 'counter',
  ml_model_device_fallbacks: 'counter',
  ml_lane_losses: 'counter',
  ml_lane_restarts: 'counter',
  ml_lane_busy_seconds: 'counter',
  ml_lane_memory_bytes: 'gauge',
  ml_rollout_status: 'stateset',
  ml_rollout_weight: 'gauge',
  ml_rollout_requests: 'counter',
  ml_rollout_failures: 'counter',
  ml_rollout_fallbacks: 'counter',
  ml_rollout_decisions: 'counter',
  ml_rollout_looks: 'counter',
  ml_rollout_store_failures: 'counter',
  ml_rollout_evidence_blocks: 'gauge',
  ml_rollout_evidence_harm: 'gauge',
  ml_rollout_evidence_non_inferiority: 'gauge',
  ml_rollout_evidence_difference: 'gauge',
  ml_rollout_evidence_alpha: 'gauge',
  ml_rollout_reward_mean: 'gauge',
  ml_rollout_rewards: 'gauge',
  ml_rollout_sample_ratio_p_value: 'gauge',
  ml_rollout_sample_ratio_mismatch: 'gauge',
  ml_rollout_degraded: 'gauge',
  ml_rollout_shadow_requests: 'counter',
  ml_rollout_shadow_mirrored: 'counter',
  ml_rollout_shadow_comparisons: 'counter',
  ml_rollout_shadow_failures: 'counter',
  ml_rollout_shadow_shed: 'counter',
  ml_rollout_shadow_postponed: 'counter',
  ml_rollout_shadow_overlapped: 'counter',
  ml_rollout_shadow_waiting: 'gauge',
  ml_rollout_shadow_lag_seconds: 'gauge',
  ml_rollout_shadow_budget_used_ratio: 'gauge',
  ml_rollout_shadow_disagreement_ratio: 'gauge',
  ml_rollout_shadow_disagreement_excess: 'gauge',
  ml_cache_hits: 'counter',
  ml_cache_misses: 'counter',
  ml_cache_joined: 'counter',
  ml_cache_entries: 'gauge',
  ml_cache_bytes: 'gauge',
  ml_retries: 'counter',
  ml_retry_recoveries: 'counter',
  ml_retry_give_ups: 'counter',
  ml_circuit_state: 'stateset',
  ml_circuit_failures: 'counter',
  ml_circuit_openings: 'counter',
  ml_circuit_refusals: 'counter',
  ml_bulkhead_running: 'gauge',
  ml_bulkhead_queued: 'gauge',
  ml_bulkhead_refusals: 'counter',
  ml_bulkhead_expiries: 'counter',
  ml_timeouts: 'counter',
  ml_fallbacks: 'counter',
  ml_fallback_answers: 'counter',
  ml_fallback_too_late: 'counter',
  ml_feature_drift_score: 'gauge',
  ml_drift_state: 'stateset',
  ml_drift_evidence_log10: 'gauge',
  ml_drift_alarm_level_log10: 'gauge',
  ml_drift_warning_level_log10: 'gauge',
  ml_feature_drift_evidence_log10: 'gauge',
  ml_drift_alarms: 'counter',
  ml_drift_rows_seen: 'counter',
  ml_drift_rows_observed: 'counter',
  ml_drift_rows_skipped: 'counter',
  ml_drift_cpu_share_ratio: 'gauge',
  ml_feature_missing: 'counter',
  ml_data_quality_state: 'stateset',
  ml_data_quality_check_state: 'stateset',
  ml_data_quality_violations: 'counter',
  ml_data_quality_tested: 'counter',
  ml_data_quality_rows_seen: 'counter',
  ml_data_quality_rows_checked: 'counter',
  ml_data_quality_rows_unchecked: 'counter',
  ml_data_quality_test_errors: 'counter',
  ml_data_quality_cpu_share_ratio: 'gauge',
  ml_data_freshness_seconds: 'gauge',
  ml_alerts: 'counter',
  ml_alerts_muted: 'counter',
  ml_alert_queue_length: 'gauge',
  ml_alert_episodes_active: 'gauge',
  fairlead_metrics_dropped: 'counter',
  fairlead_metrics_folded: 'counter',
  fairlead_metrics_collect_failures: 'counter',
} satisfies Readonly<Record<string, Family['type']>>;

/** A name of the table. */
export type KnownName = keyof typeof knownTypes;

/** All names of the table. */
export const knownNames = Object.keys(knownTypes) as readonly KnownName[];

/** Whether the source has a family of that name which is the one that Fairlead's instruments register. */
export function hasKnown(families: Families, name: KnownName): boolean {
  return families.find(name)?.type === knownTypes[name];
}

/** Beginnings of names, without the registry's prefix, and the row in which such families are at home. */
const homes: readonly (readonly [start: RegExp, section: Section])[] = [
  [/^fairlead_metrics_/, 'Metrics about the metrics'],
  [/(^|_)ml_rollout_/, 'Rollouts'],
  [/(^|_)ml_data_/, 'Data quality'],
  [/(^|_)ml_feature_(missing|invalid|unseen|range|type|fresh)/, 'Data quality'],
  [/(^|_)ml_(drift|feature|embedding)_/, 'Drift'],
  [/(^|_)ml_(estimated_)?performance_/, 'Performance'],
  [/(^|_)ml_(label|labels|reward|calibration|prediction_log|estimate)_/, 'Performance'],
  [/(^|_)ml_alerts?(_|$)/, 'Alerts'],
  [/(^|_)ml_lane_/, 'Lanes'],
  [/(^|_)ml_model(_|$)/, 'Model versions'],
  [/(^|_)ml_cache_/, 'Cache'],
  [/(^|_)ml_(retr|circuit_|bulkhead_|timeout|fallback)/, 'Resilience'],
  [/(^|_)ml_prediction_/, 'Serving'],
  [/(^|_)ml_server_/, 'Server'],
];

/** The row of a family that has no panel of its own. */
export function sectionOf({ name }: Family): Section {
  return homes.find(([start]) => start.test(name))?.[1] ?? 'Other metrics';
}

/** Whether the series of a family tell models and their versions apart. */
export function isAboutModels({ labels }: Pick<Family, 'labels'>): boolean {
  return modelLabels.every((label) => labels.includes(label));
}

/** A family that is there as long as its process is scraped, and says best which models there are. */
export function anchorOf(families: Families): Family {
  const candidates = (['ml_model', 'ml_drift_state'] as const).filter((name) => hasKnown(families, name));
  const [first] = candidates;
  if (first !== undefined) return families.get(first);
  const aboutModels = families.all.find(isAboutModels);
  const own = families.all.find(({ name }) => !name.startsWith('fairlead_metrics_'));
  return aboutModels ?? own ?? (families.all[0] as Family);
}
