import type { StoredModel } from '../store/registry-store';
import { identityOf } from './evidence';
import type { Approval } from './model-version';

/** What an approval is for when nobody says. */
export const defaultGate = 'approval';

/** The latest vote of everybody on each version, in the order in which they first voted. */
export function approvalsOf(model: StoredModel): ReadonlyMap<string, readonly Approval[]> {
  const votes = new Map<string, Map<string, Approval>>();
  for (const change of model.changes) {
    if (change.type !== 'approve') continue;
    const { version, gate, approved, at } = change;
    const { actor, reason } = change.evidence;
    const own = votes.get(version) ?? new Map<string, Approval>();
    votes.set(version, own.set(JSON.stringify([gate, identityOf(actor)]), { gate, actor, approved, reason, at }));
  }
  return new Map(Array.from(votes, ([version, own]) => [version, [...own.values()]]));
}
