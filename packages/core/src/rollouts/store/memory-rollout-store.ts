import { FairleadError } from '../../errors';
import { closeable } from '../../lifecycle';
import type { RolloutStore, StoredRollout, Tally } from '../contracts';
import { mergeTallies } from '../evidence/tally';
import { type BookedReward, bookRewards } from './reward-book';

interface Kept {
  stored: StoredRollout | undefined;
  evidenceEpoch: number;
  sum: Tally;
  /** The last sequence of each replica under the evidence epoch. */
  readonly sequences: Map<string, number>;
  rewards: readonly BookedReward[];
  readonly watchers: Set<(epoch: number) => void>;
}

/**
 * Keeps rollouts in this process. Rollouts that share one store object share their decisions; with the process everything
 * is gone, and the next one begins anew.
 */
export function createMemoryRolloutStore(): RolloutStore {
  const rollouts = new Map<string, Kept>();
  const keptOf = (name: string): Kept => {
    let kept = rollouts.get(name);
    if (kept === undefined) {
      kept = { stored: undefined, evidenceEpoch: 0, sum: {}, sequences: new Map(), rewards: [], watchers: new Set() };
      rollouts.set(name, kept);
    }
    return kept;
  };
  return {
    name: 'memory',
    async read(rollout) {
      return keptOf(rollout).stored;
    },
    async write(rollout, expectedEpoch, next) {
      const kept = keptOf(rollout);
      const epoch = kept.stored?.epoch ?? 0;
      if (epoch !== expectedEpoch) {
        throw new FairleadError(
          'CONFLICT',
          `The rollout "${rollout}" is at epoch ${epoch}, not ${expectedEpoch}: somebody else wrote first. Read it again.`,
          { details: { field: 'expectedEpoch', expected: String(epoch), given: String(expectedEpoch) } },
        );
      }
      kept.stored = { ...next, epoch: epoch + 1 };
      for (const onChange of [...kept.watchers]) onChange(epoch + 1);
      return epoch + 1;
    },
    async add(rollout, evidenceEpoch, replica, sequence, tally) {
      const kept = keptOf(rollout);
      if (evidenceEpoch < kept.evidenceEpoch) return;
      if (evidenceEpoch > kept.evidenceEpoch) {
        kept.evidenceEpoch = evidenceEpoch;
        kept.sum = {};
        kept.sequences.clear();
      }
      if (sequence <= (kept.sequences.get(replica) ?? 0)) return;
      kept.sequences.set(replica, sequence);
      kept.sum = mergeTallies(kept.sum, tally);
    },
    async sum(rollout, evidenceEpoch) {
      const kept = keptOf(rollout);
      return kept.evidenceEpoch === evidenceEpoch ? kept.sum : {};
    },
    async shareRewards(rollout, replica, rewards, after) {
      const kept = keptOf(rollout);
      const { booked, answer } = bookRewards(kept.rewards, replica, rewards, after);
      kept.rewards = booked;
      return answer;
    },
    watch(rollout, onChange) {
      const { watchers } = keptOf(rollout);
      watchers.add(onChange);
      return closeable(() => void watchers.delete(onChange));
    },
    ...closeable(() => rollouts.clear()),
  };
}
