import { matching } from '../promql';
import { type AlertContext, type AlertDefinition, growing, percentage, type TestSeries } from './definition';

const success = 'ml_server_request_success';
const failure = 'ml_server_request_failure';
const labels = ['job', 'protocol'];

/** What callers brought about themselves, or what has an alert of its own: the runner's, where time ran out or it was full. */
const otherCodes = [
  'ABORTED',
  'ALREADY_EXISTS',
  'CONFLICT',
  'DEADLINE_EXCEEDED',
  'FORBIDDEN',
  'GATE_REFUSED',
  'INVALID_ARGUMENT',
  'INVALID_INPUT',
  'LIMIT_EXCEEDED',
  'MODEL_NOT_FOUND',
  'NOT_FOUND',
  'OVERLOADED',
  'PROTOCOL_ERROR',
  'UNAUTHENTICATED',
  'UNSUPPORTED',
].join('|');

/** Part of the calls that failed with certain codes. Without a success yet there is no such series, hence the `or`. */
function failedRatio({ queries }: AlertContext, condition: string): string {
  const all = `sum by (${labels.join(', ')}) (rate(${queries.select(success)}[5m]) or rate(${queries.select(failure)}[5m]))`;
  return `${queries.rate(failure, labels, { where: [condition] })} / ${all}`;
}

/** Calls of which a part fails with a code. */
function calls({ series }: AlertContext, code: string, failed: number): TestSeries[] {
  const of = { protocol: 'open-inference', operation: 'infer', model: 'digits' };
  return [series(success, growing(600 * (1 - failed)), of), series(failure, growing(600 * failed), { ...of, code })];
}

const moreLabels = { protocol: 'open-inference' };

/** Alerts about the calls of a service. */
export const serverAlerts: readonly AlertDefinition[] = [
  {
    alert: 'ServerErrorRatioHigh',
    group: 'server',
    severity: 'critical',
    for: '5m',
    families: [success, failure],
    define(context) {
      const limit = context.thresholds.errorRatio;
      const share = (1 + limit) / 2;
      return {
        expr: `${failedRatio(context, matching('code', '!~', otherCodes))} > ${limit}`,
        summary:
          'The server fails on {{ $value | humanizePercentage }} of its calls by the protocol {{ $labels.protocol }}.',
        description:
          'Calls fail through no fault of their callers. See which codes they have (label code of ml_server_request_failure_total): CLOSED and BACKEND_UNAVAILABLE mean that it cannot answer at all, REMOTE_FAILED that a server behind it fails. The log of the service has the errors.',
        example: {
          labels: ['job'],
          moreLabels,
          value: percentage(share),
          raised: calls(context, 'CLOSED', share),
          quiet: [...calls(context, 'CLOSED', limit / 2)],
        },
      };
    },
  },
  {
    alert: 'ServerCallersTurnedAway',
    group: 'server',
    severity: 'warning',
    for: '15m',
    families: [success, failure],
    define(context) {
      const limit = context.thresholds.turnedAwayRatio;
      const share = (1 + limit) / 2;
      return {
        expr: `${failedRatio(context, matching('code', '=~', 'UNAUTHENTICATED|FORBIDDEN'))} > ${limit}`,
        summary:
          'The server turns {{ $value | humanizePercentage }} of its callers by the protocol {{ $labels.protocol }} away.',
        description:
          'Callers show no key or token, one that is not good, or may not do what they ask. After keys or roles were changed, some client still has those from before; else somebody tries keys. The log of calls says who.',
        example: {
          labels: ['job'],
          moreLabels,
          value: percentage(share),
          raised: calls(context, 'FORBIDDEN', share),
          quiet: calls(context, 'FORBIDDEN', limit / 2),
        },
      };
    },
  },
];
