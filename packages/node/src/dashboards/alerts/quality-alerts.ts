import { matching } from '../promql';
import { type AlertDefinition, alertLabels, changing, constant, lookBack, seesTooLittle } from './definition';

const seen = 'ml_data_quality_rows_seen';
const checked = 'ml_data_quality_rows_checked';
const checkState = 'ml_data_quality_check_state';

/** Alerts about monitors of data quality, and about alerts of monitors that reach nobody. */
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
  {
    alert: 'AlertsNotDelivered',
    group: 'quality',
    severity: 'warning',
    for: '1m',
    families: ['ml_alerts'],
    define({ queries, forMinutes, series }) {
      const minutes = lookBack(30, forMinutes);
      const lost = { where: [matching('outcome', '=~', 'failed|dropped')], window: `${minutes}m` };
      return {
        expr: `round(${queries.increase('ml_alerts', ['job', 'sink'], lost)}) > 0`,
        summary: 'Alerts of monitors of job {{ $labels.job }} did not reach {{ $labels.sink }}.',
        description: `{{ $value }} within ${minutes} minutes. The log says why; see that the address of the sink answers, and that it takes alerts as fast as they come.`,
        example: {
          labels: ['job'],
          moreLabels: { sink: 'webhook' },
          value: '2',
          raised: [series('ml_alerts', changing(0, 2), { sink: 'webhook', outcome: 'failed' })],
          quiet: [
            series('ml_alerts', constant(2), { sink: 'webhook', outcome: 'failed' }),
            series('ml_alerts', changing(0, 2), { sink: 'webhook', outcome: 'delivered' }),
          ],
        },
      };
    },
  },
];
