import { describeValue } from '../../config';
import { FairleadError } from '../../errors';
import { championArm, type StrategyState } from '../contracts';

/**
 * What was learnt of an arm: sums of rewards, each scaled to lengths of 1 where the strategy has a range for them. Without
 * discounting they are additive: the sums of two replicas are the elementwise sum of theirs.
 */
export type ArmSums = {
  /** Rewards, discounted. */
  readonly count: number;
  /** Their sum, discounted likewise. */
  readonly total: number;
  /** Σ x xᵀ over the contexts x, its lower triangle row by row; empty without contexts. */
  readonly gram: readonly number[];
  /** Σ x · reward; empty without contexts. */
  readonly moment: readonly number[];
};

/** What a bandit remembers. JSON. */
export type BanditState = {
  /** Challengers that are still in. */
  readonly arms: readonly string[];
  /** Why nothing is learnt at present; empty where it learns. */
  readonly frozen: string;
  /** By arm, the champion and those that left among them. */
  readonly sums: { readonly [arm: string]: ArmSums };
  /** Chance of each arm that is in, before the exploration floor. */
  readonly shares: { readonly [arm: string]: number };
  /** `count` of each arm when the shares were computed. */
  readonly sharesAt: { readonly [arm: string]: number };
};

/** Every arm that is in, the champion first. */
export function presentArms(state: BanditState): readonly string[] {
  return [championArm, ...state.arms];
}

/** What was learnt of some arms, in their order. */
export function sumsOf(state: BanditState, arms: readonly string[]): readonly ArmSums[] {
  return arms.map((arm) => {
    const sums = Object.hasOwn(state.sums, arm) ? state.sums[arm] : undefined;
    if (sums === undefined) throw unknownArm(arm, Object.keys(state.sums));
    return sums;
  });
}

/** The error for an arm that a bandit does not know. */
export function unknownArm(arm: string, known: readonly string[]): FairleadError {
  const expected = `one of ${known.join(', ')}`;
  return new FairleadError('INVALID_ARGUMENT', `bandit: "arm" is wrong: expected ${expected}, given "${arm}".`, {
    details: { field: 'arm', expected, given: arm },
  });
}

/** States that were checked, or made here: a state is never changed, so once is enough. */
const checked = new WeakSet<object>();

/** Marks a state that a bandit made itself, so that it is not checked again. */
export function trusted(state: BanditState): BanditState {
  checked.add(state);
  return state;
}

/**
 * A state as a bandit reads it.
 *
 * @param dimensions length of a context; 0 without contexts
 * @throws FairleadError `INVALID_ARGUMENT` where it is no bandit's, or one's with other dimensions
 */
export function readBanditState(state: StrategyState, dimensions: number, owner: string): BanditState {
  if (checked.has(state)) return state as BanditState;
  const { arms, frozen, sums, shares, sharesAt } = state;
  const triangle = (dimensions * (dimensions + 1)) / 2;
  const isSums = (value: unknown): boolean => {
    const { count, total, gram, moment } = (value ?? {}) as Partial<ArmSums>;
    return isAmount(count) && Number.isFinite(total) && isVector(gram, triangle) && isVector(moment, dimensions);
  };
  const isWhole =
    Array.isArray(arms) &&
    typeof frozen === 'string' &&
    isRecordOf(sums, isSums) &&
    isRecordOf(shares, isAmount) &&
    isRecordOf(sharesAt, isAmount) &&
    [championArm, ...arms].every((arm) =>
      [sums, shares].every((record) => Object.hasOwn(record as object, String(arm))),
    );
  if (!isWhole) {
    const expected = `the state of a bandit with ${dimensions === 0 ? 'no context' : `a context of ${dimensions}`}`;
    const given = describeValue(state);
    throw new FairleadError(
      'INVALID_ARGUMENT',
      `${owner}: "state" is wrong: expected ${expected}, given ${given}. A state belongs to one strategy: begin a new rollout for another.`,
      { details: { field: 'state', expected, given } },
    );
  }
  checked.add(state);
  return state as BanditState;
}

function isAmount(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) >= 0;
}

function isVector(value: unknown, length: number): boolean {
  return Array.isArray(value) && value.length === length && value.every((element) => Number.isFinite(element));
}

function isRecordOf(value: unknown, isRight: (value: unknown) => boolean): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isRight);
}
