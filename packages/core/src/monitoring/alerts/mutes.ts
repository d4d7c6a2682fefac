import type { Alert } from './alert';

/** Which alerts a mute window holds back. Every field that is given must fit. */
export interface MuteMatch {
  /** Names of monitors. @default all */
  readonly sources?: readonly string[];
  /** Names of models. @default all */
  readonly models?: readonly string[];
}

/** A time in which alerts are held back: once, or every day or some days of the week. */
export type MuteWindow = MuteMatch &
  (
    | {
        /** Milliseconds since 1970-01-01 UTC. */
        readonly fromMs: number;
        /** Milliseconds since 1970-01-01 UTC; after `fromMs`. */
        readonly toMs: number;
      }
    | {
        /** Time of day in UTC, `HH:MM`. */
        readonly dailyFrom: string;
        /** Time of day in UTC, `HH:MM`; at or before `dailyFrom` it is the next day's. */
        readonly dailyTo: string;
        /** Days of the week in UTC on which it begins: 0 for Sunday to 6. @default every day */
        readonly days?: readonly number[];
      }
  );

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const timeOfDay = /^([01]\d|2[0-3]):([0-5]\d)$/;

/** Whether a text is a time of day, `HH:MM`. */
export function isTimeOfDay(text: unknown): text is string {
  return typeof text === 'string' && timeOfDay.test(text);
}

/**
 * Until when an alert is held back, where it is.
 *
 * @param epochMs the present
 * @returns milliseconds since 1970-01-01 UTC, after the present; `undefined` for an alert that nothing holds back
 */
export function mutedUntil(
  alert: Pick<Alert, 'source' | 'model'>,
  windows: Iterable<MuteWindow>,
  epochMs: number,
): number | undefined {
  let until: number | undefined;
  for (const window of windows) {
    if (!matches(alert, window)) continue;
    const end = endOf(window, epochMs);
    if (end !== undefined && (until === undefined || end > until)) until = end;
  }
  return until;
}

function matches({ source, model }: Pick<Alert, 'source' | 'model'>, { sources, models }: MuteMatch): boolean {
  if (sources !== undefined && !sources.includes(source)) return false;
  return models === undefined || (model !== null && models.includes(model.name));
}

/** When the window that holds the present ends. */
function endOf(window: MuteWindow, epochMs: number): number | undefined {
  if ('fromMs' in window) return epochMs >= window.fromMs && epochMs < window.toMs ? window.toMs : undefined;
  const from = minutesOf(window.dailyFrom) * minuteMs;
  const to = minutesOf(window.dailyTo) * minuteMs;
  const lasts = to > from ? to - from : to - from + dayMs;
  const today = Math.floor(epochMs / dayMs) * dayMs;
  // The window that began yesterday may reach into today.
  for (const day of [today, today - dayMs]) {
    const start = day + from;
    const weekday = new Date(day).getUTCDay();
    if (window.days !== undefined && !window.days.includes(weekday)) continue;
    if (epochMs >= start && epochMs < start + lasts) return start + lasts;
  }
  return undefined;
}

function minutesOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
}
