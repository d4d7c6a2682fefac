import { matching } from '../promql';
import {
  type AlertContext,
  type AlertDefinition,
  alertLabels,
  beginning,
  constant,
  growing,
  grown,
  lookBack,
  percentage,
  type TestSeries,
} from './definition';
import { failsTooOften, type Outcomes } from './failed-share';

const success = 'ml_prediction_request_success';
const failure = 'ml_prediction_request_failure';
const duration = 'ml_prediction_duration_seconds';
const waiting = 'ml_prediction_queue_duration_seconds';
const model = 'Model {{ $labels.model_name }} {{ $labels.model_version }}';

/** Failures that the caller brought about, or that have an alert of their own. */
const otherCodes = 'ABORTED|INVALID_ARGUMENT|INVALID_INPUT|OVERLOADED';

const requests: Outcomes = { success, failure, by: alertLabels };

/** Observations that lie all beyond the last bound of a histogram, or all below its first. */
function observations({ families, series }: AlertContext, family: string, where: 'slow' | 'fast'): TestSeries[] {
  const { buckets } = families.get(family);
  return [...buckets, '+Inf'].map((bound) =>
    series(family, growing(where === 'fast' || bound === '+Inf' ? 60 : 0), { le: String(bound) }),
  );
}

function tooSlow(context: AlertContext, family: string, quantile: number, limit: number) {
  const last = context.families.get(family).buckets.at(-1) ?? 0;
  return {
    expr: `${context.queries.quantile(quantile, family, alertLabels)} > ${limit}`,
    example: {
      labels: alertLabels,
      // What lies beyond the last bound counts as that bound.
      value: last.toFixed(3),
      raised: observations(context, family, 'slow'),
      quiet: observations(context, family, 'fast'),
    },
  };
}

/** Alerts about runners, their lanes and the stages around them. */
export const servingAlerts: readonly AlertDefinition[] = [
  {
    alert: 'ModelErrorRatioHigh',
    group: 'serving',
    severity: 'critical',
    for: '5m',
    families: [success, failure],
    define(context) {
      const counted = { operator: '!~', codes: otherCodes, example: 'RUN_FAILED' } as const;
      const theirs = context.series(failure, growing(6000), { code: 'INVALID_INPUT' });
      const { expr, ...example } = failsTooOften(context, requests, counted, context.thresholds.errorRatio, [theirs]);
      return {
        expr,
        summary: `${model} fails on {{ $value | humanizePercentage }} of its requests.`,
        description:
          'Requests fail through no fault of their callers. See which codes do (label code of ml_prediction_request_failure_total) and the log of the service; where it began with a swap, swap back to the version before.',
        example: { labels: alertLabels, ...example },
      };
    },
  },
  {
    alert: 'ModelRequestsRefused',
    group: 'serving',
    severity: 'warning',
    for: '5m',
    families: [success, failure],
    define(context) {
      const counted = { operator: '=', codes: 'OVERLOADED', example: 'OVERLOADED' } as const;
      const { expr, ...example } = failsTooOften(context, requests, counted, context.thresholds.refusedRatio);
      return {
        expr,
        summary: `${model} refuses {{ $value | humanizePercentage }} of its requests.`,
        description:
          'More is asked than can be computed in time, so requests are refused at once with OVERLOADED. Add lanes or processes, or let callers wait longer (timeoutMs); refusals that come in bursts are what a bounded queue is for.',
        example: { labels: alertLabels, ...example },
      };
    },
  },
  {
    alert: 'ModelLatencyHigh',
    group: 'serving',
    severity: 'warning',
    for: '10m',
    families: [duration],
    define: (context) => ({
      ...tooSlow(context, duration, 0.99, context.thresholds.latencySeconds),
      summary: `${model} takes {{ printf "%.3f" $value }} s for its slowest hundredth of requests.`,
      description:
        'See on the dashboard whether requests wait or compute: where they wait, add lanes or processes; where computing takes longer than it did, look at the sizes of batches, at the device (label device of ml_model_info) and at what else the machine does.',
    }),
  },
  {
    alert: 'ModelQueueWaitLong',
    group: 'serving',
    severity: 'warning',
    for: '10m',
    families: [waiting],
    define: (context) => ({
      ...tooSlow(context, waiting, 0.95, context.thresholds.queueSeconds),
      summary: `${model} lets one request in twenty wait for {{ printf "%.3f" $value }} s.`,
      description:
        'The queue is longer than the lanes can work off. Add lanes or processes; or give requests a timeoutMs, so that those which would be late are refused instead of waiting.',
    }),
  },
  {
    alert: 'ModelLanesSaturated',
    group: 'serving',
    severity: 'warning',
    for: '15m',
    families: ['ml_lane_busy_seconds'],
    define({ queries, series, thresholds: { laneBusyRatio: limit } }) {
      const labels = ['instance', ...alertLabels];
      const share = (1 + limit) / 2;
      const lanes = (busy: number) => [
        series('ml_lane_busy_seconds', growing(60 * busy), { lane: 'worker-1' }),
        series('ml_lane_busy_seconds', growing(60), { lane: 'worker-2' }),
        // A lane that is gone no longer counts.
        series('ml_lane_busy_seconds', constant(5), { lane: 'worker-0' }),
      ];
      return {
        expr: `min by (${labels.join(', ')}) (rate(${queries.select('ml_lane_busy_seconds')}[5m]) > 0) > ${limit}`,
        summary: `All lanes of model {{ $labels.model_name }} {{ $labels.model_version }} on {{ $labels.instance }} are busy.`,
        description:
          'Even the idlest lane computes {{ $value | humanizePercentage }} of the time: nothing is left for a burst. Add lanes where cores are free, else processes.',
        example: { labels, value: percentage(share), raised: lanes(share), quiet: lanes(limit / 2) },
      };
    },
  },
  {
    alert: 'ModelLanesRestarting',
    group: 'serving',
    severity: 'warning',
    for: '1m',
    families: ['ml_lane_restarts'],
    define({ queries, series, forMinutes, thresholds: { laneRestarts: limit } }) {
      const minutes = lookBack(15, forMinutes);
      return {
        expr: `${grown(queries, 'ml_lane_restarts', alertLabels, minutes)} > ${limit}`,
        summary: `${model} lost workers: {{ $value }} were started again within ${minutes} minutes.`,
        description:
          'Worker threads die, and what they were computing fails with LANE_LOST. The log says why; most often memory runs out (ml_lane_memory_bytes) or an input crashes the runtime. Fewer lanes or smaller batches need less memory.',
        example: {
          labels: alertLabels,
          value: String(limit + 1),
          raised: [series('ml_lane_restarts', beginning(limit + 1))],
          quiet: [series('ml_lane_restarts', constant(limit + 1))],
        },
      };
    },
  },
  {
    alert: 'ModelSwapFailed',
    group: 'serving',
    severity: 'warning',
    for: '1m',
    families: ['ml_model_swap_failures'],
    define({ queries, series, forMinutes }) {
      const minutes = lookBack(15, forMinutes);
      return {
        expr: `${grown(queries, 'ml_model_swap_failures', alertLabels, minutes)} > 0`,
        summary: `A swap failed; model {{ $labels.model_name }} stayed with {{ $labels.model_version }}.`,
        description:
          'A new version was announced and could not be loaded, does not answer its golden rows or has another signature. Requests are answered by the version before. The log says which; mend the new version, or take it back from its source.',
        example: {
          labels: alertLabels,
          raised: [series('ml_model_swap_failures', beginning(1))],
          quiet: [series('ml_model_swap_failures', constant(1))],
        },
      };
    },
  },
  {
    alert: 'ModelDeviceFallback',
    group: 'serving',
    severity: 'info',
    for: '5m',
    families: ['ml_model', 'ml_model_device_fallbacks'],
    define({ queries, series }) {
      const labels = [...alertLabels, 'from', 'to'];
      const fallback = series('ml_model_device_fallbacks', constant(1), { from: 'cuda', to: 'cpu' });
      const present = `on (${alertLabels.join(', ')}) ${queries.value('max', 'ml_model', alertLabels)}`;
      return {
        expr: `${queries.value('max', 'ml_model_device_fallbacks', labels)} > 0 and ${present}`,
        summary: `${model} runs on {{ $labels.to }}, not on {{ $labels.from }}.`,
        description:
          'A device that was asked for could not be had when the model was loaded. `npx @fairlead/node doctor` on that machine says what is missing and how to mend it.',
        example: {
          labels: alertLabels,
          moreLabels: { from: 'cuda', to: 'cpu' },
          raised: [fallback, series('ml_model', constant(1), { device: 'cpu', digest: 'sha256:00' })],
          // The counter outlives the version; without the version in use there is nothing to tell.
          quiet: [
            fallback,
            series('ml_model', constant(1), { model_version: 'next', device: 'cuda', digest: 'sha256:01' }),
          ],
        },
      };
    },
  },
  {
    alert: 'ModelCircuitOpen',
    group: 'serving',
    severity: 'critical',
    for: '1m',
    families: ['ml_circuit_state'],
    define({ families, queries, series }) {
      const label = families.get('ml_circuit_state').name;
      const states = (open: number) => [
        series('ml_circuit_state', constant(open), { [label]: 'open' }),
        series('ml_circuit_state', constant(1 - open), { [label]: 'closed' }),
      ];
      return {
        expr: `${queries.value('max', 'ml_circuit_state', alertLabels, { where: [matching(label, '=', 'open')] })} == 1`,
        summary: `The circuit to model {{ $labels.model_name }} {{ $labels.model_version }} is open.`,
        description:
          'The runner failed so often that requests are turned away without being tried. It is tried again by itself; see the errors that led to it (ml_circuit_failures_total, and the log of the service).',
        example: { labels: alertLabels, raised: states(1), quiet: states(0) },
      };
    },
  },
  {
    alert: 'ModelBulkheadRefusing',
    group: 'serving',
    severity: 'warning',
    for: '5m',
    families: ['ml_bulkhead_refusals'],
    define: ({ queries, series }) => ({
      expr: `${queries.rate('ml_bulkhead_refusals', alertLabels, { window: '5m' })} > 0`,
      summary: `The bulkhead of model {{ $labels.model_name }} {{ $labels.model_version }} is full.`,
      description:
        'It turns {{ printf "%.2f" $value }} requests a second away. Let more run at once or wait, if what lies behind it can take more; else lower the load.',
      example: {
        labels: alertLabels,
        value: '1.00',
        raised: [series('ml_bulkhead_refusals', growing(60))],
        quiet: [series('ml_bulkhead_refusals', constant(60))],
      },
    }),
  },
];
