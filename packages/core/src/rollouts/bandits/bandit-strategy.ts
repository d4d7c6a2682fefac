import { describeValue } from '../../config';
import { FairleadError } from '../../errors';
import { optionError } from '../../option-checks';
import { type ArmChoice, championArm, type Decision, type Strategy } from '../contracts';
import { dropHarmful } from '../strategies/parts';
import {
  type ArmSums,
  type BanditState,
  presentArms,
  readBanditState,
  sumsOf,
  trusted,
  unknownArm,
} from './bandit-state';

/** What makes one bandit another one than the rest. */
export interface BanditPolicy {
  readonly name: string;
  /** Length of a context; 0 where the choice does not depend on one. */
  readonly dimensions: number;
  /** What a reward is scaled by; `undefined` where any finite number will do. */
  readonly rewardRange: readonly [least: number, greatest: number] | undefined;
  /** What each reward leaves of what was learnt before. More than 0, at most 1. */
  readonly discount: number;
  /** Least chance of each arm. @default a hundredth of all requests, shared by the arms */
  readonly explorationFloor?: number | undefined;
  readonly freezeOnHarm: boolean;
  /** Chance of each arm before the floor, in the order of the sums; they sum to 1. */
  shares(sums: readonly ArmSums[], context: readonly number[]): readonly number[];
  /** Whether shares that were computed at this count are too old for that one. */
  isStale(countThen: number, countNow: number): boolean;
  /** A sentence on what it aims at. */
  readonly until: string;
}

const noContext: readonly number[] = [];
/** Share of the requests that explore whatever is known, where a policy does not say how many. */
const exploredShare = 0.01;

/**
 * Makes the strategy of a policy. An arm is drawn from a list of chances that was computed before, so what is logged as its
 * propensity is the chance with which it was drawn, exactly.
 */
export function createBandit(policy: BanditPolicy): Strategy {
  const { name, dimensions, explorationFloor } = policy;

  const checkContext = (context: readonly number[] | undefined): readonly number[] => {
    if (dimensions === 0) return noContext;
    if (Array.isArray(context) && context.length === dimensions && context.every(Number.isFinite)) return context;
    throw invalid('INVALID_INPUT', name, 'context', `${dimensions} finite numbers`, context);
  };

  const scale = (reward: number): number => {
    const { rewardRange } = policy;
    if (rewardRange === undefined) {
      if (Number.isFinite(reward)) return reward;
      throw invalid('INVALID_ARGUMENT', name, 'reward', 'a finite number', reward);
    }
    const [least, greatest] = rewardRange;
    if (reward >= least && reward <= greatest) return (reward - least) / (greatest - least);
    throw invalid('INVALID_ARGUMENT', name, 'reward', `${least} to ${greatest}, the option rewardRange`, reward);
  };

  /** The chances of some of the arms, which sum to 1, each at least the floor. */
  const chances = (state: BanditState, arms: readonly string[], context: readonly number[]): number[] => {
    // A floor for more arms than it was made for would not leave anything: that happens to nobody who goes through start().
    const floor = Math.min(explorationFloor ?? exploredShare / arms.length, 1 / arms.length);
    const shares = dimensions === 0 ? keptShares(state, arms) : policy.shares(sumsOf(state, arms), context);
    return shares.map((share) => floor + (1 - arms.length * floor) * share);
  };

  const keptShares = (state: BanditState, arms: readonly string[]): readonly number[] => {
    const shares = arms.map((arm) => (Object.hasOwn(state.shares, arm) ? (state.shares[arm] as number) : 0));
    const sum = shares.reduce((total, share) => total + share, 0);
    // Where the best arms may not be chosen, the rest is compared anew.
    if (sum < 1e-6) return policy.shares(sumsOf(state, arms), noContext);
    return shares.map((share) => share / sum);
  };

  const withShares = (state: BanditState): BanditState => {
    if (dimensions > 0) return state;
    const arms = presentArms(state);
    const sums = sumsOf(state, arms);
    const shares = policy.shares(sums, noContext);
    return {
      ...state,
      shares: Object.fromEntries(arms.map((arm, index) => [arm, shares[index] as number])),
      sharesAt: Object.fromEntries(arms.map((arm, index) => [arm, (sums[index] as ArmSums).count])),
    };
  };

  const isStale = (state: BanditState): boolean =>
    presentArms(state).some((arm) => policy.isStale(state.sharesAt[arm] ?? 0, (state.sums[arm] as ArmSums).count));

  return {
    name,
    usesContext: dimensions > 0,
    start(arms) {
      const most = 1 / (arms.length + 1);
      if (explorationFloor !== undefined && explorationFloor > most) {
        throw optionError(name, 'explorationFloor', `at most ${most} for ${arms.length + 1} arms`, explorationFloor);
      }
      const zeros = {
        count: 0,
        total: 0,
        gram: new Array<number>((dimensions * (dimensions + 1)) / 2).fill(0),
        moment: new Array<number>(dimensions).fill(0),
      };
      const all = [championArm, ...arms];
      return withShares({
        arms: [...arms],
        frozen: '',
        sums: Object.fromEntries(all.map((arm) => [arm, zeros])),
        shares: Object.fromEntries(all.map((arm) => [arm, 1 / all.length])),
        sharesAt: Object.fromEntries(all.map((arm) => [arm, 0])),
      });
    },
    weights(given) {
      const state = readBanditState(given, dimensions, name);
      const arms = presentArms(state);
      if (dimensions === 0) {
        const found = chances(state, arms, noContext);
        return Object.fromEntries(arms.map((arm, index) => [arm, found[index] as number]));
      }
      // Who is chosen depends on the context: what was learnt tells who was chosen so far.
      const counts = sumsOf(state, arms).map(({ count }) => count + 1);
      const all = counts.reduce((sum, count) => sum + count, 0);
      return Object.fromEntries(arms.map((arm, index) => [arm, (counts[index] as number) / all]));
    },
    choose(given, context, random, arms): ArmChoice {
      const state = readBanditState(given, dimensions, name);
      if (arms.length === 0) throw invalid('INVALID_ARGUMENT', name, 'arms', 'at least one arm', arms);
      return drawArm(arms, chances(state, arms, checkContext(context)), random());
    },
    learn(given, arm, reward, context) {
      const state = readBanditState(given, dimensions, name);
      const x = checkContext(context);
      const value = scale(reward);
      if (!Object.hasOwn(state.sums, arm)) throw unknownArm(arm, Object.keys(state.sums));
      // What comes late for an arm that left, or while nothing is to be learnt, changes nothing.
      if (state.frozen !== '' || (arm !== championArm && !state.arms.includes(arm))) return state;
      const next = { ...state, sums: addReward(state.sums, arm, value, x, policy.discount) };
      return trusted(isStale(next) ? withShares(next) : next);
    },
    decide(given, evidence, { approved }): Decision {
      const state = readBanditState(given, dimensions, name);
      const harmful = dropHarmful(state, evidence);
      if (harmful !== undefined) {
        const why = policy.freezeOnHarm ? harmful.reason : '';
        return { ...harmful, state: withoutArm(state, harmful.arm as string, why) };
      }
      if (state.frozen === '') return { action: 'stay', state, reason: 'It goes on learning.' };
      if (approved) return { action: 'stay', state: { ...state, frozen: '' }, reason: 'Approved: it learns again.' };
      return { action: 'wait-for-approval', state, reason: `It learns nothing until approved, since ${state.frozen}` };
    },
    estimates(given) {
      const { sums } = readBanditState(given, dimensions, name);
      const [least, greatest] = policy.rewardRange ?? [0, 1];
      return Object.fromEntries(
        Object.entries(sums).map(([arm, { count, total }]) => [
          arm,
          { rewards: count, ...(count > 0 ? { mean: least + (greatest - least) * (total / count) } : {}) },
        ]),
      );
    },
    plan: (arms) => {
      const all = [championArm, ...arms];
      return [{ weights: Object.fromEntries(all.map((arm) => [arm, 1 / all.length])), until: policy.until }];
    },
  };
}

/** The arm that a uniform number in [0, 1) falls upon. */
export function drawArm(arms: readonly string[], chances: readonly number[], uniform: number): ArmChoice {
  let rest = uniform;
  let last = 0;
  for (let index = 0; index < arms.length; index++) {
    const chance = chances[index] as number;
    if (chance <= 0) continue;
    last = index;
    rest -= chance;
    if (rest < 0) break;
  }
  return { arm: arms[last] as string, propensity: Math.min(1, chances[last] as number) };
}

function addReward(
  all: BanditState['sums'],
  rewarded: string,
  value: number,
  x: readonly number[],
  discount: number,
): BanditState['sums'] {
  const left =
    discount === 1 ? all : Object.fromEntries(Object.entries(all).map(([arm, sums]) => [arm, scaled(sums, discount)]));
  return { ...left, [rewarded]: plus(left[rewarded] as ArmSums, value, x) };
}

function scaled({ count, total, gram, moment }: ArmSums, by: number): ArmSums {
  return {
    count: count * by,
    total: total * by,
    gram: gram.map((element) => element * by),
    moment: moment.map((element) => element * by),
  };
}

function plus({ count, total, gram, moment }: ArmSums, value: number, x: readonly number[]): ArmSums {
  const grown = [...gram];
  for (let row = 0, at = 0; row < x.length; row++) {
    for (let column = 0; column <= row; column++, at++) {
      grown[at] = (grown[at] as number) + (x[row] as number) * (x[column] as number);
    }
  }
  return {
    count: count + 1,
    total: total + value,
    gram: grown,
    moment: moment.map((element, index) => element + (x[index] as number) * value),
  };
}

/** The arm's share goes to the champion; the shares of the others stay as they are. */
function withoutArm(state: BanditState, arm: string, frozen: string): BanditState {
  const { [arm]: freed = 0, ...shares } = state.shares;
  return {
    ...state,
    arms: state.arms.filter((other) => other !== arm),
    frozen,
    shares: { ...shares, [championArm]: (shares[championArm] ?? 0) + freed },
  };
}

function invalid(
  code: 'INVALID_INPUT' | 'INVALID_ARGUMENT',
  owner: string,
  field: string,
  expected: string,
  value: unknown,
): FairleadError {
  const given = describeValue(value);
  return new FairleadError(code, `${owner}: "${field}" is wrong: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
