import type { KnownName } from '../known-families';
import { modelLabels } from '../promql';
import { modelLegend, ofModel, type PanelRecipe } from './panel-recipe';

const model = modelLabels;

/** A panel of the growth a second of counters, each under a name of its own. */
function rates(
  title: string,
  ...series: readonly (readonly [family: KnownName, name: string])[]
): Omit<PanelRecipe, 'section'> {
  return {
    title,
    kind: 'lines',
    unit: 'reqps',
    width: 8,
    min: 0,
    families: series.map(([family]) => family),
    queries: (queries) =>
      series.map(([family, name]) => ({ expr: queries.rate(family, model), legend: ofModel(name) })),
  };
}

/** Panels about what stands around runners: what `instrumentCache` and `instrumentResilience` tell, and the registry itself. */
export const stagePanels: readonly PanelRecipe[] = [
  {
    section: 'Cache',
    title: 'Requests answered from memory',
    kind: 'lines',
    unit: 'percentunit',
    width: 8,
    min: 0,
    max: 1,
    families: ['ml_cache_hits', 'ml_cache_misses', 'ml_cache_joined'],
    queries: (queries) => {
      const [hits, misses, joined] = ['ml_cache_hits', 'ml_cache_misses', 'ml_cache_joined'].map((family) =>
        queries.rate(family, model),
      );
      return [{ expr: `${hits} / (${hits} + ${misses} + ${joined})`, legend: modelLegend }];
    },
  },
  {
    section: 'Cache',
    ...rates(
      'Requests to the cache',
      ['ml_cache_hits', 'remembered'],
      ['ml_cache_misses', 'computed'],
      ['ml_cache_joined', 'joined'],
    ),
    kind: 'stack',
  },
  {
    section: 'Cache',
    title: 'Answers that are remembered',
    kind: 'lines',
    unit: 'short',
    width: 4,
    min: 0,
    families: ['ml_cache_entries'],
    queries: (queries) => [{ expr: queries.value('sum', 'ml_cache_entries', model), legend: modelLegend }],
  },
  {
    section: 'Cache',
    title: 'Memory of the cache',
    kind: 'lines',
    unit: 'bytes',
    width: 4,
    min: 0,
    families: ['ml_cache_bytes'],
    queries: (queries) => [{ expr: queries.value('sum', 'ml_cache_bytes', model), legend: modelLegend }],
  },
  {
    section: 'Resilience',
    title: 'Circuit breaker',
    kind: 'states',
    unit: 'none',
    width: 24,
    height: 5,
    families: ['ml_circuit_state'],
    note: 'Of several processes, the worst.',
    queries: (queries) => [{ expr: queries.stateIndex('ml_circuit_state', model), legend: modelLegend }],
  },
  {
    section: 'Resilience',
    ...rates(
      'Circuit breaker: failures and refusals',
      ['ml_circuit_failures', 'failures'],
      ['ml_circuit_openings', 'openings'],
      ['ml_circuit_refusals', 'refused'],
    ),
  },
  {
    section: 'Resilience',
    ...rates('Retries', ['ml_retries', 'further attempts'], ['ml_retry_recoveries', 'answered by one']),
  },
  {
    section: 'Resilience',
    title: 'Retries given up',
    kind: 'stack',
    unit: 'reqps',
    width: 8,
    min: 0,
    families: ['ml_retry_give_ups'],
    queries: (queries) => [
      { expr: queries.rate('ml_retry_give_ups', [...model, 'reason']), legend: ofModel('{{reason}}') },
    ],
  },
  {
    section: 'Resilience',
    title: 'Bulkhead',
    kind: 'lines',
    unit: 'short',
    width: 8,
    min: 0,
    families: ['ml_bulkhead_running', 'ml_bulkhead_queued'],
    queries: (queries) => [
      { expr: queries.value('sum', 'ml_bulkhead_running', model), legend: ofModel('running') },
      { expr: queries.value('sum', 'ml_bulkhead_queued', model), legend: ofModel('waiting') },
    ],
  },
  {
    section: 'Resilience',
    ...rates('Turned away by the bulkhead', ['ml_bulkhead_refusals', 'refused'], ['ml_bulkhead_expiries', 'expired']),
  },
  { section: 'Resilience', ...rates('Timeouts', ['ml_timeouts', 'ended']) },
  {
    section: 'Resilience',
    ...rates(
      'Second runner',
      ['ml_fallbacks', 'asked'],
      ['ml_fallback_answers', 'answered'],
      ['ml_fallback_too_late', 'too late to ask'],
    ),
  },
  {
    section: 'Metrics about the metrics',
    title: 'Values that were not recorded',
    kind: 'bars',
    unit: 'short',
    width: 8,
    min: 0,
    families: ['fairlead_metrics_dropped'],
    queries: (queries) => [
      {
        expr: `${queries.increase('fairlead_metrics_dropped', ['family', 'reason'])} or on () vector(0)`,
        legend: '{{family}} {{reason}}',
      },
    ],
  },
  {
    section: 'Metrics about the metrics',
    title: 'Label sets past the cap of their family',
    kind: 'bars',
    unit: 'short',
    width: 8,
    min: 0,
    families: ['fairlead_metrics_folded'],
    queries: (queries) => [
      { expr: `${queries.increase('fairlead_metrics_folded', ['family'])} or on () vector(0)`, legend: '{{family}}' },
    ],
  },
  {
    section: 'Metrics about the metrics',
    title: 'Collect callbacks that failed',
    kind: 'bars',
    unit: 'short',
    width: 8,
    min: 0,
    families: ['fairlead_metrics_collect_failures'],
    queries: (queries) => [
      { expr: `${queries.increase('fairlead_metrics_collect_failures', [])} or on () vector(0)`, legend: 'failures' },
    ],
  },
];
