import type { Clock } from '../clock';
import { FairleadError, messageOf } from '../errors';
import type { EventSource } from '../events';
import type { Closeable } from '../lifecycle';
import type { Logger } from '../logger';
import { championArm, type HistoryEntry, type RolloutStore, type StoredRollout, type StrategyState } from './contracts';
import { championOr, isActive } from './plan';
import type { RolloutEventMap } from './result';
import { checkStored } from './store/check-stored';

/** What a rollout is, as its store and this process know it. */
export interface RolloutRecord {
  readonly stored: StoredRollout;
  /** Whether the store was ever read; until then nothing starts. */
  readonly isKnown: boolean;
  /** Whether what is stored is about other models than those here, or of a strategy that cannot read it. */
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
  /** Calls the store, and remembers where it cannot be had. */
  reach<T>(call: () => Promise<T>): Promise<T>;
  /** Everything that was asked of the store in a look was had: a store that reads and does not write is not back. */
  recovered(): void;
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
  /** Whether the strategy makes sense of a state. */
  isReadable(stored: StoredRollout): boolean;
  /** Digests by arm, of those that are loaded. */
  models(): Readonly<Record<string, string>>;
  /** Names of all challengers, loaded or not. */
  readonly challengers: readonly string[];
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
  let isReadable = true;
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
      return await inTime(call);
    } catch (error) {
      if (!FairleadError.isInstance(error, 'CONFLICT')) failed(error);
      throw error;
    }
  };

  const isForeign = (): boolean => {
    if (stored.epoch === 0) return false;
    if (stored.strategy !== parts.strategy || !isReadable) return true;
    const there = Object.keys(stored.models).filter((arm) => arm !== championArm);
    if (there.length !== parts.challengers.length || !there.every((arm) => parts.challengers.includes(arm)))
      return true;
    const here = parts.models();
    return Object.entries(stored.models).some(([arm, digest]) => (here[arm] ?? digest) !== digest);
  };

  const adopt = (next: StoredRollout, learnt: number): void => {
    unanswered = [];
    const before = stored;
    stored = next;
    isReadable = parts.isReadable(next);
    parts.onAdopt(next, before, learnt);
    for (const entry of newEntries(before.history, next.history)) {
      events.emit('rollout-change', { rollout: name, ...entry });
    }
  };

  const read = (): Promise<StoredRollout | undefined> =>
    reach(async () => checkStored(store.name, name, await store.read(name)));

  /** Takes over what was read, which may be what this process wrote without hearing of it. */
  const adoptRead = (found: StoredRollout): void => {
    const text = unanswered.length === 0 ? '' : JSON.stringify(found);
    const own = unanswered.find(({ next }) => JSON.stringify({ ...next, epoch: found.epoch }) === text);
    adopt(found, own?.learnt ?? 0);
  };

  /** Whether it is another state than the one here. An epoch alone does not tell: in a store that lost everything they begin again. */
  const isOther = (found: StoredRollout): boolean =>
    found.epoch !== stored.epoch || found.restored?.atEpochMs !== stored.restored?.atEpochMs;

  const readAgain = async (): Promise<void> => {
    const found = await read();
    isStale = false;
    if (found !== undefined && isOther(found)) adoptRead(found);
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

  /** Whether what was decided here without the store is of the run that the others are still in. */
  const isOurs = (found: StoredRollout): boolean =>
    isUnsynced && isActive(found.status) && found.evidenceEpoch === stored.evidenceEpoch;

  const refresh = async (): Promise<void> => {
    if (isKnown && !isStale && !isUnsynced && watching !== undefined && downSince === undefined) return;
    const found = await read();
    isStale = false;
    isKnown = true;
    const { epoch: _epoch, ...mine } = stored;
    if (found === undefined) {
      // A store that lost what it had gets it back from whoever comes first.
      if (stored.epoch === 0) return;
      const after = stored.restored?.atEpochMs ?? 0;
      const restored = { atEpochMs: Math.max(after + 1, clock.epochMs()), after, epoch: stored.epoch };
      await write({ ...mine, restored }, 0);
      return;
    }
    const last = stored.history.at(-1);
    if (isUnsynced && !isOther(found)) {
      await write(mine, found.epoch);
    } else if (isOurs(found) && !isActive(stored.status) && last !== undefined) {
      // The others went on meanwhile; that an arm harms counts for them too.
      await write({ ...mine, history: [...found.history, last] }, found.epoch);
    } else if (isOurs(found) && stored.status === 'paused' && last !== undefined) {
      const { epoch: _before, ...theirs } = found;
      await write({ ...theirs, status: 'paused', history: [...found.history, last] }, found.epoch);
    } else if (isOther(found)) {
      isUnsynced = false;
      adoptRead(found);
    }
  };

  const watch = (): Closeable | undefined => {
    try {
      return store.watch?.(name, (epoch) => {
        if (epoch !== stored.epoch) isStale = true;
      });
    } catch (error) {
      // What cannot be watched is read at every look.
      failed(error);
      return undefined;
    }
  };
  const watching = watch();

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
    recovered() {
      if (downSince !== undefined) events.emit('store-back', { downMs: clock.now() - downSince });
      downSince = undefined;
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
