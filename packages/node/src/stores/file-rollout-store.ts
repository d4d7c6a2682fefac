import { type Clock, closeable, parseOptions, systemClock } from '@fairlead/core';
import {
  type BookedReward,
  bookRewards,
  mergeTallies,
  type RolloutStore,
  type SharedRewardsAnswer,
  type StoredRollout,
  type Tally,
} from '@fairlead/core/rollouts';
import * as z from 'zod/mini';
import { changeRevision, folderOf, latestRevision, readRevision } from './revisions';
import {
  checkAddition,
  checkRewards,
  checkRolloutName,
  closedError,
  conflictError,
  corrupt,
  parseStoredRollout,
} from './store-checks';
import { watchByPolling } from './watch-by-polling';

/** Options of {@link fileRolloutStore}. */
export interface FileRolloutStoreOptions {
  /** The folder; it is made when it is first needed. On one machine's file system: hard links must work in it. */
  readonly directory: string;
  /** Milliseconds between two looks of `watch` at the folder. More than 0. @default 250 */
  readonly pollMs?: number;
  /** Where time comes from. @default systemClock */
  readonly clock?: Clock;
}

const schema = z.strictObject({
  directory: z.string().check(z.minLength(1)),
  pollMs: z._default(z.number().check(z.gt(0)), 250),
  clock: z._default(
    z.custom<Clock>((value) => typeof value === 'object' && value !== null && 'setTimer' in value, 'a clock'),
    systemClock,
  ),
});

/** What replicas added under an evidence epoch. */
interface StoredEvidence {
  readonly evidenceEpoch: number;
  /** The last sequence of each replica. */
  readonly sequences: Readonly<Record<string, number>>;
  readonly sum: Tally;
}

const store = 'fileRolloutStore';

/**
 * Keeps rollouts in files, for a process that goes on after it was killed, and for the processes of one machine. State and
 * evidence are each a chain of whole revisions that is never changed in place, so a process that is killed at any moment
 * leaves either what was before or what came after, and no lock.
 *
 * A replica that starts anew under the same name counts its sequences from 1 again, and what it adds under an evidence epoch
 * that knows it already would not count: give each start another name, as the default does.
 *
 * @throws FairleadError `INVALID_OPTION`. Its functions reject with `INVALID_ARGUMENT`, `CONFLICT`, `STORE_FAILED` when the file
 * system refuses, `STORE_CORRUPT` when a file is not what was written, and `CLOSED`
 */
export function fileRolloutStore(options: FileRolloutStoreOptions): RolloutStore {
  const { directory, pollMs, clock } = parseOptions(schema, options, store);
  let closed = false;
  const folder = (rollout: string, part: 'state' | 'evidence' | 'rewards'): string => {
    if (closed) throw closedError('file store of rollouts');
    checkRolloutName(store, rollout);
    return folderOf(`${directory}/${part}`, rollout);
  };
  const read = async (rollout: string): Promise<StoredRollout | undefined> => {
    const place = folder(rollout, 'state');
    const { text } = await readRevision(place);
    return text === undefined ? undefined : parseStoredRollout(parseText(place, text), place);
  };

  return {
    name: 'file',
    read,
    async write(rollout, expectedEpoch, next) {
      const place = folder(rollout, 'state');
      const epoch = expectedEpoch + 1;
      await changeRevision(place, (text) => {
        const present = text === undefined ? 0 : parseStoredRollout(parseText(place, text), place).epoch;
        if (present !== expectedEpoch) throw conflictError(rollout, expectedEpoch, present);
        return JSON.stringify({ ...next, epoch });
      });
      return epoch;
    },
    async add(rollout, evidenceEpoch, replica, sequence, tally) {
      const place = folder(rollout, 'evidence');
      checkAddition(store, rollout, evidenceEpoch, replica, sequence, tally);
      await changeRevision(place, (text) => {
        const before = parseEvidence(place, text);
        if (before !== undefined && evidenceEpoch < before.evidenceEpoch) return undefined;
        const goesOn = before?.evidenceEpoch === evidenceEpoch;
        const sequences = goesOn ? before.sequences : {};
        const last = Object.hasOwn(sequences, replica) ? (sequences[replica] ?? 0) : 0;
        if (sequence <= last) return undefined;
        const next: StoredEvidence = {
          evidenceEpoch,
          sequences: Object.fromEntries([...Object.entries(sequences), [replica, sequence]]),
          sum: mergeTallies(goesOn ? before.sum : {}, tally),
        };
        return JSON.stringify(next);
      });
    },
    async sum(rollout, evidenceEpoch) {
      const place = folder(rollout, 'evidence');
      const kept = parseEvidence(place, (await readRevision(place)).text);
      return kept?.evidenceEpoch === evidenceEpoch ? kept.sum : {};
    },
    async shareRewards(rollout, replica, rewards, after) {
      const place = folder(rollout, 'rewards');
      checkRewards(store, replica, rewards, after);
      let answer: SharedRewardsAnswer = { isFirst: [], others: [], position: after };
      const change = (text: string | undefined): string | undefined => {
        const before = parseRewards(place, text);
        const next = bookRewards(before, replica, rewards, after);
        answer = next.answer;
        return next.booked === before ? undefined : JSON.stringify(next.booked);
      };
      await changeRevision(place, change);
      return answer;
    },
    watch(rollout, onChange) {
      const place = folder(rollout, 'state');
      let revision = -1;
      let epoch: number | undefined;
      const epochOf = async (): Promise<number | undefined> => {
        const latest = await latestRevision(place);
        if (latest !== revision) {
          epoch = (await read(rollout))?.epoch ?? 0;
          revision = latest;
        }
        return epoch;
      };
      return watchByPolling(clock, pollMs, epochOf, onChange);
    },
    ...closeable(() => {
      closed = true;
    }),
  };
}

function parseEvidence(place: string, text: string | undefined): StoredEvidence | undefined {
  if (text === undefined) return undefined;
  const value = parseText(place, text);
  const evidence = value as Partial<StoredEvidence> | null;
  const parts = [evidence?.sequences, evidence?.sum];
  const sound = parts.every((part) => typeof part === 'object' && part !== null);
  if (sound && Number.isSafeInteger(evidence?.evidenceEpoch)) return evidence as StoredEvidence;
  throw corrupt(place, 'the evidence of a rollout', value);
}

function parseRewards(place: string, text: string | undefined): readonly BookedReward[] {
  if (text === undefined) return [];
  const value = parseText(place, text);
  const isReward = (reward: Partial<BookedReward> | null): boolean =>
    [reward?.id, reward?.owner, reward?.by].every((name) => typeof name === 'string') &&
    [reward?.serial, reward?.value].every((number) => Number.isFinite(number));
  if (Array.isArray(value) && value.every(isReward)) return value as readonly BookedReward[];
  throw corrupt(place, 'the rewards of a rollout', value);
}

function parseText(place: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw corrupt(place, 'JSON', text);
  }
}
