import type { Events } from '../events';
import type { ModelRunner, RunnerHealth } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import type { Actor } from './change';
import type {
  DryRun,
  RolloutDescription,
  RolloutEventMap,
  RolloutResult,
  RolloutRunOptions,
  RolloutStats,
} from './result';
import type { RewardTime } from './rewards/decision-log';
import type { LoggedDecision } from './rewards/logged-decision';
import type { RolloutRewardOutcome, RolloutRewardStats } from './rewards/rollout-rewards';

/** A champion and its challengers as one runner. */
export interface RolloutRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  run(inputs: InputsOf<S>, options?: RolloutRunOptions): Promise<RolloutResult<S>>;
  health(): RunnerHealth;
  readonly rolloutEvents: Events<RolloutEventMap>;
  /** Whether its strategy chooses by the `context` of a request. */
  readonly takesContext: boolean;
  describe(): RolloutDescription;
  rolloutStats(): RolloutStats;
  /** What it would do where nothing harms; asks and changes nothing. */
  dryRun(): DryRun;
  /**
   * Begins, and loads challengers that are not loaded yet.
   * @throws FairleadError `CONFLICT` where it runs already, is promoted, or cools down (`details.retryAfterMs`); what a
   * challenger could not be loaded for; `STORE_FAILED`
   */
  start(by?: Actor): Promise<void>;
  /**
   * Gives everybody a challenger, whatever the evidence.
   * @throws FairleadError `CONFLICT` where it does not run, `INVALID_ARGUMENT` for an unknown arm, `STORE_FAILED`
   */
  promote(by?: Actor & { /** @default the first challenger that is still in */ readonly arm?: string }): Promise<void>;
  /**
   * Gives everybody the champion again: from the next request on, before the store is asked, and also where it cannot be had. A
   * cool-down begins.
   * @throws FairleadError `CONFLICT` where there is nothing to roll back
   */
  rollback(by?: Actor): Promise<void>;
  /** The same without a cool-down, for a rollout that is to begin again or not to be. @throws as `rollback()` */
  abort(by?: Actor): Promise<void>;
  /** Leaves the weights as they are. Harm rolls back all the same. @throws FairleadError `CONFLICT` */
  pause(by?: Actor): Promise<void>;
  /** Goes on after a pause. @throws FairleadError `CONFLICT` */
  resume(by?: Actor): Promise<void>;
  /** Lets it do what it asked for. @throws FairleadError `CONFLICT` where it does not wait for approval */
  approve(by?: Actor): Promise<void>;
  /**
   * Tells what a decision earned, late as it may be: `result.rollout.decisionId` names it. The first reward counts. Where replicas share
   * a store, any of them takes the rewards of all, and they count with its next look.
   * @param at when it was earned, in milliseconds since 1970-01-01 UTC. @default now
   * @throws FairleadError `NOT_FOUND` for what is no id of this rollout; `INVALID_ARGUMENT`; `CONFLICT` where the store has a rollout of other
   * models, whose decision it is: another replica takes it; `UNSUPPORTED` without
   * `rewards` and a strategy that learns; `CLOSED`
   */
  reward(decisionId: string, value: number, time?: RewardTime): RolloutRewardOutcome;
  /** The decisions that are held, oldest first, with what they earned: what off-policy estimates read. */
  decisions(): IterableIterator<LoggedDecision>;
  /** What became of decisions and rewards; absent where none are held. */
  rewardStats(): RolloutRewardStats | undefined;
  /** Looks at store and evidence now, and acts; it does by itself every `lookEveryMs`. */
  look(): Promise<void>;
}
