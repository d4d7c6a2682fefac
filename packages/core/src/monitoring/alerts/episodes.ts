import { messageOf } from '../../errors';
import type { Logger } from '../../logger';
import type { Reference } from '../reference';
import type { Alert, AlertEvidence, AlertReason, AlertSeverity } from './alert';
import { describeAlert } from './describe-alert';
import { readFacts } from './facts';
import type { NamedSource } from './router-options';
import type { AlertFacts } from './source';

/** An episode that the router knows of, from its start until its end is delivered. */
export interface Episode {
  /** Unique among the episodes of a router. */
  readonly key: string;
  readonly id: string;
  readonly source: NamedSource;
  readonly kind: string;
  readonly severity: AlertSeverity;
  readonly startedAtMs: number;
  /** The report that came with its start, until it is read. */
  firstReport: unknown;
  endedAtMs: number | null;
  /** How often it was delivered. */
  deliveries: number;
  known: { readonly facts: AlertFacts; readonly evidence: AlertEvidence } | undefined;
}

/**
 * Makes the alert of an episode as of now, and keeps what it says, since after its end the monitor speaks of something
 * else. What a monitor's own code throws is logged.
 */
export function alertOf(episode: Episode, reason: AlertReason, logger: Logger): Alert {
  if (episode.known === undefined || reason === 'reminder') episode.known = look(episode, logger);
  const { id, source, kind, severity, startedAtMs, endedAtMs, deliveries: sequence, known } = episode;
  const state = endedAtMs === null ? 'firing' : 'resolved';
  const wordless = { id, source: source.name, kind, state, severity, reason, sequence } as const;
  const alert = { ...wordless, ...known.facts, startedAtMs, endedAtMs };
  return { ...alert, ...describeAlert(alert) };
}

function look(episode: Episode, logger: Logger): NonNullable<Episode['known']> {
  const { source, firstReport } = episode;
  const { monitor, name, facts } = source;
  let report: unknown = firstReport;
  let reference: Reference | undefined;
  episode.firstReport = undefined;
  try {
    report ??= monitor.report?.();
    reference = (monitor as { readonly reference?: Reference }).reference;
    return { facts: { ...readFacts(report), ...facts?.(report) }, evidence: { report, reference } };
  } catch (error) {
    logger.error({ source: name, error }, `The report of the monitor "${name}" cannot be read: ${messageOf(error)}`);
    return { facts: readFacts(undefined), evidence: { report, reference } };
  }
}
