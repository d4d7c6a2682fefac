import type { Clock } from '../../clock';
import { FairleadError, messageOf } from '../../errors';
import type { Logger } from '../../logger';
import type { RolloutStore, StoredRollout } from '../contracts';
import type { RolloutRecord } from '../record';
import { checkReward, earnedAt } from './check-reward';
import {
  createDecisionLogOf,
  type DecisionDraft,
  type DecisionLogStats,
  type RewardOutcome,
  type RewardTime,
} from './decision-log';
import type { LoggedDecision } from './logged-decision';
import { parseDecisionLogOptions, type RewardOptions } from './options';
import { createRewardExchange } from './reward-exchange';
import { createSeal, type Seal, type SealedDecision } from './sealed-id';

/**
 * What became of a reward that a rollout was told: as of {@link RewardOutcome}, or `accepted`: another replica took the decision, and the
 * reward counts with the next look, unless a third one was told of it before.
 */
export type RolloutRewardOutcome = RewardOutcome | 'accepted';

/** What became of rewards between replicas; all but `waiting` only grow. A plain object. */
export interface SharedRewardStats {
  /** Rewards of decisions of other replicas that this one was told, by outcome. */
  readonly foreign: Readonly<Record<'accepted' | 'duplicate' | 'late' | 'gone', number>>;
  /** Decisions of this replica whose reward another one was told. */
  readonly elsewhere: number;
  /** Rewards that were told here and wait for the store. */
  readonly waiting: number;
  /** Those that were told here first of all replicas, and count. */
  readonly counted: number;
  /** Those of which another replica was told before: they count there. */
  readonly duplicate: number;
  /** Those that had to wait for the store with too many others, and are lost. */
  readonly dropped: number;
}

/** What became of the decisions and rewards of a rollout in this process. */
export interface RolloutRewardStats extends DecisionLogStats {
  /** Absent where no store is shared, or it shares no rewards. */
  readonly shared?: SharedRewardStats;
}

/** The decisions of a rollout and their rewards. */
export interface RolloutRewards {
  /** Takes a decision. @returns its id */
  add(decision: DecisionDraft): string;
  reward(decisionId: string, value: number, time?: RewardTime): RolloutRewardOutcome;
  decisions(): IterableIterator<LoggedDecision>;
  stats(): RolloutRewardStats;
  /** Gives rewards to the other replicas, and hears of theirs. @throws what the store failed with */
  exchange(): Promise<void>;
}

export interface RolloutRewardsParts {
  readonly name: string;
  readonly replica: string;
  readonly options: RewardOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Absent where no other replica can have it. */
  readonly store: RolloutStore | undefined;
  readonly reach: RolloutRecord['reach'];
  stored(): StoredRollout;
  /** Whether the store has a rollout of other models or another strategy than this process. */
  isForeign(): boolean;
  /** Throws where the strategy would refuse the reward. */
  check(arm: string, reward: number, context: readonly number[] | undefined): void;
  /** @param run the run that the decision was taken in, where that is known */
  learn(arm: string, reward: number, context: readonly number[] | undefined, run: number | undefined): void;
}

type ForeignOutcome = keyof SharedRewardStats['foreign'];

/** Rewards of other replicas' decisions that are remembered, so that a second one is known without the store. */
const maxSeen = 10_000;

/**
 * Makes the rewards of a rollout. Where replicas share a store, ids are sealed with a key that they share too, so that each can credit
 * the decisions of all, also of one that is gone; and a reward counts when the store has said that it is the first.
 */
export function createRolloutRewards(parts: RolloutRewardsParts): RolloutRewards {
  const { name, replica, options, clock, logger, store, learn } = parts;
  const { attributionWindowMs, lateArrivalMs } = parseDecisionLogOptions(options);
  const foreign = { accepted: 0, duplicate: 0, late: 0, gone: 0 };
  const seen = new Set<string>();
  let elsewhere = 0;

  let key: string | undefined;
  let seal: Seal | undefined;
  const sealNow = (): Seal | undefined => {
    const { secret } = parts.stored();
    if (secret !== key) {
      key = secret;
      seal = secret === undefined ? undefined : createSeal(secret);
    }
    return seal;
  };

  const exchange =
    store?.shareRewards === undefined
      ? undefined
      : createRewardExchange({
          store: { shareRewards: store.shareRewards.bind(store) },
          rollout: name,
          replica,
          reach: parts.reach,
          onOther: ({ id, value }) => {
            if (log.mark(id, value)) elsewhere++;
          },
        });

  /** Credits a reward when it is known to be the first; the strategy has not refused it, but its state may be another one by then. */
  const credited = (decision: Pick<LoggedDecision, 'arm' | 'context'>, reward: number, run: number) => (): void => {
    try {
      learn(decision.arm, reward, decision.context, run);
    } catch (error) {
      logger.error({ error }, `${name}: a reward could not be learnt: ${messageOf(error)}`);
    }
  };

  const log = createDecisionLogOf(
    { ...options, replica, clock },
    {
      run: () => (sealNow() === undefined ? 0 : parts.stored().evidenceEpoch),
      seal: sealNow,
      onSettle(decision, { plainId, run, isMissing }) {
        const { arm, reward, context } = decision;
        parts.check(arm, reward, context);
        // A missing reward is nobody else's to tell.
        if (exchange === undefined || isMissing) learn(arm, reward, context, run === 0 ? undefined : run);
        else
          exchange.add({ id: plainId, owner: replica, value: reward }, credited(decision, reward, run), isKnown(run));
      },
    },
  );

  /** A run that began a moment ago may not be known here yet; a reward waits for it. */
  const isKnown = (run: number) => (): boolean => run <= parts.stored().evidenceEpoch;

  const ofOtherModels = (): FairleadError => {
    const expected = 'a replica with the models of the rollout';
    return new FairleadError(
      'CONFLICT',
      `${name}: the decision is of a rollout of other models or another strategy than this process has, so it can count nothing for it. Tell another replica.`,
      { details: { field: 'decisionId', expected, given: 'one with others' } },
    );
  };

  const unknown = (decisionId: string): FairleadError => {
    const given = decisionId.slice(0, 200);
    const expected = 'the decisionId of an answer of this rollout, unchanged';
    const hint =
      store === undefined
        ? 'Replicas know the decisions of one another when they share a store.'
        : 'The id of another rollout, of one under the same name with another store, or of a replica that had not read its store yet cannot be known here.';
    return new FairleadError('NOT_FOUND', `${name}: no decision "${given}" is known: expected ${expected}. ${hint}`, {
      details: { field: 'decisionId', expected, given },
    });
  };

  const rewardForeign = (
    decision: SealedDecision,
    value: number,
    at: number | undefined,
    now: number,
  ): ForeignOutcome => {
    const { id, owner, arm, context, run, isRandomised } = decision;
    if (run === parts.stored().evidenceEpoch && parts.isForeign()) throw ofOtherModels();
    const earned = earnedAt(at, decision.at, now);
    if (now - decision.at > attributionWindowMs + lateArrivalMs) return 'gone';
    if (seen.has(id)) return 'duplicate';
    if (earned - decision.at > attributionWindowMs) return 'late';
    if (isRandomised) parts.check(arm, value, context);
    seen.add(id);
    if (seen.size > maxSeen) for (const oldest of seen.keys()) if (seen.delete(oldest)) break;
    const credit = isRandomised ? credited(decision, value, run) : () => {};
    if (exchange === undefined) credit();
    else exchange.add({ id, owner, value }, credit, isKnown(run));
    return 'accepted';
  };

  return {
    add: (decision) => log.add(decision),
    reward(decisionId, value, time) {
      const now = clock.epochMs();
      const at = checkReward(decisionId, value, time, now);
      if (decisionId.startsWith(`${replica}:`)) return log.reward(decisionId, value, time);
      const decision = sealNow()?.read(decisionId);
      if (decision === undefined) throw unknown(decisionId);
      const outcome = rewardForeign(decision, value, at, now);
      foreign[outcome]++;
      return outcome;
    },
    decisions: () => log.read(),
    stats: () => ({
      ...log.stats(),
      ...(exchange === undefined ? {} : { shared: { foreign: { ...foreign }, elsewhere, ...exchange.counts } }),
    }),
    async exchange() {
      if (exchange === undefined || (exchange.counts.waiting === 0 && log.stats().waiting === 0)) return;
      await exchange.exchange();
    },
  };
}
