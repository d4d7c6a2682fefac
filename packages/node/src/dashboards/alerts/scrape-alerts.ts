import { anchorOf } from '../known-families';
import { vector } from '../promql';
import { type AlertDefinition, beginning, changing, constant, ending, growing, grown, lookBack } from './definition';

const dropped = 'fairlead_metrics_dropped';
const folded = 'fairlead_metrics_folded';
const failures = 'fairlead_metrics_collect_failures';

/** Alerts about what comes before all others: that there are metrics at all, and that they are whole. */
export const scrapeAlerts: readonly AlertDefinition[] = [
  {
    alert: 'ModelTargetDown',
    group: 'scrape',
    severity: 'critical',
    for: '5m',
    families: [],
    define({ families, queries, where, forMinutes, series, target }) {
      const labels = ['job', 'instance'];
      const { name } = anchorOf(families);
      const window = `${lookBack(60, forMinutes)}m`;
      const down = `max by (${labels.join(', ')}) (${vector('up', where)}) == 0`;
      return {
        expr: `${down} and on (${labels.join(', ')}) last_over_time(${queries.select(name)}[${window}])`,
        summary: 'Prometheus cannot read {{ $labels.instance }} of job {{ $labels.job }}.',
        description:
          'It served models and answers no scrapes any more: the process is down, hangs or cannot be reached. Everything that the dashboard shows of it is stale.',
        example: {
          labels,
          raised: [series(name, ending(1)), target('up', changing(1, 0))],
          quiet: [series(name, constant(1)), target('up', constant(1))],
        },
      };
    },
  },
  {
    alert: 'ModelMetricsAbsent',
    group: 'scrape',
    severity: 'critical',
    for: '10m',
    families: [],
    define({ families, queries, forMinutes, series }) {
      const { name } = anchorOf(families);
      const present = queries.select(name);
      const window = `${lookBack(60, forMinutes)}m`;
      return {
        expr: `group by (job) (last_over_time(${present}[${window}])) unless on (job) group by (job) (${present})`,
        summary: 'No process of job {{ $labels.job }} tells about its models any more.',
        description:
          'All of them are gone, or are scraped no longer; no other alert about models can be raised until they are back. See whether the job runs, and whether Prometheus still finds its targets.',
        example: { labels: ['job'], raised: [series(name, ending(1))], quiet: [series(name, constant(1))] },
      };
    },
  },
  {
    alert: 'MetricsCollectFailing',
    group: 'scrape',
    severity: 'warning',
    for: '5m',
    families: [failures],
    define({ queries, forMinutes, series }) {
      const minutes = lookBack(15, forMinutes);
      return {
        expr: `${grown(queries, failures, ['job', 'instance'], minutes)} > 0`,
        summary: 'A collect callback on {{ $labels.instance }} of job {{ $labels.job }} fails.',
        description: 'What it would fill at a scrape is stale. The log of the service has its error.',
        example: {
          labels: ['job', 'instance'],
          raised: [series(failures, beginning(1))],
          quiet: [series(failures, constant(1))],
        },
      };
    },
  },
  {
    alert: 'MetricsValuesDropped',
    group: 'scrape',
    severity: 'info',
    for: '15m',
    families: [dropped],
    define: ({ queries, series }) => ({
      expr: `${queries.rate(dropped, ['job', 'family', 'reason'], { window: '15m' })} > 0`,
      summary: 'Values of {{ $labels.family }} of job {{ $labels.job }} are not recorded: {{ $labels.reason }}.',
      description:
        'For series_limit give its labels fewer values or the family a higher maxSeries; for negative, not_finite and not_a_number see who writes such values.',
      example: {
        labels: ['job'],
        moreLabels: { family: 'shop_orders', reason: 'negative' },
        raised: [series(dropped, growing(60), { family: 'shop_orders', reason: 'negative' })],
        quiet: [series(dropped, constant(60), { family: 'shop_orders', reason: 'negative' })],
      },
    }),
  },
  {
    alert: 'MetricsSeriesFolded',
    group: 'scrape',
    severity: 'info',
    for: '15m',
    families: [folded],
    define: ({ queries, series }) => ({
      expr: `${queries.rate(folded, ['job', 'family'], { window: '15m' })} > 0`,
      summary: 'Family {{ $labels.family }} of job {{ $labels.job }} has more label sets than it may.',
      description:
        'Further ones count together under the label value __other__. Give its labels fewer values, or the family a higher maxSeries.',
      example: {
        labels: ['job'],
        moreLabels: { family: 'shop_orders' },
        raised: [series(folded, growing(60), { family: 'shop_orders' })],
        quiet: [series(folded, constant(60), { family: 'shop_orders' })],
      },
    }),
  },
];
