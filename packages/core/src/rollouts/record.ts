import type { Clock } from '../clock';
import { FairleadError, messageOf } from '../errors';
import type { EventSource } from '../events';
import type { Logger } from '../logger';
import type { HistoryEntry, RolloutStore, StoredRollout, StrategyState } from './contracts';
import { championOr, isActive } from './plan';
import type { RolloutEventMap } from './result';

/** What a rollout is, as its store and this process know it. */
export interface RolloutRecord {
  readonly stored: StoredRollout;
  /** Whether the store was ever read; until then nothing starts. */
  readonly isKnown: boolean;
  /** Whether what is stored is about other models or another strategy than those here. */
  readonly isForeign: boolean;
  /** Since when the store cannot be had, by the clock; undefined while it can. */
  readonly downSince: number | undefined;
  readonly storeFailures: number;
  /**
   * Takes over what another replica wrote, and gives the store what was decided while it could not be had.
   * @throws what the store failed with
   */
  refresh(): Promise<void>;
  /**
   * Writes what comes next; false when somebody else wrote first, whose state it then is.
   * @param isSafe whether it holds in this process also where the store cannot be had: the way back to the champion does
   * @throws what the store failed with, where that is not so
   */
  commit(next: Omit<StoredRollout, 'epoch'>, isSafe: boolean): Promise<boolean>;
  /** Calls the store, and remembers whether it can be had. */
  reach<T>(call: () => Promise<T>): Promise<T>;
  /** Another state of the strategy, which is written when somebody commits. */
  setState(state: StrategyState): void;
  close(): Promise<void>;
}

export interface RecordParts {
  readonly name: string;
  readonly strategy: string;
  readonly store: RolloutStore;
  /** Milliseconds after which a store that has not answered has failed. */
  readonly storeTimeoutMs: number;
  /** Digests by arm, of those that are loaded. */
  models(): Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventSource<RolloutEventMap>;
  /** The present state goes to the store now, as it is. @returns how many rewards are in it that are in no other */
  onWrite(): number;
  /** The state is another one; `learnt` of the rewards of this process are in it, as this process wrote it. */
  onAdopt(stored: StoredRollout, before: StoredRollout, learnt: number): void;
}

/** Makes the record of a rollout of which nothing is known yet. */
export function createRecord(parts: RecordParts): RolloutRecord {
  const { name, store, clock, logger, events } = parts;
  let stored: StoredRollout = {
    epoch: 0,
    version: 1,
    status: 'idle',
    strategy: parts.strategy,
    state: {},
    weights: championOr(undefined),
    arms: [],
    models: {},
    evidenceEpoch: 0,
    coolDownUntilEpochMs: 0,
    history: [],
  };
  let isKnown = false;
  let isStale = true;
  let isUnsynced = false;
  /** Writes of the next epoch that may have arrived, though the store did not say so. */
  let unanswered: { readonly next: Omit<StoredRollout, 'epoch'>; readonly learnt: number }[] = [];
  let downSince: number | undefined;
  let storeFailures = 0;

  const failed = (error: unknown): void => {
    storeFailures++;
    if (downSince !== undefined) return;
    downSince = clock.now();
    if (events.listenerCount('store-fail') === 0) {
      const message = `${name}: the store cannot be had, so the weights stay as they are and only harm is acted upon: ${messageOf(error)}`;
      logger.warn({ error }, message);
    }
    events.emit('store-fail', { error });
  };

  /** A store that does not answer is one that cannot be had: nothing of a rollout waits for it without a bound. */
  const inTime = <T>(call: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const timer = clock.setTimer(() => {
        const message = `The store "${store.name}" has not answered for ${parts.storeTimeoutMs} ms. Look after it, or give it longer by storeTimeoutMs.`;
        reject(new FairleadError('STORE_FAILED', message));
      }, parts.storeTimeoutMs);
      const end = (): void => timer.clear();
      call().then(resolve, reject).finally(end);
    });

  const reach = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      const answer = await inTime(call);
      if (downSince !== undefined) events.emit('store-back', { downMs: clock.now() - downSince });
      downSince = undefined;
      return answer;
    } catch (error) {
      if (!FairleadError.isInstance(error, 'CONFLICT')) failed(error);
      throw error;
    }
  };

  const isForeign = (): boolean => {
    if (stored.epoch === 0) return false;
    if (stored.strategy !== parts.strategy) return true;
    const here = parts.models();
    return Object.entries(stored.models).some(([arm, digest]) => (here[arm] ?? digest) !== digest);
  };

  const adopt = (next: StoredRollout, learnt: number): void => {
    unanswered = [];
    const before = stored;
    stored = next;
    parts.onAdopt(next, before, learnt);
    for (const entry of newEntries(before.history, next.history)) {
      events.emit('rollout-change', { rollout: name, ...entry });
    }
  };

  /** Takes over what was read, which may be what this process wrote without hearing of it. */
  const adoptRead = (read: StoredRollout): void => {
    const text = unanswered.length === 0 ? '' : JSON.stringify(read);
    const own = unanswered.find(({ next }) => JSON.stringify({ ...next, epoch: read.epoch }) === text);
    adopt(read, own?.learnt ?? 0);
  };

  const readAgain = async (): Promise<void> => {
    const read = await reach(() => store.read(name));
    isStale = false;
    if (read !== undefined && read.epoch !== stored.epoch) adoptRead(read);
  };

  const write = async (next: Omit<StoredRollout, 'epoch'>, expectedEpoch: number): Promise<boolean> => {
    const learnt = parts.onWrite();
    try {
      const epoch = await reach(() => store.write(name, expectedEpoch, next));
      isUnsynced = false;
      adopt({ ...next, epoch }, learnt);
      return true;
    } catch (error) {
      if (!FairleadError.isInstance(error, 'CONFLICT')) {
        unanswered.push({ next, learnt });
        throw error;
      }
      isStale = true;
      return false;
    }
  };

  const refresh = async (): Promise<void> => {
    if (isKnown && !isStale && !isUnsynced && watching !== undefined && downSince === undefined) return;
    const read = await reach(() => store.read(name));
    isStale = false;
    isKnown = true;
    const { epoch: _epoch, ...mine } = stored;
    if (read === undefined) {
      // A store that lost what it had gets it back from whoever comes first.
      if (stored.epoch > 0) await write(mine, 0);
      return;
    }
    const last = stored.history.at(-1);
    if (isUnsynced && read.epoch === stored.epoch) {
      await write(mine, read.epoch);
    } else if (isUnsynced && isActive(read.status) && !isActive(stored.status) && last !== undefined) {
      // The others went on meanwhile; that an arm harms counts for them too.
      await write({ ...mine, history: [...read.history, last] }, read.epoch);
    } else if (read.epoch !== stored.epoch) {
      isUnsynced = false;
      adoptRead(read);
    }
  };

  const watching = store.watch?.(name, (epoch) => {
    if (epoch !== stored.epoch) isStale = true;
  });

  return {
    get stored() {
      return stored;
    },
    get isKnown() {
      return isKnown;
    },
    get isForeign() {
      return isForeign();
    },
    get downSince() {
      return downSince;
    },
    get storeFailures() {
      return storeFailures;
    },
    refresh,
    reach,
    async commit(next, isSafe) {
      try {
        if (await write(next, stored.epoch)) return true;
        await readAgain();
        return false;
      } catch (error) {
        if (!isSafe) throw error;
        isUnsynced = true;
        adopt({ ...next, epoch: stored.epoch }, unanswered.at(-1)?.learnt ?? 0);
        return true;
      }
    },
    setState(state) {
      stored = { ...stored, state };
    },
    async close() {
      await watching?.close();
    },
  };
}

/** What a history has that the one before did not. */
function newEntries(before: readonly HistoryEntry[], after: readonly HistoryEntry[]): readonly HistoryEntry[] {
  const last = before.at(-1);
  if (last === undefined) return after;
  const isLast = (entry: HistoryEntry): boolean =>
    entry.atEpochMs === last.atEpochMs && entry.to === last.to && entry.reason === last.reason;
  return after.slice(after.findLastIndex(isLast) + 1);
}
