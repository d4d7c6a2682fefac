import { describeValue, FairleadError } from '@fairlead/core';
import type { SharedReward, StoredRollout, Tally } from '@fairlead/core/rollouts';

/* What the stores of rollouts check and say alike. */

/** What a rollout is called: 1 to 200 characters. */
export function checkRolloutName(store: string, rollout: unknown): void {
  if (typeof rollout === 'string' && rollout.length >= 1 && rollout.length <= 200) return;
  throw wrongArgument(store, 'rollout', 'a name of 1 to 200 characters', rollout);
}

/** What a replica adds: finite numbers alone can be summed and written as JSON. */
export function checkAddition(
  store: string,
  rollout: string,
  evidenceEpoch: number,
  replica: string,
  sequence: number,
  tally: Tally,
): void {
  checkRolloutName(store, rollout);
  if (!Number.isSafeInteger(evidenceEpoch) || evidenceEpoch < 0) {
    throw wrongArgument(store, 'evidenceEpoch', 'a whole number, 0 or more', evidenceEpoch);
  }
  if (typeof replica !== 'string' || replica === '') {
    throw wrongArgument(store, 'replica', "a replica's name", replica);
  }
  if (!Number.isSafeInteger(sequence) || sequence < 1) {
    throw wrongArgument(store, 'sequence', 'a whole number, 1 or more', sequence);
  }
  for (const [name, value] of Object.entries(tally)) {
    const numbers: readonly unknown[] = Array.isArray(value) ? value : [value];
    const broken = numbers.findIndex((number) => !Number.isFinite(number));
    if (broken < 0) continue;
    throw wrongArgument(store, `tally.${name}`, 'a finite number, or an array of them', numbers[broken]);
  }
}

/** Rewards that a replica gives to the others. */
export function checkRewards(store: string, replica: string, rewards: readonly SharedReward[], after: number): void {
  if (typeof replica !== 'string' || replica === '') {
    throw wrongArgument(store, 'replica', "a replica's name", replica);
  }
  if (!Number.isSafeInteger(after) || after < 0) {
    throw wrongArgument(store, 'after', 'a whole number, 0 or more', after);
  }
  for (const [index, { id, owner, value }] of rewards.entries()) {
    const field = `rewards.${index}`;
    if (typeof id !== 'string' || id === '') throw wrongArgument(store, `${field}.id`, 'the id of a decision', id);
    if (typeof owner !== 'string' || owner === '') {
      throw wrongArgument(store, `${field}.owner`, "a replica's name", owner);
    }
    if (!Number.isFinite(value)) throw wrongArgument(store, `${field}.value`, 'a finite number', value);
  }
}

function wrongArgument(store: string, field: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  return new FairleadError('INVALID_ARGUMENT', `${store}: ${field} is wrong: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}

/** Somebody else wrote first. */
export function conflictError(rollout: string, expectedEpoch: number, epoch: number): FairleadError {
  return new FairleadError(
    'CONFLICT',
    `The rollout "${rollout}" is at epoch ${epoch}, not ${expectedEpoch}: somebody else wrote first. Read it again.`,
    { details: { field: 'expectedEpoch', expected: String(epoch), given: String(expectedEpoch) } },
  );
}

/**
 * The stored state of a text.
 * @throws FairleadError `STORE_CORRUPT` where it is none
 */
export function parseStoredRollout(value: unknown, where: string): StoredRollout {
  const stored = value as Partial<StoredRollout> | null | undefined;
  const sound =
    typeof stored === 'object' &&
    stored !== null &&
    stored.version === 1 &&
    Number.isSafeInteger(stored.epoch) &&
    Number.isSafeInteger(stored.evidenceEpoch) &&
    typeof stored.status === 'string' &&
    typeof stored.weights === 'object' &&
    typeof stored.state === 'object' &&
    (stored.secret === undefined || typeof stored.secret === 'string') &&
    Array.isArray(stored.arms) &&
    Array.isArray(stored.history);
  if (sound) return stored as StoredRollout;
  throw corrupt(where, 'the state of a rollout in version 1', value);
}

export function corrupt(where: string, expected: string, value: unknown): FairleadError {
  const given = describeValue(value);
  const message = `${where} does not hold what was written: expected ${expected}, given ${given}. Delete it to begin anew.`;
  return new FairleadError('STORE_CORRUPT', message, { details: { field: where, expected, given } });
}

export function closedError(store: string): FairleadError {
  return new FairleadError('CLOSED', `The ${store} was closed. Open another one.`);
}
