import { FairleadError } from '../../errors';
import type { Alert, AlertNotification } from './alert';
import { alertmanagerBody, type BodyContext } from './alertmanager-body';
import { slackBody } from './slack-body';

/** What a webhook's body looks like. */
export type WebhookFormat = 'fairlead' | 'alertmanager' | 'slack';

/** Makes the plain value of a body. */
type BodyMaker = (notification: AlertNotification, context: BodyContext) => unknown;

const makers: Readonly<Record<WebhookFormat, BodyMaker>> = {
  fairlead: ({ id, group, alerts }, { sentAtMs }) => ({
    format: 'fairlead-alerts',
    version: 1,
    id,
    group,
    sentAtMs,
    alerts,
  }),
  alertmanager: alertmanagerBody,
  slack: slackBody,
};

/** Ways to make a notification smaller, each smaller than the one before it. */
const reductions: readonly ((alert: Alert) => Alert)[] = [
  (alert) => alert,
  (alert) => ({ ...alert, features: alert.features.map((feature) => ({ ...feature, bins: [] })) }),
  (alert) => ({ ...alert, features: alert.features.slice(0, 3).map((feature) => ({ ...feature, bins: [] })) }),
  (alert) => ({ ...alert, features: [], title: alert.title.slice(0, 150), text: alert.text.slice(0, 300) }),
];

const utf8 = new TextEncoder();

/**
 * Makes a body of at most `maxBytes`. What is too large loses first its bins, then features, then the end of its text,
 * then its last alerts.
 *
 * @throws FairleadError `LIMIT_EXCEEDED` when not even one bare alert fits
 */
export function webhookBody(
  format: WebhookFormat,
  notification: AlertNotification,
  context: BodyContext,
  maxBytes: number,
): string {
  const render = (alerts: readonly Alert[]): string | undefined => {
    const text = JSON.stringify(makers[format]({ ...notification, alerts }, context));
    return utf8.encode(text).byteLength <= maxBytes ? text : undefined;
  };
  let alerts = notification.alerts;
  for (const reduce of reductions) {
    alerts = notification.alerts.map(reduce);
    const text = render(alerts);
    if (text !== undefined) return text;
  }
  for (let count = alerts.length >> 1; count >= 1; count >>= 1) {
    const text = render(alerts.slice(0, count));
    if (text !== undefined) return text;
  }
  throw new FairleadError(
    'LIMIT_EXCEEDED',
    `No alert fits into ${maxBytes} bytes. Raise maxBodyBytes of webhookSink.`,
    {
      details: { field: 'maxBodyBytes', expected: 'room for one alert', given: `${maxBytes} bytes` },
    },
  );
}
