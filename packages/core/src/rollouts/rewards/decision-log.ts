import { FairleadError } from '../../errors';
import type { Tally } from '../contracts';
import { checkReward, earnedAt, invalidReward } from './check-reward';
import { DecisionRing } from './decision-ring';
import type { LoggedDecision } from './logged-decision';
import { type DecisionLogOptions, parseDecisionLogOptions } from './options';
import type { Seal } from './sealed-id';

/** A decision as it is taken. */
export interface DecisionDraft {
  /** What was chosen. Memory is held for every name ever given, so take arms and not ids. */
  readonly arm: string;
  /** The chance with which it was chosen. More than 0, at most 1. */
  readonly propensity: number;
  /** What it was chosen by; copied. */
  readonly context?: readonly number[];
  /**
   * Whether chance had a say in it. What was fixed beforehand, as for testers or a holdout, may get its reward as well, but teaches
   * nothing and is not read: it would speak for people whom no other arm could have had. @default true
   */
  readonly randomised?: boolean;
}

/**
 * What became of a reward.
 *
 * - `counted`: it is the decision's.
 * - `duplicate`: the decision has its reward, so this one changes nothing, whatever its value.
 * - `late`: it was earned after the attribution window.
 * - `gone`: the decision is held no longer: its time was over, or it gave way to newer ones. The statistics tell how many were
 *   `missing` and how many `dropped`; more are held with a greater `maxDecisions`.
 */
export type RewardOutcome = 'counted' | 'duplicate' | 'late' | 'gone';

/** What became of decisions and rewards; all but `waiting` only grow. A plain object. */
export interface DecisionLogStats {
  /** Decisions taken. */
  readonly decisions: number;
  /** Decisions without a reward that wait for one now. */
  readonly waiting: number;
  /** Decisions whose time was over before a reward came. */
  readonly missing: number;
  /** Decisions that gave way to newer ones before a reward came. */
  readonly dropped: number;
  /** Rewards by outcome. */
  readonly rewards: Readonly<Record<RewardOutcome, number>>;
  /** Duplicates whose value was another than that which counts. */
  readonly contradicted: number;
}

/** Options of one reward. */
export interface RewardTime {
  /** When it was earned, in milliseconds since 1970-01-01 UTC. @default now */
  readonly at?: number;
}

/** Holds decisions until their rewards come. */
export interface DecisionLog {
  /**
   * Takes a decision.
   * @returns its id
   * @throws FairleadError `INVALID_ARGUMENT`
   */
  add(decision: DecisionDraft): string;
  /**
   * Tells what a decision earned. The first reward counts, once.
   * @param reward any finite number
   * @throws FairleadError `NOT_FOUND` for an id that this log never gave; `INVALID_ARGUMENT` for a value that is no number, or a
   * time before the decision or after now (by more than a second, as clocks differ)
   */
  reward(decisionId: string, reward: number, time?: RewardTime): RewardOutcome;
  /** Lets go of decisions whose time is over; so does every call of `add` and `reward`. */
  expire(): void;
  /** The decisions that are held and had something of chance, oldest first. */
  read(): IterableIterator<LoggedDecision>;
  /**
   * Sums by arm over what had something of chance, since the beginning or the last call of this: `<arm>/decisions`, `<arm>/rewards` (those that counted, missing
   * ones that were given a value among them), `<arm>/total` and `<arm>/squares` of the rewards, `<arm>/weighted` of reward /
   * propensity. They are additive, so those of replicas are added by `mergeTallies`.
   */
  takeTally(): Tally;
  stats(): DecisionLogStats;
}

/**
 * Makes a log of decisions in bounded memory. A missing reward is not a zero, unless `missingReward` says so.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createDecisionLog(options: DecisionLogOptions = {}): DecisionLog {
  return createDecisionLogOf(options);
}

/** What the log of a rollout has to do with. */
export interface DecisionLogParts {
  /** The run of the rollout that decisions are taken in now; 0 for none, and then their ids are not sealed. */
  run(): number;
  /** What seals ids, once it is known. */
  seal(): Seal | undefined;
  /** A decision has its reward. Where it throws, it has not. */
  onSettle(decision: LoggedDecision & { readonly reward: number }, settled: SettledDecision): void;
}

/** What a log knows of a decision that has its reward, beside the decision. */
export interface SettledDecision {
  /** Its id without a seal. */
  readonly plainId: string;
  readonly run: number;
  /** Whether nobody told it, and it is the missing one. */
  readonly isMissing: boolean;
}

/** The log of a rollout. */
export interface RolloutDecisionLog extends DecisionLog {
  /**
   * Another replica was told the reward of a decision, and counts it.
   * @param plainId its id without a seal
   * @returns whether it is held and had none
   */
  mark(plainId: string, reward: number): boolean;
}

/** Makes the log of a rollout, or one that stands by itself. */
export function createDecisionLogOf(options: DecisionLogOptions, parts?: DecisionLogParts): RolloutDecisionLog {
  const { replica, clock, onReward, ...settings } = parseDecisionLogOptions(options);
  const { attributionWindowMs, lateArrivalMs, missingReward, maxDecisions } = settings;
  const ring = new DecisionRing(maxDecisions);
  const prefix = `${replica}:`;
  const rewards: Record<RewardOutcome, number> = { counted: 0, duplicate: 0, late: 0, gone: 0 };
  let waiting = 0;
  let missing = 0;
  let dropped = 0;
  let contradicted = 0;
  let tally: Record<string, number> = {};

  const idOf = (number: number): string => prefix + number.toString(36);
  const count = (arm: string, name: string, value: number): void => {
    const key = `${arm}/${name}`;
    tally[key] = (tally[key] ?? 0) + value;
  };

  /** What a decision that is held is called outside. */
  const nameOf = (number: number): string => {
    const run = ring.run(number);
    const seal = run === 0 ? undefined : parts?.seal();
    const id = idOf(number);
    if (seal === undefined) return id;
    const { arm, at, propensity, context } = ring.read(number, id);
    const chance = { propensity, isRandomised: ring.isRandomised(number) };
    return seal.write({ id, owner: replica, run, at, arm, ...chance, ...(context === undefined ? {} : { context }) });
  };

  const settle = (number: number, value: number, isMissing: boolean): void => {
    const decision = ring.read(number, nameOf(number));
    const isRandomised = ring.isRandomised(number);
    // First of all: where it throws, the reward does not count.
    if (isRandomised) {
      onReward?.({ ...decision, reward: value });
      parts?.onSettle({ ...decision, reward: value }, { plainId: idOf(number), run: ring.run(number), isMissing });
    }
    ring.setReward(number, value);
    if (!isRandomised) return;
    count(decision.arm, 'rewards', 1);
    count(decision.arm, 'total', value);
    count(decision.arm, 'squares', value * value);
    count(decision.arm, 'weighted', value / decision.propensity);
  };

  const release = (reason: 'expired' | 'dropped'): void => {
    const number = ring.oldest;
    if (Number.isNaN(ring.reward(number))) {
      waiting--;
      if (reason === 'dropped') dropped++;
      else {
        missing++;
        if (missingReward !== undefined) settle(number, missingReward, true);
      }
    }
    ring.drop();
  };

  const expire = (now: number): void => {
    while (ring.oldest < ring.next && now - ring.at(ring.oldest) > attributionWindowMs + lateArrivalMs) {
      release('expired');
    }
  };

  /** The number in an id without a seal, where a decision had it. */
  const heldNumber = (id: string): number | undefined => {
    const number = id.startsWith(prefix) ? Number.parseInt(id.slice(prefix.length), 36) : Number.NaN;
    return number >= 0 && number < ring.next && idOf(number) === id ? number : undefined;
  };

  /** The number in an id of this log; that of a decision that is held under a seal must have it. */
  const numberOf = (decisionId: string): number => {
    const id = parts?.seal()?.read(decisionId)?.id ?? decisionId;
    const number = heldNumber(id);
    if (number !== undefined && (number < ring.oldest || nameOf(number) === decisionId)) return number;
    const given = decisionId.slice(0, 200);
    throw new FairleadError(
      'NOT_FOUND',
      `decision log: no decision "${given}" was taken here: expected an id that begins with "${prefix}". Report a reward to the process that took the decision: the id begins with its name.`,
      { details: { field: 'decisionId', expected: `an id of this log, "${prefix}…"`, given } },
    );
  };

  const outcomeOf = (number: number, value: number, at: number | undefined, now: number): RewardOutcome => {
    if (number < ring.oldest) return 'gone';
    const decidedAt = ring.at(number);
    const earned = earnedAt(at, decidedAt, now);
    const known = ring.reward(number);
    if (!Number.isNaN(known)) {
      if (known !== value) contradicted++;
      return 'duplicate';
    }
    if (earned - decidedAt > attributionWindowMs) return 'late';
    settle(number, value, false);
    waiting--;
    return 'counted';
  };

  return {
    add({ arm, propensity, context, randomised = true }) {
      if (typeof arm !== 'string' || arm === '') throw invalidReward('arm', 'a text that is not empty', arm);
      if (!(propensity > 0 && propensity <= 1)) throw invalidReward('propensity', 'more than 0, at most 1', propensity);
      if (context !== undefined && !(Array.isArray(context) && context.every(Number.isFinite))) {
        throw invalidReward('context', 'finite numbers', context);
      }
      const now = clock.epochMs();
      expire(now);
      if (ring.isFull) release('dropped');
      waiting++;
      if (randomised) count(arm, 'decisions', 1);
      return nameOf(ring.add(now, arm, propensity, context?.slice(), randomised, parts?.run() ?? 0));
    },
    reward(decisionId, value, time) {
      const now = clock.epochMs();
      const at = checkReward(decisionId, value, time, now);
      const number = numberOf(decisionId);
      expire(now);
      const outcome = outcomeOf(number, value, at, now);
      rewards[outcome]++;
      return outcome;
    },
    expire: () => expire(clock.epochMs()),
    mark(plainId, reward) {
      const number = heldNumber(plainId);
      if (number === undefined || number < ring.oldest || !Number.isNaN(ring.reward(number))) return false;
      ring.setReward(number, reward);
      waiting--;
      return true;
    },
    *read() {
      for (let number = ring.oldest; number < ring.next; number++) {
        // What was let go since the last one is passed over.
        if (number >= ring.oldest && ring.isRandomised(number)) yield ring.read(number, nameOf(number));
      }
    },
    takeTally() {
      const taken = tally;
      tally = {};
      return taken;
    },
    stats: () => ({
      decisions: ring.next,
      waiting,
      missing,
      dropped,
      rewards: { ...rewards },
      contradicted,
    }),
  };
}
