import { FairleadError, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import type { Families } from '../families';
import { hasKnown, type KnownName } from '../known-families';
import { type AlertName, type AlertSeverity, alertNames } from './model';

/** From where on something is too much. */
export interface AlertThresholds {
  /** Part of the requests that fail through no fault of the caller. @default 0.05 */
  readonly errorRatio?: number;
  /** Part of the requests that are refused because the queue is full or the deadline cannot be met. @default 0.01 */
  readonly refusedRatio?: number;
  /** Part of the calls of a server whose callers are turned away for who they are. @default 0.05 */
  readonly turnedAwayRatio?: number;
  /** Seconds from a request to its answer, 99th percentile; between the first and the last bucket. @default 1 */
  readonly latencySeconds?: number;
  /** Seconds in the queue, 95th percentile; between the first and the last bucket. @default 0.5 */
  readonly queueSeconds?: number;
  /** Busy share of the idlest lane that works at all. @default 0.95 */
  readonly laneBusyRatio?: number;
  /** Restarts of workers within 15 minutes. @default 2 */
  readonly laneRestarts?: number;
  /** How far the evidence of harm of a rollout may have come, as a logarithm, towards where it decides. @default 0.5 */
  readonly harmEvidenceRatio?: number;
  /** How much a shadow is shown to disagree with the champion beyond the champion's own noise. @default 0.05 */
  readonly shadowExcessRatio?: number;
  /** Part of the rows that a monitor of drift or data quality looks at, below which it sees too little. @default 0.1 */
  readonly observedRatio?: number;
  /** Part of the rows in which a feature is missing. @default 0.1 */
  readonly missingRatio?: number;
}

/** What may be changed about one alert. */
export interface AlertChange {
  /** How long the condition must hold: a whole number and `s`, `m`, `h` or `d`. */
  readonly for?: string;
  readonly severity?: AlertSeverity;
}

/** Options of `alertRules`. */
export interface AlertRulesOptions {
  /** Beginning of the groups' names. @default 'fairlead' */
  readonly groupPrefix?: string;
  /** Labels that series must have, such as `{ job: 'shop' }`, where one Prometheus watches several services. @default none */
  readonly where?: Readonly<Record<string, string>>;
  /** Labels of every alert beside `severity`, by which it is routed, such as `{ team: 'search' }`. @default none */
  readonly labels?: Readonly<Record<string, string>>;
  /** Address of a page; each alert links to the section of its name there, in lower case. @default none */
  readonly runbookUrl?: string;
  /** From where on something is too much. @default see {@link AlertThresholds} */
  readonly thresholds?: AlertThresholds;
  /** Alerts to change, or to leave out by `false`. @default none */
  readonly alerts?: Readonly<Partial<Record<AlertName, AlertChange | false>>>;
}

/** The options, complete. */
export interface AlertSettings {
  readonly groupPrefix: string;
  readonly where: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly runbookUrl: string | undefined;
  readonly thresholds: Required<AlertThresholds>;
  readonly alerts: Readonly<Partial<Record<AlertName, AlertChange | false>>>;
}

const ratio = (usual: number) => z._default(z.number().check(z.gt(0), z.lt(1)), usual);
const seconds = (usual: number) => z._default(z.number().check(z.gt(0), z.lt(Number.MAX_VALUE)), usual);
const labels = z._default(
  z.record(z.string().check(z.regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'names of labels')), z.string()),
  {},
);
const change = z.union([
  z.literal(false),
  z.strictObject({
    for: z.optional(z.string().check(z.regex(/^\d{1,6}[smhd]$/, 'a duration such as 5m'))),
    severity: z.optional(z.enum(['critical', 'warning', 'info'])),
  }),
]);

const schema = z.strictObject({
  groupPrefix: z._default(z.string().check(z.minLength(1, 'some text')), 'fairlead'),
  where: labels,
  labels,
  runbookUrl: z.optional(z.url('an absolute URL')),
  thresholds: z._default(
    z.strictObject({
      errorRatio: ratio(0.05),
      refusedRatio: ratio(0.01),
      turnedAwayRatio: ratio(0.05),
      latencySeconds: seconds(1),
      queueSeconds: seconds(0.5),
      laneBusyRatio: ratio(0.95),
      laneRestarts: z._default(z.int().check(z.minimum(0), z.maximum(1_000_000)), 2),
      harmEvidenceRatio: ratio(0.5),
      shadowExcessRatio: ratio(0.05),
      observedRatio: ratio(0.1),
      missingRatio: ratio(0.1),
    }),
    {
      errorRatio: 0.05,
      refusedRatio: 0.01,
      turnedAwayRatio: 0.05,
      latencySeconds: 1,
      queueSeconds: 0.5,
      laneBusyRatio: 0.95,
      laneRestarts: 2,
      harmEvidenceRatio: 0.5,
      shadowExcessRatio: 0.05,
      observedRatio: 0.1,
      missingRatio: 0.1,
    },
  ),
  alerts: z._default(z.partialRecord(z.enum(alertNames), change), {}),
});

/**
 * Checks the options and completes them.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseAlertOptions(
  options: AlertRulesOptions | undefined,
  families: Families,
  owner: string,
): AlertSettings {
  const parsed = parseOptions(schema, options, owner);
  const settings = { ...parsed, runbookUrl: parsed.runbookUrl, alerts: parsed.alerts as AlertSettings['alerts'] };
  const { latencySeconds, queueSeconds } = settings.thresholds;
  checkWithinBuckets(families, 'ml_prediction_duration_seconds', 'latencySeconds', latencySeconds, owner);
  checkWithinBuckets(families, 'ml_prediction_queue_duration_seconds', 'queueSeconds', queueSeconds, owner);
  return settings;
}

/** A histogram knows nothing beyond its last bound, so a threshold there would never be passed. */
function checkWithinBuckets(families: Families, name: KnownName, field: string, value: number, owner: string): void {
  if (!hasKnown(families, name)) return;
  const { buckets } = families.get(name);
  const [first, last] = [buckets[0], buckets.at(-1)];
  if (first === undefined || last === undefined || (value >= first && value < last)) return;
  const expected = `at least ${first} and less than ${last}, as ${name} has buckets from ${first} to ${last}`;
  const path = `thresholds.${field}`;
  throw new FairleadError(
    'INVALID_OPTION',
    `${owner}: option "${path}" is wrong: expected ${expected}, given ${value}.`,
    { details: { field: path, expected, given: String(value) } },
  );
}
