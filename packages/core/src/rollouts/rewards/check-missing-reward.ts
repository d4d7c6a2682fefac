import { FairleadError } from '../../errors';
import { optionError } from '../../option-checks';
import { championArm, type Strategy, type StrategyState } from '../contracts';

/**
 * What a decision earned that nobody rewards must be a reward that the strategy takes, for it is told within a request.
 * @throws FairleadError `INVALID_OPTION`
 */
export function checkMissingReward(strategy: Strategy, state: StrategyState, missingReward: number | undefined): void {
  if (missingReward === undefined) return;
  try {
    strategy.learn?.(state, championArm, missingReward, undefined);
  } catch (error) {
    // There is no context here; what is said of that is no matter of the option.
    if (!FairleadError.isInstance(error) || error.details.field !== 'reward') return;
    const expected = `a reward that the strategy takes, ${error.details.expected}`;
    throw optionError('createRollout', 'rewards.missingReward', expected, missingReward);
  }
}
