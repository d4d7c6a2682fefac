import type {
  ArmEvidence,
  HistoryEntry,
  RolloutDecision,
  RolloutDescription,
  RolloutStatus,
} from '@fairlead/core/rollouts';
import { clean } from './clean';

/** What a line about a decision of a rollout says. */
export interface AuditedDecision {
  readonly kind: 'decision';
  /** When it was written, in ISO 8601. */
  readonly at: string;
  readonly rollout: string;
  readonly decision: RolloutDecision;
  /** When it was decided, in ISO 8601, by the clock of the process that decided. */
  readonly decidedAt: string;
  /** `strategy`, `guardrail`, `alias`, or who called. */
  readonly actor: string;
  readonly reason: string;
  readonly from: RolloutStatus;
  readonly to: RolloutStatus;
  /** Shares after it, by arm. */
  readonly weights?: Readonly<Record<string, number>>;
  /** The models of the arms, those that could be loaded. */
  readonly models?: Readonly<Record<string, AuditedModel>>;
  /** The evidence at that moment, by challenger. */
  readonly evidence?: readonly AuditedEvidence[];
  /** It was decided before this log was opened, and is what the rollout stood at then. */
  readonly found?: true;
  /** `weights`, `models` and `evidence` would have made the line too long, and were left out. */
  readonly shortened?: true;
}

/** Which model an arm has. */
export interface AuditedModel {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the model. */
  readonly digest: string;
}

/** What was known of a challenger. */
export interface AuditedEvidence {
  readonly arm: string;
  readonly verdict: ArmEvidence['verdict'];
  readonly requests: number;
  readonly failedRequests: number;
  readonly controlRequests: number;
  readonly controlFailedRequests: number;
  readonly guardrails: readonly AuditedGuardrail[];
}

/** What a guardrail said. */
export interface AuditedGuardrail {
  readonly guardrail: string;
  readonly verdict: ArmEvidence['verdict'];
  /** Pairs of blocks that were compared. */
  readonly blocks: number;
  /** Challenger less control with its bounds, and what may be worse. */
  readonly difference: number;
  readonly lower: number;
  readonly upper: number;
  readonly margin: number;
  /** E-values of harm, which decides at 1 / alpha, and of non-inferiority. */
  readonly harm: number;
  readonly nonInferiority: number;
  readonly alpha: number;
}

/** Characters of a reason that are kept; a reason has the evidence in words. */
const longestReason = 1024;
/** Bytes of a line that everything may have; a line that is longer could not be read back. */
const mostBytes = 128 * 1024;

/** Makes the line of a decision. */
export function describeDecision(
  { name, arms }: Pick<RolloutDescription, 'name' | 'arms'>,
  entry: HistoryEntry,
  at: string,
  isFound: boolean,
): AuditedDecision {
  const { atEpochMs, actor, reason, from, to, weights, evidence } = entry;
  const brief: AuditedDecision = {
    kind: 'decision',
    at,
    rollout: clean(name),
    decision: entry.decision,
    decidedAt: timeOf(atEpochMs),
    actor: clean(actor),
    reason: clean(reason, longestReason),
    from,
    to,
    ...(isFound && { found: true as const }),
  };
  const whole: AuditedDecision = {
    ...brief,
    weights: named(Object.entries(weights)),
    models: named(arms.flatMap(({ arm, model }) => (model === undefined ? [] : [[arm, modelOf(model)] as const]))),
    evidence: Object.values(evidence.arms).map(evidenceOf),
  };
  return Buffer.byteLength(JSON.stringify(whole)) <= mostBytes ? whole : { ...brief, shortened: true };
}

function timeOf(epochMs: number): string {
  const date = new Date(epochMs);
  return Number.isNaN(date.getTime()) ? 'unknown' : date.toISOString();
}

function named<T>(entries: readonly (readonly [name: string, value: T])[]): Record<string, T> {
  return Object.fromEntries(entries.map(([name, value]) => [clean(name), value]));
}

function modelOf({ name, version, digest }: AuditedModel): AuditedModel {
  return { name: clean(name), version: clean(version), digest: clean(digest) };
}

function evidenceOf(found: ArmEvidence): AuditedEvidence {
  const { arm, verdict, requests, failedRequests, controlRequests, controlFailedRequests, guardrails } = found;
  return {
    arm: clean(arm),
    verdict,
    requests,
    failedRequests,
    controlRequests,
    controlFailedRequests,
    guardrails: guardrails.map(
      ({ guardrail, verdict: said, blocks, estimate, margin, harm, nonInferiority, alpha }) => ({
        guardrail: clean(guardrail),
        verdict: said,
        blocks,
        ...estimate,
        margin,
        harm: harm.eValue,
        nonInferiority: nonInferiority.eValue,
        alpha,
      }),
    ),
  };
}
