import { matching, modelLabels } from '../promql';
import { modelLegend, ofModel, type PanelRecipe } from './panel-recipe';

const model = modelLabels;
const byFeature = [...model, 'feature'];
const score = 'ml_feature_drift_score';
const featureEvidence = 'ml_feature_drift_evidence_log10';
const chosenMethod = { where: [matching('method', '=', '$method')] };

/** Panels about drift monitors: what `instrumentMonitor` tells. */
export const driftPanels: readonly PanelRecipe[] = [
  {
    section: 'Overview',
    title: 'Drift',
    kind: 'state',
    unit: 'none',
    width: 4,
    height: 6,
    families: ['ml_drift_state'],
    queries: (queries) => [{ expr: queries.stateIndex('ml_drift_state', model), legend: modelLegend }],
  },
  {
    section: 'Drift',
    title: 'State over time',
    kind: 'states',
    unit: 'none',
    width: 24,
    height: 5,
    families: ['ml_drift_state'],
    note: 'Of several processes, the worst.',
    queries: (queries) => [{ expr: queries.stateIndex('ml_drift_state', model), legend: modelLegend }],
  },
  {
    section: 'Drift',
    title: 'Evidence of drift',
    kind: 'lines',
    unit: 'short',
    width: 16,
    min: 0,
    families: ['ml_drift_evidence_log10'],
    also: ['ml_drift_alarm_level_log10', 'ml_drift_warning_level_log10'],
    queries: (queries) => [
      { expr: queries.value('max', 'ml_drift_evidence_log10', model), legend: ofModel('evidence') },
      ...['alarm', 'warning']
        .filter((level) => queries.has(`ml_drift_${level}_level_log10`))
        .map((level) => ({
          expr: queries.value('min', `ml_drift_${level}_level_log10`, model),
          legend: ofModel(`${level} from here on`),
        })),
    ],
  },
  {
    section: 'Drift',
    title: 'Alarms',
    kind: 'bars',
    unit: 'short',
    width: 8,
    min: 0,
    families: ['ml_drift_alarms'],
    queries: (queries) => [{ expr: queries.increase('ml_drift_alarms', model), legend: modelLegend }],
  },
  {
    section: 'Drift',
    title: 'Evidence of each feature',
    kind: 'lines',
    unit: 'short',
    width: 24,
    min: 0,
    families: [featureEvidence],
    note: 'The 30 features that have the most.',
    queries: (queries) => [
      { expr: `topk(30, ${queries.value('max', featureEvidence, byFeature)})`, legend: ofModel('{{feature}}') },
    ],
  },
  {
    section: 'Drift',
    title: 'Distance of each feature over time',
    kind: 'cells',
    unit: 'short',
    width: 16,
    height: 10,
    min: 0,
    families: [score],
    note: 'By the method that is chosen above, for the 30 features that are farthest now.',
    queries: (queries) => [
      { expr: `topk(30, ${queries.value('max', score, byFeature, chosenMethod)})`, legend: '{{feature}}' },
    ],
  },
  {
    section: 'Drift',
    title: 'Farthest features now',
    kind: 'table',
    unit: 'short',
    width: 8,
    height: 10,
    valueHeading: 'Distance',
    families: [score],
    note: 'By the method that is chosen above.',
    queries: (queries) => [
      { expr: `topk(30, ${queries.value('max', score, byFeature, chosenMethod)})`, legend: '{{feature}}' },
    ],
  },
  {
    section: 'Drift',
    title: 'Rows that the monitor counted',
    kind: 'lines',
    unit: 'rowsps',
    width: 8,
    min: 0,
    families: ['ml_drift_rows_seen', 'ml_drift_rows_observed'],
    queries: (queries) => [
      { expr: queries.rate('ml_drift_rows_seen', model), legend: ofModel('went by') },
      { expr: queries.rate('ml_drift_rows_observed', model), legend: ofModel('counted') },
    ],
  },
  {
    section: 'Drift',
    title: 'Rows left out, by reason',
    kind: 'stack',
    unit: 'rowsps',
    width: 8,
    min: 0,
    families: ['ml_drift_rows_skipped'],
    queries: (queries) => [
      { expr: queries.rate('ml_drift_rows_skipped', [...model, 'reason']), legend: ofModel('{{reason}}') },
    ],
  },
  {
    section: 'Drift',
    title: 'Time that the monitor takes',
    kind: 'lines',
    unit: 'percentunit',
    width: 8,
    min: 0,
    families: ['ml_drift_cpu_share_ratio'],
    queries: (queries) => [{ expr: queries.value('max', 'ml_drift_cpu_share_ratio', model), legend: modelLegend }],
  },
  {
    section: 'Data quality',
    title: 'Missing values a second',
    kind: 'stack',
    unit: 'cps',
    width: 12,
    min: 0,
    families: ['ml_feature_missing'],
    queries: (queries) => [{ expr: queries.rate('ml_feature_missing', byFeature), legend: ofModel('{{feature}}') }],
  },
  {
    section: 'Data quality',
    title: 'Rows in which a feature is missing',
    kind: 'lines',
    unit: 'percentunit',
    width: 12,
    min: 0,
    families: ['ml_feature_missing', 'ml_drift_rows_observed'],
    note: 'Of the rows that the drift monitor counted.',
    queries: (queries) => {
      const missing = queries.rate('ml_feature_missing', byFeature);
      const observed = queries.rate('ml_drift_rows_observed', model);
      return [
        { expr: `${missing} / on (${model.join(', ')}) group_left () ${observed}`, legend: ofModel('{{feature}}') },
      ];
    },
  },
];
