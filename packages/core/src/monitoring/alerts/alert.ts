import type { ModelInfo } from '../../runner/runner';
import type { BinReport } from '../attribution';
import type { Reference } from '../reference';

/** How urgent an alert is: `critical` for an alarm, `warning` for what came near one. */
export type AlertSeverity = 'warning' | 'critical';

/** Why an alert is delivered: its episode began, still lasts, or is over. */
export type AlertReason = 'start' | 'reminder' | 'end';

/** One feature, rule or metric that has a part in an alert. */
export interface AlertFeature {
  readonly name: string;
  /** Its part of the evidence, 0 to 1; `null` where the monitor does not tell, as the next three. */
  readonly share: number | null;
  /** Population stability index. */
  readonly psi: number | null;
  /** Kolmogorov–Smirnov distance. */
  readonly ks: number | null;
  /** Difference of the means in standard deviations of the reference. */
  readonly meanShift: number | null;
  /** What a monitor of another kind says of it, in words; `null` where there is nothing. */
  readonly note: string | null;
  /** The bins that differ most, the greatest difference first. */
  readonly bins: readonly BinReport[];
}

/** What a monitor found, in one form for every monitor. Plain data that survives JSON. */
export interface Alert {
  /** The id of the episode: the same from its start to its end. */
  readonly id: string;
  /** Name of the monitor, as the router knows it. */
  readonly source: string;
  /** What kind of monitor it is: `drift`, `quality`, `performance`, or what the source was called. */
  readonly kind: string;
  readonly state: 'firing' | 'resolved';
  readonly severity: AlertSeverity;
  readonly reason: AlertReason;
  /** Deliveries of this episode before this one. With `source` and `id` it names the delivery. */
  readonly sequence: number;
  /** The model that is watched, where it is known. */
  readonly model: ModelInfo | null;
  /** log₁₀ of the evidence; `null` where the monitor has none. */
  readonly evidenceLog10: number | null;
  /** `evidenceLog10` that raises an alarm. */
  readonly alarmLevelLog10: number | null;
  /** What has most to do with it, the greatest part first; at most ten. */
  readonly features: readonly AlertFeature[];
  /** Milliseconds since 1970-01-01 UTC. */
  readonly startedAtMs: number;
  /** Milliseconds since 1970-01-01 UTC; `null` while it lasts. */
  readonly endedAtMs: number | null;
  /** One line. */
  readonly title: string;
  /** What happened, and what to do about it. */
  readonly text: string;
}

/** What stands behind an alert, for a sink that acts on it. */
export interface AlertEvidence {
  /** The monitor's report when the alert was made; its type is the monitor's own. `undefined` where it makes none. */
  readonly report: unknown;
  /** What the live rows were compared with, where the monitor has such. */
  readonly reference: Reference | undefined;
}

/** Alerts that are delivered together. */
export interface AlertNotification {
  /** Unique among the notifications of a router; the same in every try of its delivery. */
  readonly id: string;
  /** What the alerts have in common, as the router's `groupBy` says. */
  readonly group: string;
  /** At least one. */
  readonly alerts: readonly Alert[];
}
