import type { Closeable } from '../lifecycle';

/*
 * What the parts of a rollout know of one another: strategies, evidence and stores. Everything that lasts is JSON, so that a
 * store keeps it, replicas share it, and a process that was killed goes on from it.
 */

/** What survives JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The name of the champion among the arms; no challenger may have it. */
export const championArm = 'champion';

/** What a strategy remembers between two looks. */
export type StrategyState = { readonly [key: string]: Json };

/** What a strategy wants done after a look at the evidence. */
export type DecisionAction = 'stay' | 'step' | 'promote' | 'rollback' | 'wait-for-approval';

/** What a strategy decided, and why. */
export interface Decision {
  /**
   * - `stay`: nothing changes but perhaps the strategy's own state.
   * - `step`: the weights change.
   * - `promote`: `arm` becomes what everybody gets.
   * - `rollback`: everybody gets the champion again; where `arm` is given and other challengers remain, only that arm leaves.
   * - `wait-for-approval`: the weights stay until a person approves; then the strategy is asked again with `approved`.
   */
  readonly action: DecisionAction;
  readonly state: StrategyState;
  /** A sentence for a person; it goes into the history. */
  readonly reason: string;
  /** The challenger that it concerns. */
  readonly arm?: string;
}

/** The arm that answers a request, and how likely it was to be chosen: what off-policy estimates divide by. */
export interface ArmChoice {
  readonly arm: string;
  /** More than 0, at most 1. */
  readonly propensity: number;
}

/** Where a strategy is asked at a moment. */
export interface LookTime {
  /** Milliseconds since 1970-01-01 UTC, so that it means the same in every process. */
  readonly epochMs: number;
  /** Whether a person has approved since the strategy asked for it. */
  readonly approved: boolean;
}

/** One step of a dry run: what a strategy would do if nothing harms. */
export interface PlannedStep {
  readonly weights: Readonly<Record<string, number>>;
  /** A sentence for a person: what has to be true before the next step. */
  readonly until: string;
  /** Milliseconds after the start at the earliest, where the strategy knows. */
  readonly earliestMs?: number;
}

/** What a strategy has learnt of the rewards of an arm. A plain object that survives JSON. */
export interface RewardEstimate {
  /** Rewards that it goes by; those that are discounted count for less than 1. */
  readonly rewards: number;
  /** Their mean, in the unit of the rewards; absent where there are none. */
  readonly mean?: number;
}

/** Assigns, weighs, and moves on. Plain data in, plain data out; none of its functions waits for anything. */
export interface Strategy {
  readonly name: string;
  /** Whether `choose` goes by the context of a request. @default true where there is a `choose` */
  readonly usesContext?: boolean;
  /**
   * The state at the beginning.
   * @param arms the challengers' names, without the champion's
   * @throws FairleadError `INVALID_OPTION` where the strategy's options do not fit the arms
   */
  start(arms: readonly string[], epochMs: number): StrategyState;
  /** Share of each arm, the champion's among them; sums to 1. Asked once a state, never for each request. */
  weights(state: StrategyState): Readonly<Record<string, number>>;
  /**
   * Who answers this request. Bandits alone have it; without it the assignment goes by the weights and is sticky.
   * @param arms the arms that may be chosen, the champion among them
   */
  choose?(
    state: StrategyState,
    context: readonly number[] | undefined,
    random: () => number,
    arms: readonly string[],
  ): ArmChoice;
  /**
   * A reward came. It is called again, on another state, for the rewards of this process when another one wrote the state
   * first; so it must depend on nothing but its arguments.
   */
  learn?(state: StrategyState, arm: string, reward: number, context: readonly number[] | undefined): StrategyState;
  /** Asked at every look with what is known. Harm is for the strategy to act upon: see {@link EvidenceSummary}. */
  decide(state: StrategyState, evidence: EvidenceSummary, time: LookTime): Decision;
  /**
   * It stood still for so long, since somebody paused it: what goes by the clock goes on from where it was. Without it a pause changes nothing
   * for the strategy.
   */
  afterPause?(state: StrategyState, pausedMs: number): StrategyState;
  /**
   * What it learnt of each arm, the champion and those that left among them. Strategies that learn have it.
   */
  estimates?(state: StrategyState): Readonly<Record<string, RewardEstimate>>;
  /** What it would do where nothing harms, for a dry run. */
  plan(arms: readonly string[]): readonly PlannedStep[];
  /** What it hears of requests by, such as a shadow: a rollout without it among its `observers` says so when it is made. */
  readonly hearsBy?: readonly object[];
}

/**
 * What an arm did in one unit of evidence: a batch, or a block of time. Requests that shared a batch share their queue,
 * compute and failure, so they are one piece of evidence and never several.
 */
export interface Block {
  /** A challenger's name, or `champion` for the control slice. */
  readonly arm: string;
  /** Milliseconds of the clock of the process. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Requests that ended in it, answered or failed for a reason that is the arm's. */
  readonly requests: number;
  readonly failedRequests: number;
  /** How long each answered request took, in milliseconds, in no order. */
  readonly latenciesMs: readonly number[];
  /** Rewards that came for requests of the block, where the guardrail is given them. */
  readonly rewards?: readonly number[];
  /** How many features of the arm's monitor are in alarm at its end, as a share of those watched. 0 to 1. */
  readonly driftState?: number;
  /** What the block cost, in the user's unit. */
  readonly cost?: number;
}

/** One guardrail: what is measured of every block, in which direction it harms, and how much harm is let pass. */
export interface Guardrail {
  /** `errors`, `latency`, `drift`, `cost`, `reward`, or a name of the user's; another one for each guardrail of a rollout. */
  readonly name: string;
  /** Whether a higher or a lower value of the challenger is the harm. */
  readonly harmfulWhen: 'higher' | 'lower';
  /** What a challenger may be worse by, in the unit of the measure. 0 or more. */
  readonly margin: number;
  /** Least and greatest value of the measure; what lies outside is taken for the nearer one. */
  readonly bounds: readonly [least: number, greatest: number];
  /** The option of the rollout without which it hears nothing; then that is said when the rollout is made. */
  readonly needs?: 'costOf' | 'driftOf' | 'rewards';
  /**
   * Milliseconds that one piece of evidence lasts, where blocks are measured by something that does, such as an alarm: of all
   * replicas together one pair of blocks counts in this time, whichever is told first. Above 0. A rollout sees to it; who feeds a
   * test himself has to. @default every pair counts
   */
  readonly windowMs?: number;
  /** The value of a block; `undefined` where it says nothing. */
  measure(block: Block): number | undefined;
  /** What it learns of blocks that other replicas have to know. */
  readonly shared?: SharedSums;
}

/**
 * Sums that replicas add: `merge` is elementwise addition, in any order. A name means the same in every process of one
 * version of Fairlead.
 */
export type Tally = { readonly [name: string]: number | readonly number[] };

/**
 * Sums that a part of a rollout gathers beside the evidence of its guardrails, and that go to the other replicas with it. Every
 * look asks for what is new and tells the sum of all.
 */
export interface SharedSums {
  /** What was gathered since this was asked last; `undefined` where that is nothing. */
  take(): Tally | undefined;
  /** The sum of what all replicas gave, what was taken here among it. */
  setKnown(sum: Tally): void;
  /** Another run of the rollout begins: nothing of the one before counts. */
  restart(): void;
}

/** What a guardrail says of a challenger at this moment. A plain object that survives JSON. */
export interface GuardrailEvidence {
  readonly guardrail: string;
  /** Whether a higher or a lower value of the challenger is the harm. */
  readonly harmfulWhen: 'higher' | 'lower';
  readonly margin: number;
  /** Pairs of blocks that were compared. */
  readonly blocks: number;
  /** Evidence that the challenger is worse by more than the margin. It is harm where it reaches 1 / alpha. */
  readonly harm: { readonly eValue: number; readonly pValue: number };
  /** Evidence that it is not worse by more than the margin. */
  readonly nonInferiority: { readonly eValue: number; readonly pValue: number };
  /** Challenger less control, in the unit of the measure, with a confidence sequence that holds at every look at once. */
  readonly estimate: { readonly difference: number; readonly lower: number; readonly upper: number };
  /** What this guardrail may spend of the rollout's error rate. */
  readonly alpha: number;
  /** The challenger is called non-inferior where that evidence reaches 1 / this. */
  readonly maxFalsePromotionRate: number;
  readonly verdict: 'harm' | 'non-inferior' | 'inconclusive';
}

/**
 * Sequential test of one guardrail of one challenger against its concurrent control. Anytime-valid: it may be looked at
 * after every block, and what it says with an error rate of alpha holds over all looks together. Its state is a vector of
 * sums, so that the tests of twenty replicas are one.
 */
export interface SequentialTest {
  /** The state before the first block; arrays have their final length. */
  start(): Tally;
  /** The state after the k-th block of the challenger and the k-th of its control. */
  observe(tally: Tally, challenger: number, control: number): Tally;
  /** What the state says; of one process, or the sum of several. */
  assess(tally: Tally): GuardrailEvidence;
}

/** What is known of a challenger. A plain object that survives JSON. */
export interface ArmEvidence {
  readonly arm: string;
  /** Requests of the challenger that count as evidence, those that failed, and the same of its control slice. */
  readonly requests: number;
  readonly failedRequests: number;
  readonly controlRequests: number;
  readonly controlFailedRequests: number;
  readonly guardrails: readonly GuardrailEvidence[];
  /** `harm` where one guardrail says so, `non-inferior` where all do, else `inconclusive`. */
  readonly verdict: 'harm' | 'non-inferior' | 'inconclusive';
}

/** Everything that a strategy decides upon. A plain object that survives JSON. */
export interface EvidenceSummary {
  /** The challengers that are still in, by name. */
  readonly arms: Readonly<Record<string, ArmEvidence>>;
}

/**
 * Where a rollout stands.
 *
 * - `running`: challengers get their share.
 * - `paused`: the weights stay; evidence is gathered, and harm rolls back all the same.
 * - `waiting-for-approval`: the same, until a person approves.
 * - `promoted`: everybody gets the arm that won.
 * - `rolled-back`, `aborted`: everybody gets the champion.
 * - `idle`: nothing was started yet, or what there was is over.
 */
export type RolloutStatus =
  | 'idle'
  | 'running'
  | 'paused'
  | 'waiting-for-approval'
  | 'promoted'
  | 'rolled-back'
  | 'aborted';

/**
 * What was done to a rollout.
 *
 * - `start`, `step`: challengers got their first share, or another one.
 * - `drop`: one challenger of several left.
 * - `promote`, `rollback`, `abort`, `pause`, `resume`: as the functions of a rollout.
 * - `wait-for-approval`, `approve`: the strategy asked a person, and got it.
 */
export type RolloutDecision =
  | 'start'
  | 'step'
  | 'drop'
  | 'promote'
  | 'rollback'
  | 'abort'
  | 'pause'
  | 'resume'
  | 'wait-for-approval'
  | 'approve';

/** What happened to a rollout, when, and on what evidence. */
export interface HistoryEntry {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly atEpochMs: number;
  readonly decision: RolloutDecision;
  readonly from: RolloutStatus;
  readonly to: RolloutStatus;
  /** Shares after it. */
  readonly weights: Readonly<Record<string, number>>;
  /** `strategy`, `guardrail`, `alias`, or who called. */
  readonly actor: string;
  readonly reason: string;
  /** The evidence at that moment, by arm. */
  readonly evidence: EvidenceSummary;
}

/** What a store keeps of a rollout: all of it JSON. */
export interface StoredRollout {
  /** 1 for what was written first, and one more at every write. A store sets it. */
  readonly epoch: number;
  /** Version of this form. */
  readonly version: 1;
  readonly status: RolloutStatus;
  readonly strategy: string;
  readonly state: StrategyState;
  /** Shares as the strategy had them: what a replica goes by that does not know the strategy's state. */
  readonly weights: Readonly<Record<string, number>>;
  /** Challengers that are still in. */
  readonly arms: readonly string[];
  /** The digest of each arm's model when it started: what is stored says nothing about other models. */
  readonly models: Readonly<Record<string, string>>;
  /** The arm that won, once it is promoted. */
  readonly promoted?: string;
  /**
   * Which evidence counts: what replicas add is filed under it. It changes when a rollout starts, not at its steps, so that
   * one test runs from the first request to the decision and its error rate is spent once.
   */
  readonly evidenceEpoch: number;
  /** Nothing starts before; milliseconds since 1970-01-01 UTC. 0 where nothing has to wait. */
  readonly coolDownUntilEpochMs: number;
  /** The newest last; bounded. */
  readonly history: readonly HistoryEntry[];
  /**
   * What the replicas sign the ids of decisions with, in hexadecimal digits, so that each knows those of the others. Absent where
   * none of them takes rewards.
   */
  readonly secret?: string;
  /** Set when a replica gave this back to a store that had lost it: epochs began again. Absent where that never was. */
  readonly restored?: RestoredFrom;
}

/** From what a replica gave a store its state back. */
export interface RestoredFrom {
  /** When, which tells this restoration from others. */
  readonly atEpochMs: number;
  /** The restoration before; 0 for none. */
  readonly after: number;
  /** The epoch, counted since that one, of what the replica knew. */
  readonly epoch: number;
}

/** A reward on its way to all replicas. */
export interface SharedReward {
  /** Names the decision, among those of all replicas. */
  readonly id: string;
  /** The replica that took the decision. */
  readonly owner: string;
  readonly value: number;
}

/** What a store answers to rewards. */
export interface SharedRewardsAnswer {
  /** Of each reward that was given, whether this replica was the first to give one for its decision. */
  readonly isFirst: readonly boolean[];
  /** Rewards that other replicas gave for decisions of this one, oldest first. */
  readonly others: readonly SharedReward[];
  /** How far `others` reach: what the next call begins after. */
  readonly position: number;
}

/**
 * What the replicas of a rollout share: its state, fenced by epoch, and their evidence. `createMemoryRolloutStore` keeps it
 * in this process; `@fairlead/node/stores` has files and Redis.
 *
 * Every function rejects with `STORE_FAILED` when the store cannot be had. A rollout then serves by the last weights that it
 * knows, the champion where it knows none, decides nothing new, and says so.
 */
export interface RolloutStore extends Closeable {
  readonly name: string;
  /** The present state; `undefined` when nothing was ever written. */
  read(rollout: string): Promise<StoredRollout | undefined>;
  /**
   * Writes the next state if `expectedEpoch` is still the present one (0: nothing was written yet), and answers its epoch,
   * `expectedEpoch + 1`.
   * @throws FairleadError `CONFLICT` when somebody wrote first: read again
   */
  write(rollout: string, expectedEpoch: number, next: Omit<StoredRollout, 'epoch'>): Promise<number>;
  /**
   * Adds the evidence that a replica gathered since its last call. A call whose sequence is not above the last one under the same name
   * changes nothing, so that an unanswered call may be repeated, and what only one of several replicas may add has a name of its own.
   * @param replica the name that sequences are counted by
   * @param sequence above the last one of this name and evidence epoch, by one or more; 1 or more
   */
  add(rollout: string, evidenceEpoch: number, replica: string, sequence: number, tally: Tally): Promise<void>;
  /** The sum of what all replicas added under an evidence epoch; `{}` when that is nothing. */
  sum(rollout: string, evidenceEpoch: number): Promise<Tally>;
  /**
   * Gives rewards to all replicas, so that each counts once, wherever it was told: of several for one decision the first counts. The
   * same call a second time answers the same, so that an unanswered one may be repeated. At least the newest 10,000 of a rollout are
   * kept. Without this function a reward counts once in each replica that is told of it.
   * @param replica who asks
   * @param rewards each of another decision
   * @param after the position of the last answer; 0 for the first call
   */
  shareRewards?(
    rollout: string,
    replica: string,
    rewards: readonly SharedReward[],
    after: number,
  ): Promise<SharedRewardsAnswer>;
  /** Calls back when another process wrote, as soon as the store knows. Without it a rollout reads at every look. */
  watch?(rollout: string, onChange: (epoch: number) => void): Closeable;
}
