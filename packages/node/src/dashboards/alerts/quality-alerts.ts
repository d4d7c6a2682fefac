import { matching } from '../promql';
import { type AlertDefinition, alertLabels, constant, seesTooLittle } from './definition';

const seen = 'ml_data_quality_rows_seen';
const checked = 'ml_data_quality_rows_checked';
const checkState = 'ml_data_quality_check_state';

/** Alerts about monitors of data quality. */
export const qualityAlerts: readonly AlertDefinition[] = [
  {
    alert: 'DataQualityRuleBroken',
    group: 'quality',
    severity: 'warning',
    for: '5m',
    families: [checkState],
    define({ families, queries, series }) {
      const { name, states } = families.get(checkState);
      const labels = [...alertLabels, 'rule', 'feature'];
      const moreLabels = { rule: 'range', feature: 'age' };
      const inState = (present: string) =>
        states.map((state) =>
          series(checkState, constant(state === present ? 1 : 0), { ...moreLabels, [name]: state }),
        );
      return {
        expr: `${queries.value('max', checkState, labels, { where: [matching(name, '=', 'failed')] })} == 1`,
        summary: `Feature {{ $labels.feature }} of model {{ $labels.model_name }} {{ $labels.model_version }} breaks the rule {{ $labels.rule }}.`,
        description:
          'More values break this rule of data quality than it allows. Look at the source of the feature; the report of the monitor has examples. Where the data is right and the rule is not, mend the schema.',
        example: { labels: alertLabels, moreLabels, raised: inState('failed'), quiet: inState('ok') },
      };
    },
  },
  {
    alert: 'DataQualityMonitorSeesTooLittle',
    group: 'quality',
    severity: 'warning',
    for: '30m',
    families: [seen, checked],
    define: (context) => ({
      ...seesTooLittle(context, seen, checked),
      summary: `The data quality monitor of model {{ $labels.model_name }} {{ $labels.model_version }} checks {{ $value | humanizePercentage }} of the rows.`,
      description:
        'The label reason of ml_data_quality_rows_unchecked_total says why rows are left out: for budget give it more time (maxCpuShare), for rejected see why batches do not fit the schema.',
    }),
  },
];
