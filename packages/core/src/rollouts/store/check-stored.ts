import { describeValue } from '../../config';
import { FairleadError } from '../../errors';
import type { RolloutStatus, StoredRollout } from '../contracts';

const statuses: Readonly<Record<RolloutStatus, true>> = {
  idle: true,
  running: true,
  paused: true,
  'waiting-for-approval': true,
  promoted: true,
  'rolled-back': true,
  aborted: true,
};

/**
 * What a store answered, where it is the state of a rollout.
 * @throws FairleadError `STORE_CORRUPT`
 */
export function checkStored(store: string, rollout: string, value: unknown): StoredRollout | undefined {
  if (value === undefined) return undefined;
  const given = (isRecord(value) ? value : {}) as Partial<StoredRollout>;
  const isSound =
    given.version === 1 &&
    isCount(given.epoch) &&
    isCount(given.evidenceEpoch) &&
    typeof given.status === 'string' &&
    Object.hasOwn(statuses, given.status) &&
    typeof given.strategy === 'string' &&
    isRecord(given.state) &&
    isRecord(given.weights) &&
    isRecord(given.models) &&
    isListOf(given.arms, (arm) => typeof arm === 'string') &&
    isListOf(given.history, isRecord) &&
    Number.isFinite(given.coolDownUntilEpochMs);
  if (isSound) return given as StoredRollout;
  const expected = 'the state of a rollout in version 1';
  throw new FairleadError(
    'STORE_CORRUPT',
    `The store "${store}" holds something else under "${rollout}": expected ${expected}, given ${describeValue(value)}. Delete it to begin anew, or give the rollout another name.`,
    { details: { field: rollout, expected, given: describeValue(value) } },
  );
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isListOf(value: unknown, isRight: (element: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isRight);
}
