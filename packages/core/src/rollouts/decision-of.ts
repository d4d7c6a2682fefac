import type { HistoryEntry } from './contracts';

/**
 * What an entry of a history was:
 *
 * - `start`, `step`: challengers got their first share, or another one.
 * - `drop`: one challenger of several left.
 * - `promote`, `rollback`, `abort`, `pause`, `resume`: as the functions of a rollout.
 * - `wait-for-approval`, `approve`: the strategy asked a person, and got it.
 */
export type RolloutDecision =
  | 'start'
  | 'step'
  | 'drop'
  | 'promote'
  | 'rollback'
  | 'abort'
  | 'pause'
  | 'resume'
  | 'wait-for-approval'
  | 'approve';

/** What a decision was, from its entry in the history. */
export function decisionOf({
  from,
  to,
  actor,
  evidence,
}: Pick<HistoryEntry, 'from' | 'to' | 'actor' | 'evidence'>): RolloutDecision {
  if (to === 'promoted') return 'promote';
  if (to === 'rolled-back') return 'rollback';
  if (to === 'aborted') return 'abort';
  // A guardrail rolls back; where the rollout goes on, it was one challenger that left.
  if (actor === 'guardrail') return 'drop';
  if (to === 'paused') return 'pause';
  if (to === 'waiting-for-approval') return 'wait-for-approval';
  if (from === 'paused') return 'resume';
  if (from === 'waiting-for-approval') return 'approve';
  // What begins has no evidence yet, of no arm; also where it takes the place of a rollout of other models.
  return from === 'running' && Object.keys(evidence.arms).length > 0 ? 'step' : 'start';
}
