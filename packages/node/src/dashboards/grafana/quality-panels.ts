import { modelLabels } from '../promql';
import { modelLegend, ofModel, type PanelRecipe } from './panel-recipe';

const model = modelLabels;
const byCheck = [...model, 'rule', 'feature'];
const checkLegend = ofModel('{{feature}} {{rule}}');

/** Panels about monitors of data quality: what `instrumentQuality` tells. */
export const qualityPanels: readonly PanelRecipe[] = [
  {
    section: 'Data quality',
    title: 'Data quality over time',
    kind: 'states',
    unit: 'none',
    width: 24,
    height: 5,
    families: ['ml_data_quality_state'],
    note: 'Of several processes, the worst.',
    queries: (queries) => [{ expr: queries.stateIndex('ml_data_quality_state', model), legend: modelLegend }],
  },
  {
    section: 'Data quality',
    title: 'Rules over time',
    kind: 'states',
    unit: 'none',
    width: 24,
    height: 10,
    families: ['ml_data_quality_check_state'],
    note: 'The 30 that are worst.',
    queries: (queries) => [
      { expr: `topk(30, ${queries.stateIndex('ml_data_quality_check_state', byCheck)})`, legend: checkLegend },
    ],
  },
  {
    section: 'Data quality',
    title: 'Values that break a rule',
    kind: 'lines',
    unit: 'percentunit',
    width: 12,
    min: 0,
    families: ['ml_data_quality_violations', 'ml_data_quality_tested'],
    queries: (queries) => {
      const [broken, tested] = ['ml_data_quality_violations', 'ml_data_quality_tested'].map((family) =>
        queries.rate(family, byCheck),
      );
      return [{ expr: `${broken} / ${tested}`, legend: checkLegend }];
    },
  },
  {
    section: 'Data quality',
    title: 'Age of the data',
    kind: 'lines',
    unit: 's',
    width: 12,
    min: 0,
    families: ['ml_data_freshness_seconds'],
    queries: (queries) => [{ expr: queries.value('max', 'ml_data_freshness_seconds', byCheck), legend: checkLegend }],
  },
  {
    section: 'Data quality',
    title: 'Rows that were checked',
    kind: 'lines',
    unit: 'rowsps',
    width: 8,
    min: 0,
    families: ['ml_data_quality_rows_seen', 'ml_data_quality_rows_checked'],
    queries: (queries) => [
      { expr: queries.rate('ml_data_quality_rows_seen', model), legend: ofModel('went by') },
      { expr: queries.rate('ml_data_quality_rows_checked', model), legend: ofModel('checked') },
    ],
  },
  {
    section: 'Data quality',
    title: 'Rows that were not checked, by reason',
    kind: 'stack',
    unit: 'rowsps',
    width: 8,
    min: 0,
    families: ['ml_data_quality_rows_unchecked'],
    queries: (queries) => [
      { expr: queries.rate('ml_data_quality_rows_unchecked', [...model, 'reason']), legend: ofModel('{{reason}}') },
    ],
  },
  {
    section: 'Data quality',
    title: 'Tests of rules that threw',
    kind: 'bars',
    unit: 'short',
    width: 4,
    min: 0,
    families: ['ml_data_quality_test_errors'],
    queries: (queries) => [{ expr: queries.increase('ml_data_quality_test_errors', model), legend: modelLegend }],
  },
  {
    section: 'Data quality',
    title: 'Time that checking takes',
    kind: 'lines',
    unit: 'percentunit',
    width: 4,
    min: 0,
    families: ['ml_data_quality_cpu_share_ratio'],
    queries: (queries) => [
      { expr: queries.value('max', 'ml_data_quality_cpu_share_ratio', model), legend: modelLegend },
    ],
  },
];
