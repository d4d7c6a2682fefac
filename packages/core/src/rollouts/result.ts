import type { CircuitState } from '../resilience/circuit';
import type { ModelInfo, RunOptions, RunResult } from '../runner/runner';
import type { AnySignature } from '../signature';
import type {
  ArmEvidence,
  EvidenceSummary,
  HistoryEntry,
  PlannedStep,
  RewardEstimate,
  RolloutStatus,
} from './contracts';
import type { SampleRatioAssessment } from './evidence/sample-ratio';
import type { EvidencePoint } from './evidence/trail';
import type { RolloutShadow } from './shadow/shadow-stats';

/** Options of one request to a rollout. */
export interface RolloutRunOptions extends RunOptions {
  /**
   * The unit of assignment, where it is to be nothing else: `key` is the unit of fairness in queues besides, which a server must not
   * let its clients choose.
   * @default key
   */
  readonly assignmentKey?: string;
  /** What a contextual bandit chooses by; other strategies take no notice of it. */
  readonly context?: readonly number[];
}

/** How a request was assigned. */
export interface RolloutTrace {
  /**
   * Names the decision for `reward()` and logs; unique among replicas. Where they share a store and take rewards, it says which arm
   * it was, and is signed.
   */
  readonly decisionId: string;
  /** The arm that it was assigned to. */
  readonly arm: string;
  /** How likely that arm was. */
  readonly propensity: number;
  /** The arm that answered: the champion where the assigned one was left alone or failed. */
  readonly answeredBy: string;
}

/** The answer to a request, and who gave it. */
export interface RolloutResult<S extends AnySignature = AnySignature> extends RunResult<S> {
  readonly rollout: RolloutTrace;
}

/** What waits for a person. */
export interface ApprovalRequest {
  readonly rollout: string;
  readonly reason: string;
  readonly weights: Readonly<Record<string, number>>;
  readonly evidence: EvidenceSummary;
}

/** What a rollout tells beside the events of its runners. */
export interface RolloutEventMap {
  /** It stands otherwise, or its weights changed. In every replica, in whichever it was decided. */
  'rollout-change': HistoryEntry & { readonly rollout: string };
  /** The strategy wants a person's approval. */
  'approval-request': ApprovalRequest;
  /** A challenger failed, and the champion answered in its place. */
  'request-fall-back': { readonly arm: string; readonly error: unknown };
  /** A challenger keeps failing: the champion gets its requests for `retryAfterMs`. */
  'arm-open': { readonly arm: string; readonly error: unknown; readonly retryAfterMs: number };
  /** It answered again. */
  'arm-close': { readonly arm: string; readonly openMs: number };
  /** A challenger could not be loaded: the champion serves. */
  'arm-load-fail': { readonly arm: string; readonly error: unknown };
  /** The shares that arms really got are not those that were asked for. */
  'sample-ratio-mismatch': SampleRatioAssessment;
  /** The store or the alias could not be had; it goes on with what it knows. Once until it is back. */
  'store-fail': { readonly error: unknown };
  'store-back': { readonly downMs: number };
  'alias-fail': { readonly error: unknown };
}

/** An arm at this moment. */
export interface ArmDescription {
  readonly arm: string;
  /** Absent where it could not be loaded. */
  readonly model?: ModelInfo;
  readonly weight: number;
  readonly circuit: CircuitState;
  readonly evidence?: ArmEvidence;
  /** What the strategy has learnt of its rewards; absent where it learns nothing. */
  readonly reward?: RewardEstimate;
}

/** A rollout at this moment; a plain object that survives JSON. */
export interface RolloutDescription {
  readonly name: string;
  readonly strategy: string;
  readonly status: RolloutStatus;
  readonly reason: string;
  readonly epoch: number;
  readonly weights: Readonly<Record<string, number>>;
  readonly arms: readonly ArmDescription[];
  readonly promoted?: string;
  readonly coolDownUntilEpochMs: number;
  /** Absent where no two arms have a share. */
  readonly sampleRatio?: SampleRatioAssessment;
  /** The shadows among its observers. */
  readonly shadows: readonly RolloutShadow[];
  /** Why it decides nothing at present, or not with the others; empty where all is well. */
  readonly degraded: readonly string[];
  /** The evidence of this run as this process saw it, at 120 looks at most; the first, the last, and what lies between evenly. */
  readonly trail: readonly EvidencePoint[];
  readonly history: readonly HistoryEntry[];
}

/** What an arm did in this process. */
export interface ArmStats {
  readonly requests: number;
  readonly failures: number;
  /** Requests that the champion answered in its place, after a failure and because it was left alone. */
  readonly fellBack: number;
  readonly diverted: number;
}

/** What a rollout did in this process. */
export interface RolloutStats {
  readonly arms: Readonly<Record<string, ArmStats>>;
  readonly looks: number;
  /** Changes of status or weights, by what they came to. */
  readonly decisions: Readonly<Record<'step' | 'promote' | 'rollback' | 'abort', number>>;
  readonly storeFailures: number;
}

/** What a guardrail may spend, and what its evidence has to reach. */
export interface GuardrailPlan {
  readonly guardrail: string;
  readonly margin: number;
  /** What it may spend of `maxFalseRollbackRate`, for each challenger. */
  readonly alpha: number;
  /** The e-value of harm that rolls back. */
  readonly harmAt: number;
  /** The e-value of non-inferiority that lets promote. */
  readonly nonInferiorAt: number;
}

/** What a rollout would do, without a request. */
export interface DryRun {
  readonly strategy: string;
  readonly maxFalseRollbackRate: number;
  readonly maxFalsePromotionRate: number;
  readonly guardrails: readonly GuardrailPlan[];
  readonly steps: readonly (PlannedStep & {
    /** The share of the control slice that challengers are compared with. */
    readonly controlShare: number;
  })[];
}
