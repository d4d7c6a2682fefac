import { type Closeable, closeable, FairleadError } from '@fairlead/core';
import type { HistoryEntry, RolloutRunner } from '@fairlead/core/rollouts';
import { type AuditedDecision, describeDecision } from './decision';

/** What an audit log reads of a rollout. */
export type AuditableRollout = Pick<RolloutRunner, 'describe' | 'rolloutEvents'>;

/** Where decisions go. */
export interface DecisionWriter {
  /** When the log was opened, in milliseconds since 1970-01-01 UTC. */
  readonly openedAtMs: number;
  /** Now, in ISO 8601. */
  at(): string;
  add(decision: AuditedDecision): void;
}

/** Decisions that are remembered as told; the history of a rollout has a hundred. */
const maxTold = 1000;

/**
 * Writes the decisions of a rollout: those since the log was opened, and of what came before the last one, which the rollout stood
 * at then. A process that starts again does not write its past again.
 *
 * @returns closing it ends that
 * @throws FairleadError `INVALID_ARGUMENT` for what is no rollout
 */
export function observeRollout(rollout: AuditableRollout, writer: DecisionWriter): Closeable {
  const { describe, rolloutEvents } = (rollout ?? {}) as Partial<AuditableRollout>;
  if (typeof describe !== 'function' || typeof rolloutEvents?.on !== 'function') {
    const expected = 'a rollout that createRollout() made';
    throw new FairleadError('INVALID_ARGUMENT', `observeRollout: expected ${expected}, given something else.`, {
      details: { field: 'rollout', expected },
    });
  }
  const told = new Set<string>();

  /** Takes an entry once, however often a rollout tells it, as it does where a store lost what it had. */
  const take = (entry: HistoryEntry, isLast: boolean): void => {
    const isFound = entry.atEpochMs < writer.openedAtMs;
    if (isFound && !isLast) return;
    const { atEpochMs, from, to, actor, reason } = entry;
    const key = JSON.stringify([atEpochMs, from, to, actor, reason]);
    if (told.has(key)) return;
    if (told.size >= maxTold) told.delete(told.values().next().value as string);
    told.add(key);
    writer.add(describeDecision(rollout.describe(), entry, writer.at(), isFound));
  };

  const onChange = (entry: HistoryEntry): void => {
    const last = rollout.describe().history.at(-1);
    take(entry, last?.atEpochMs === entry.atEpochMs && last.to === entry.to && last.reason === entry.reason);
  };
  const stop = rollout.rolloutEvents.on('rollout-change', onChange);
  const { history } = rollout.describe();
  history.forEach((entry, index) => {
    take(entry, index === history.length - 1);
  });
  return closeable(stop);
}
