import type { RolloutStore, SharedReward } from '../contracts';
import type { RolloutRecord } from '../record';

/** Rewards on their way to the store, of which each counts once in all replicas. */
export interface RewardExchange {
  /**
   * Takes a reward that this process was told.
   * @param credit what makes it count; called once, if nobody else was told of one for the same decision before
   * @param isReady whether it can be made count yet; until then it waits
   */
  add(reward: SharedReward, credit: () => void, isReady: () => boolean): void;
  /**
   * Gives what was taken to the store, and hears what others were told.
   * @throws what the store failed with; what could not be given is given again, as it was
   */
  exchange(): Promise<void>;
  /** `waiting` for the store, `counted` here, `duplicate` of what another replica was told first, `dropped` since too many waited. */
  readonly counts: Readonly<Record<'waiting' | 'counted' | 'duplicate' | 'dropped', number>>;
}

export interface RewardExchangeParts {
  readonly store: Required<Pick<RolloutStore, 'shareRewards'>>;
  readonly rollout: string;
  readonly replica: string;
  /** Calls the store. */
  readonly reach: RolloutRecord['reach'];
  /** Another replica was told the reward of a decision of this one. */
  onOther(reward: SharedReward): void;
}

interface Entry {
  readonly reward: SharedReward;
  readonly credit: () => void;
  readonly isReady: () => boolean;
}

/** Rewards that wait while the store cannot be had; older ones are dropped. */
const maxWaiting = 10_000;
/** Rewards of one call. */
const atOnce = 500;
/** Calls of one look. */
const maxCalls = 8;

/** Makes the exchange of one process. */
export function createRewardExchange(parts: RewardExchangeParts): RewardExchange {
  const { store, rollout, replica, reach, onOther } = parts;
  let waiting: Entry[] = [];
  /** What a call was not answered for. */
  let given: Entry[] = [];
  let position = 0;
  let counted = 0;
  let duplicate = 0;
  let dropped = 0;

  return {
    add(reward, credit, isReady) {
      waiting.push({ reward, credit, isReady });
      if (waiting.length <= maxWaiting) return;
      waiting.shift();
      dropped++;
    },
    async exchange() {
      for (let call = 0; call < maxCalls; call++) {
        if (given.length === 0) {
          given = waiting.filter(({ isReady }) => isReady()).slice(0, atOnce);
          const taken = new Set(given);
          waiting = waiting.filter((entry) => !taken.has(entry));
          if (given.length === 0 && call > 0) return;
        }
        const rewards = given.map(({ reward }) => reward);
        const answer = await reach(() => store.shareRewards(rollout, replica, rewards, position));
        position = answer.position;
        const answered = given;
        given = [];
        for (const [index, { credit }] of answered.entries()) {
          if (answer.isFirst[index] === true) {
            counted++;
            credit();
          } else duplicate++;
        }
        for (const other of answer.others) onOther(other);
      }
    },
    get counts() {
      return { waiting: waiting.length + given.length, counted, duplicate, dropped };
    },
  };
}
