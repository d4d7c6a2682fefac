import type { Alert, AlertFeature } from './alert';

/** The change of a monitor's state. */
export interface SourceStateChange {
  readonly from: string;
  readonly to: string;
}

/**
 * A monitor, as the router sees it. Every monitor of this package is one.
 *
 * A state `warning` is a warning. A state `drift` comes with the events `drift-start` (`{ episode: { id, startedAtMs },
 * report }`) and `drift-end` (`{ episode, reason }`), which name the episode. Any other state but `ok` is an alarm of
 * its own, and its episode lasts until the state is `ok` or `warning` again.
 */
export interface AlertSource {
  readonly events: {
    on(name: 'state-change', listener: (event: SourceStateChange) => void): () => void;
  };
  /** What the alert is made of; see {@link AlertSourceOptions.facts}. */
  report?(): unknown;
}

/** What an alert says beyond its episode. */
export type AlertFacts = Pick<Alert, 'model' | 'evidenceLog10' | 'alarmLevelLog10' | 'features'>;

/** A monitor with how its alerts are to be named and read. */
export interface AlertSourceOptions {
  readonly monitor: AlertSource;
  /** Name of the monitor in alerts, unique in a router. @default `kind`, else `monitor`; `monitor-2` where that is taken */
  readonly name?: string;
  /** What kind of monitor it is. @default `drift`, `quality` or `performance`, by its states */
  readonly kind?: string;
  /**
   * Reads what the alert says from the monitor's report, for a monitor of your own. What it leaves out is read from the
   * fields that this package's reports have.
   */
  readonly facts?: (report: unknown) => Partial<AlertFacts>;
}

/** The events of an episode, which only some monitors have. */
export interface EpisodeEvents {
  on(name: 'drift-start' | 'drift-end', listener: (event: unknown) => void): () => void;
}

const kindsByState: Readonly<Record<string, string>> = { drift: 'drift', failed: 'quality', degraded: 'performance' };

/** The kind of monitor that has such an alarm state. */
export function kindOfState(state: string): string {
  return kindsByState[state] ?? 'monitor';
}

/** An episode as an event names it; `undefined` when the event names none. */
export function episodeOf(
  event: unknown,
): { readonly id: string; readonly startedAtMs: number | undefined } | undefined {
  const episode = recordOf(recordOf(event).episode);
  const { id, startedAtMs } = episode;
  return typeof id === 'string' && id !== '' ? { id, startedAtMs: finiteOf(startedAtMs) ?? undefined } : undefined;
}

/** Any value as a record of unknown fields; what is none has no fields. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** A finite number, or `null`. */
export function finiteOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** A feature about which nothing but its name is known. */
export function bareFeature(name: string): AlertFeature {
  return { name, share: null, psi: null, ks: null, meanShift: null, note: null, bins: [] };
}
