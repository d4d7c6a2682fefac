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

/** The weights of a state. */
export function weightsOf(stored: StoredRollout, strategy: Strategy): Readonly<Record<string, number>> {
  if (isActive(stored.status)) return strategy.weights(stored.state);
  return championOr(stored.status === 'promoted' ? stored.promoted : undefined);
}

/** All for one. */
export function championOr(arm: string | undefined): Readonly<Record<string, number>> {
  return arm === undefined ? { [championArm]: 1 } : { [championArm]: 0, [arm]: 1 };
}

/** Makes the plan for weights; holdout and overrides are for as long as challengers get their share. */
export function createPlan(
  name: string,
  status: RolloutStatus,
  weights: Readonly<Record<string, number>>,
  chooses: boolean,
  assignment: AssignmentOptions,
  random: () => number,
): Plan {
  const options = isActive(status) ? assignment : {};
  const assigner = createAssigner(name, weights, options, random);
  return { status, weights, assigner, chooses: chooses && isActive(status) };
}
