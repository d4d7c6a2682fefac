import type {
  EvidenceSummary,
  HistoryEntry,
  RolloutDecision,
  RolloutStatus,
  StoredRollout,
  Strategy,
} from './contracts';
import { weightsOf } from './plan';

/** Entries of the history that are kept. */
const maxHistory = 100;

/** Who wants something done, and why; both go into the history. */
export interface Actor {
  /** Who or what. @default 'user' */
  readonly actor?: string;
  /** Why. @default 'By hand.' */
  readonly reason?: string;
}

/** What changes a rollout. */
export interface Change {
  readonly to: RolloutStatus;
  readonly actor: string;
  readonly reason: string;
  readonly state?: StoredRollout['state'];
  readonly arms?: readonly string[];
  readonly promoted?: string;
  readonly startsAnew?: boolean;
}

/** What a change is made upon. */
export interface ChangeParts {
  readonly stored: StoredRollout;
  readonly strategy: Strategy;
  /** Digests by arm. */
  readonly models: Readonly<Record<string, string>>;
  readonly evidence: EvidenceSummary;
  readonly epochMs: number;
  readonly coolDownMs: number;
  /** What ids are sealed with from the start of a run on, where there is no secret yet. */
  readonly secret?: string | undefined;
}

/** The state of a rollout after a change, with an entry of its history. */
export function stateAfter(change: Change, parts: ChangeParts): Omit<StoredRollout, 'epoch'> {
  const { stored, strategy, models, evidence, epochMs, coolDownMs } = parts;
  const { to, actor, reason, startsAnew = false, promoted } = change;
  const secret = stored.secret ?? (startsAnew ? parts.secret : undefined);
  const { promoted: _before, ...kept } = stored;
  const changed: StoredRollout = {
    ...kept,
    status: to,
    strategy: strategy.name,
    state: change.state ?? stored.state,
    arms: change.arms ?? stored.arms,
    models: startsAnew ? models : stored.models,
    evidenceEpoch: startsAnew ? evidenceEpochAfter(stored, epochMs) : stored.evidenceEpoch,
    coolDownUntilEpochMs: to === 'rolled-back' ? epochMs + coolDownMs : stored.coolDownUntilEpochMs,
    ...(promoted === undefined ? {} : { promoted }),
    ...(secret === undefined ? {} : { secret }),
  };
  const weights = weightsOf(changed, strategy);
  const entry: HistoryEntry = {
    atEpochMs: epochMs,
    decision: decisionOf(change, stored),
    from: stored.status,
    to,
    weights,
    actor,
    reason,
    evidence: startsAnew ? { arms: {} } : evidence,
  };
  const { epoch: _epoch, ...next } = changed;
  return { ...next, weights, history: [...stored.history, entry].slice(-maxHistory) };
}

/**
 * The next evidence epoch: never one that was before. It is the time, for of a store whose state was deleted the evidence may have
 * stayed, and that of another run must not be taken for this one's; and more than the last one, for clocks differ.
 */
function evidenceEpochAfter({ evidenceEpoch }: StoredRollout, epochMs: number): number {
  return Math.max(evidenceEpoch + 1, Math.floor(epochMs));
}

/** What a change is, seen from where the rollout stood. */
function decisionOf({ to, arms, startsAnew }: Change, stored: StoredRollout): RolloutDecision {
  if (startsAnew === true) return 'start';
  if (to === 'promoted') return 'promote';
  if (to === 'rolled-back') return 'rollback';
  if (to === 'aborted') return 'abort';
  if (arms !== undefined && arms.length < stored.arms.length) return 'drop';
  if (to === 'paused') return 'pause';
  if (to === 'waiting-for-approval') return 'wait-for-approval';
  if (stored.status === 'paused') return 'resume';
  return stored.status === 'waiting-for-approval' ? 'approve' : 'step';
}
