import type { Events } from '../../events';
import type { Closeable } from '../../lifecycle';
import type { ModelInfo } from '../../runner/runner';
import type { Disagreement } from '../compare/output-agreement';
import type { Tally } from '../contracts';
import type { RequestObserver, SharedObservations } from '../observer';
import type { ShadowEventMap } from './shadow-events';

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
  /** Milliseconds that it computed and was compared, and the share of time that this is. */
  readonly spentMs: number;
  readonly timeShare: number;
}

/** A shadow at this moment, in all replicas of its rollout together. A plain object. */
export interface ShadowDescription {
  readonly model: ModelInfo;
  readonly comparisons: number;
  /** How much it disagrees with the champion beyond what the champion disagrees with itself. */
  readonly disagreements: readonly Disagreement[];
  readonly lastError?: string;
}

/** A shadow of a champion: one of the `observers` of a rollout. */
export interface Shadow extends RequestObserver, Closeable {
  readonly shadowEvents: Events<ShadowEventMap>;
  describe(): ShadowDescription;
  stats(): ShadowStats;
  /** Sums of this process, for `createOutputAgreement().assess`. */
  readonly tally: Tally;
  /** What its rollout shares among replicas. */
  readonly shared: SharedObservations;
}
