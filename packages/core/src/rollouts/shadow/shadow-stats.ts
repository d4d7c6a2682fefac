import type { ModelInfo } from '../../runner/runner';
import type { Disagreement } from '../compare/output-agreement';

/** What a shadow did in this process. A plain object. */
export interface ShadowStats {
  /** Requests that it saw. */
  readonly requests: number;
  /** Requests that were copied for it. */
  readonly mirrored: number;
  /** Its answers that were compared with the champion's. */
  readonly comparisons: number;
  /** The champion's second answers that were compared with its first. */
  readonly noiseComparisons: number;
  /** Requests that it failed at, or whose answers cannot be compared. */
  readonly failures: number;
  /**
   * Requests that it was spared. `full`: enough were waiting for its budget. `bytes`: there was no room for a copy. `busy`: the
   * champion refused requests a moment ago. `unanswered`: somebody else answered, or nobody. `refused`: it was too busy itself.
   */
  readonly shed: Readonly<Record<'full' | 'bytes' | 'busy' | 'unanswered' | 'refused', number>>;
  /** Moments that it let pass because requests were being answered. */
  readonly postponed: number;
  /** Callers' requests that were under way while it ran, each counted once a run. */
  readonly overlapped: number;
  /** The share of the requests that this is. */
  readonly overlapShare: number;
  /** Requests that wait to be compared. */
  readonly waiting: number;
  /**
   * How far it is behind: milliseconds from a request to its comparison, of the latest one; or the age of the oldest request
   * that still waits, where that is more.
   */
  readonly lagMs: number;
  /** Milliseconds that it computed and was compared, and the share of time that this is. */
  readonly spentMs: number;
  readonly timeShare: number;
  /** What part of its budget of time that is; more than 1 for as long as a round is not paid back. */
  readonly budgetUsed: number;
}

/** A shadow at this moment, in all replicas of its rollout together. A plain object. */
export interface ShadowDescription {
  readonly model: ModelInfo;
  readonly comparisons: number;
  /** How much it disagrees with the champion beyond what the champion disagrees with itself. */
  readonly disagreements: readonly Disagreement[];
  readonly lastError?: string;
}

/** A shadow among the observers of a rollout, at this moment. A plain object that survives JSON. */
export interface RolloutShadow extends ShadowDescription {
  /** The arm whose model it is, or else its model's name and version; another one for each shadow of a rollout. */
  readonly name: string;
  readonly stats: ShadowStats;
}
