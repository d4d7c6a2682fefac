import type { Alert, AlertNotification } from './alert';
import { timeOf } from './describe-alert';

/** What a body is made of beside the notification. */
export interface BodyContext {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly sentAtMs: number;
  /** Milliseconds between reminders; `undefined` without. */
  readonly repeatMs: number | undefined;
}

const dayMs = 86_400_000;
/** Reminders that may go missing before an alert counts as over. */
const missedReminders = 3;

/** One alert of Alertmanager's API, version 2. */
interface PostableAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
}

/**
 * The body of `POST /api/v2/alerts`. Alertmanager takes an alert without an end for over after a few minutes, so one that
 * lasts gets an end that its reminders put off: three times `repeatMs` from now, or a day without reminders.
 */
export function alertmanagerBody(
  { alerts }: AlertNotification,
  { sentAtMs, repeatMs }: BodyContext,
): readonly PostableAlert[] {
  const lastsUntil = sentAtMs + (repeatMs === undefined ? dayMs : repeatMs * missedReminders);
  return alerts.map((alert) => ({
    labels: labelsOf(alert),
    annotations: { summary: alert.title, description: alert.text },
    startsAt: timeOf(alert.startedAtMs),
    endsAt: timeOf(alert.endedAtMs ?? lastsUntil),
  }));
}

/** What tells alerts apart: the same from an episode's start to its end. Empty values are left out, as there. */
function labelsOf({ source, kind, severity, id, model }: Alert): Record<string, string> {
  const labels: Record<string, string> = {
    alertname: alertNames[kind] ?? 'ModelAlarm',
    severity,
    monitor: source,
    kind,
    episode: id,
    model_name: model?.name ?? '',
    model_version: model?.version ?? '',
  };
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''));
}

const alertNames: Readonly<Record<string, string>> = {
  drift: 'ModelInputDrift',
  quality: 'ModelDataQuality',
  performance: 'ModelPerformance',
};
