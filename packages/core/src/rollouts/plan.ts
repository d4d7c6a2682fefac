import { optionError } from '../option-checks';
import { type Assigner, type AssignmentOptions, createAssigner } from './assignment/assignment';
import { championArm, type RolloutStatus, type StoredRollout, type Strategy } from './contracts';

/** How requests are routed at this moment. It is replaced as a whole, so that a request sees the one or the other. */
export interface Plan {
  readonly status: RolloutStatus;
  readonly weights: Readonly<Record<string, number>>;
  readonly assigner: Assigner;
  /** Whether the strategy chooses for each request. */
  readonly chooses: boolean;
}

/** Whether challengers get their share. */
export function isActive(status: RolloutStatus): boolean {
  return status === 'running' || status === 'paused' || status === 'waiting-for-approval';
}

/**
 * The weights of a state.
 * @throws FairleadError `INVALID_OPTION` where a strategy answers what is no weights; what the strategy throws
 */
export function weightsOf(stored: StoredRollout, strategy: Strategy): Readonly<Record<string, number>> {
  if (isActive(stored.status)) return checkedWeights(strategy.weights(stored.state));
  return championOr(stored.status === 'promoted' ? stored.promoted : undefined);
}

/** What a sum of shares may be off by, for 1/3 is no number of a computer. */
const rounding = 1e-6;

/**
 * The weights that a strategy answered.
 * @throws FairleadError `INVALID_OPTION` where they are none
 */
export function checkedWeights(weights: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const shares = typeof weights === 'object' && weights !== null ? Object.values(weights) : [];
  const sum = shares.reduce((total, share) => total + share, 0);
  if (shares.every((share) => share >= 0) && Math.abs(sum - 1) <= rounding) return weights;
  throw optionError('createRollout', 'strategy', 'weights of 0 or more that sum to 1', weights);
}

/** All for one. */
export function championOr(arm: string | undefined): Readonly<Record<string, number>> {
  return arm === undefined ? { [championArm]: 1 } : { [championArm]: 0, [arm]: 1 };
}

/** What plans of one rollout have in common. */
export interface PlanParts {
  readonly name: string;
  readonly assignment: AssignmentOptions;
  /** Whether the strategy chooses for each request while challengers get their share. */
  readonly chooses: boolean;
  /** Weights of all challengers as they are at the beginning, in every process the same. */
  readonly layout: Readonly<Record<string, number>>;
  readonly random: () => number;
}

/** Where keys of challengers lie: as their weights are at the beginning, evenly where they have none then. */
export function layoutOf(
  weights: Readonly<Record<string, number>>,
  challengers: readonly string[],
): Readonly<Record<string, number>> {
  const isWeighed = challengers.every((arm) => (weights[arm] ?? 0) > 0);
  return Object.fromEntries(challengers.map((arm) => [arm, isWeighed ? (weights[arm] ?? 0) : 1 / challengers.length]));
}

/**
 * Makes the plan for weights; holdout and overrides are for as long as challengers get their share.
 * @param arms challengers that are still in: overrides to one that left are those of the champion
 */
export function createPlan(
  { name, assignment, chooses, layout, random }: PlanParts,
  status: RolloutStatus,
  weights: Readonly<Record<string, number>>,
  arms: readonly string[],
): Plan {
  const { overrides = {}, ...others } = assignment;
  const present = Object.entries(overrides).map(([key, arm]) => [key, arms.includes(arm) ? arm : championArm]);
  const options = isActive(status) ? { ...others, overrides: Object.fromEntries(present) } : {};
  const assigner = createAssigner(name, weights, options, random, layout);
  return { status, weights, assigner, chooses: chooses && isActive(status) };
}

/** Whether the shares of all arms are the same. */
export function sameWeights(one: Plan['weights'], other: Plan['weights']): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((arm) => one[arm] === other[arm]);
}
