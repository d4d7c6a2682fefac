import type { AlertDefinition } from './definition';
import { failsTooOften, type Outcomes } from './failed-share';

const success = 'ml_server_request_success';
const failure = 'ml_server_request_failure';

const calls: Outcomes = {
  success,
  failure,
  by: ['job', 'protocol'],
  of: { protocol: 'open-inference', operation: 'infer', model: 'digits' },
};

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

const labels = { labels: ['job'], moreLabels: { protocol: 'open-inference' } };

/** Alerts about the calls of a service. */
export const serverAlerts: readonly AlertDefinition[] = [
  {
    alert: 'ServerErrorRatioHigh',
    group: 'server',
    severity: 'critical',
    for: '5m',
    families: [success, failure],
    define(context) {
      const counted = { operator: '!~', codes: otherCodes, example: 'CLOSED' } as const;
      const { expr, ...example } = failsTooOften(context, calls, counted, context.thresholds.errorRatio);
      return {
        expr,
        summary:
          'The server fails on {{ $value | humanizePercentage }} of its calls by the protocol {{ $labels.protocol }}.',
        description:
          'Calls fail through no fault of their callers. See which codes they have (label code of ml_server_request_failure_total): CLOSED and BACKEND_UNAVAILABLE mean that it cannot answer at all, REMOTE_FAILED that a server behind it fails. The log of the service has the errors.',
        example: { ...labels, ...example },
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
      const counted = { operator: '=~', codes: 'UNAUTHENTICATED|FORBIDDEN', example: 'FORBIDDEN' } as const;
      const { expr, ...example } = failsTooOften(context, calls, counted, context.thresholds.turnedAwayRatio);
      return {
        expr,
        summary:
          'The server turns {{ $value | humanizePercentage }} of its callers by the protocol {{ $labels.protocol }} away.',
        description:
          'Callers show no key or token, one that is not good, or may not do what they ask. After keys or roles were changed, some client still has those from before; else somebody tries keys. The log of calls says who.',
        example: { ...labels, ...example },
      };
    },
  },
];
