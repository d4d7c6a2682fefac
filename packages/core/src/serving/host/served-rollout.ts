import { FairleadError } from '../../errors';
import type { RolloutRunOptions } from '../../rollouts/result';
import type { RewardTime } from '../../rollouts/rewards/decision-log';
import type { RolloutRewardOutcome } from '../../rollouts/rewards/rollout-rewards';
import type { ModelRunner, RunResult } from '../../runner/runner';
import {
  type Assignment,
  type AssignmentParameters,
  contextHeader,
  keyHeader,
  readContext,
  readKey,
} from './assignment';
import type { Call } from './call';

/** Header, or metadata of gRPC, of an answer: names the decision of a rollout, for the reward that it earns. */
export const decisionHeader = 'x-fairlead-decision-id';

/**
 * Says what a rollout assigns a request by.
 * @param call the guard has looked at it
 * @param given what the client says
 */
export type AssignmentOf = (call: Call, given: Assignment) => Assignment;

/** What a service does for a model that is a rollout, or a runner around one. */
export interface ServedRollout {
  /**
   * What the rollout assigns a request by, as options of its run.
   * @param given what the body says
   * @throws FairleadError `INVALID_ARGUMENT` for what a client may not say, `INVALID_OPTION`
   */
  optionsOf(call: Call, given?: AssignmentParameters): RolloutRunOptions;
  /** The id of the decision that an answer came of, where it is remembered for a reward and may stand in a header. */
  decisionOf(result: RunResult): string | undefined;
  /** Tells what a decision earned. Absent where none is remembered. */
  readonly reward?: Reward;
}

/** As `reward` of a rollout, or of a remote runner. */
export type Reward = (
  decisionId: string,
  value: number,
  time?: RewardTime,
) => RolloutRewardOutcome | Promise<RolloutRewardOutcome>;

/** What of a rollout can be seen from outside; a remote runner has less, and does not know the rest. */
interface RewardedRunner extends ModelRunner {
  readonly reward: Reward;
  rewardStats?(): object | undefined;
  readonly takesContext?: boolean;
}

/** No longer than what clients take for all headers of an answer, by far. */
const clean = /^[\x21-\x7e]{1,8192}$/;

/**
 * What a service has to do for a runner beyond running it; undefined for one that assigns nothing, on whose way is then nothing more.
 * @param assignmentOf where the operator gave one, every runner gets what it says: one around a rollout passes it on
 */
export function servedRollout(runner: ModelRunner, assignmentOf: AssignmentOf | undefined): ServedRollout | undefined {
  const rollout = isRewarded(runner) ? runner : undefined;
  if (rollout === undefined && assignmentOf === undefined) return undefined;
  const takesContext = rollout?.takesContext !== false;
  const remembers = rollout !== undefined && (rollout.rewardStats === undefined || rollout.rewardStats() !== undefined);
  return {
    optionsOf(call, { key, context }: AssignmentParameters = {}) {
      const said = readAssignment(call, key, takesContext ? context : undefined, takesContext);
      const found = assignmentOf === undefined ? said : checked(assignmentOf(call, said));
      return {
        ...(found.key !== undefined && { assignmentKey: found.key }),
        ...(found.context !== undefined && { context: found.context }),
      };
    },
    decisionOf(result) {
      if (!remembers) return undefined;
      const { rollout: trace } = result as RunResult & { readonly rollout?: { readonly decisionId?: unknown } };
      const id = trace?.decisionId;
      return typeof id === 'string' && clean.test(id) ? id : undefined;
    },
    ...(remembers && { reward: (decisionId, value, time) => rollout.reward(decisionId, value, time) }),
  };
}

function readAssignment(call: Call, key: unknown, context: unknown, takesContext: boolean): Assignment {
  const foundKey = readKey(call.header(keyHeader), key);
  const foundContext = takesContext ? readContext(call.header(contextHeader), context) : undefined;
  return {
    ...(foundKey !== undefined && { key: foundKey }),
    ...(foundContext !== undefined && { context: foundContext }),
  };
}

function isRewarded(runner: ModelRunner): runner is RewardedRunner {
  return typeof (runner as Partial<RewardedRunner>).reward === 'function';
}

/** What a function of the operator's answers; a promise is no assignment. */
function checked(found: Assignment): Assignment {
  const { key, context } = (found ?? {}) as Partial<Record<keyof Assignment, unknown>>;
  const isKey = key === undefined || typeof key === 'string';
  const isContext = context === undefined || (Array.isArray(context) && context.every(Number.isFinite));
  const isObject = typeof found === 'object' && found !== null && !('then' in found);
  if (isObject && isKey && isContext) return found;
  const expected = 'an object {key, context} of a text and numbers, at once';
  throw new FairleadError('INVALID_OPTION', `Option "assignmentOf" answered something else: expected ${expected}.`, {
    details: { field: 'assignmentOf', expected },
  });
}
