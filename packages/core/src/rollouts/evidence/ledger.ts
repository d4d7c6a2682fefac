import {
  type ArmEvidence,
  type Block,
  championArm,
  type EvidenceSummary,
  type Guardrail,
  type GuardrailEvidence,
  type SequentialTest,
  type Tally,
} from '../contracts';
import { type BlockFormer, createBlockFormer } from './blocks';
import { shareErrorRate } from './error-rate';
import { evenPair } from './even-pair';
import { createPairing, type Pair } from './pairing';
import { createSequentialTest } from './sequential-test';
import { mergeTallies, withinTally } from './tally';

/** What this process gathered, and what can be said of it. */
export interface EvidenceLedger {
  /** Where the requests of an arm are told; `champion` is the control slice. */
  readonly formers: Readonly<Record<string, BlockFormer>>;
  /** A reward came for a decision: a block of its own, whenever it comes. */
  addReward(arm: string, reward: number, now: number): void;
  /** What was gathered since this was asked last, to be added to a store. `undefined` where that is nothing. */
  take(): Tally | undefined;
  /** What was gathered and not yet taken. */
  readonly untaken: Tally;
  /** What a sum of tallies says. */
  assess(tally: Tally, arms: readonly string[]): EvidenceSummary;
  /** The sum of what was taken, here and by others: harm shows in this with what was gathered since. */
  setKnown(sum: Tally): void;
  /** Ends blocks of time that are over. */
  flush(now: number): void;
  /** Pairs of which one counts in a window of time, over all replicas, oldest first; they wait until they are dropped. */
  readonly windows: readonly WindowedTally[];
  /** The store has it, or that of another replica. */
  dropWindow(window: WindowedTally): void;
}

/** A pair of blocks that counts if no other replica's does in its window. */
export interface WindowedTally {
  /** The comparison that it belongs to; the same in every replica. */
  readonly name: string;
  /** Numbers the window; the same in every replica. */
  readonly sequence: number;
  readonly tally: Tally;
}

/** Windows that wait for the store; older ones are forgotten. */
const maxWindows = 100;
/**
 * In a window and a half a pair counts that comes in the first half of a window: so there is a whole window between any two, whatever
 * replicas they are of.
 */
const windowPart = 1.5;

export interface EvidenceLedgerOptions {
  readonly arms: readonly string[];
  readonly guardrails: readonly Guardrail[];
  /** What all guardrails of all challengers may spend together. */
  readonly alpha: number;
  /**
   * How likely a challenger that is worse by more than the margin of a guardrail may be called non-inferior by it. @default 0.05
   */
  readonly maxFalsePromotionRate?: number;
  readonly blockMs: number;
  /** The state of drift of an arm at this moment. */
  readonly driftOf?: ((arm: string) => number | undefined) | undefined;
  /** What blocks of different sizes are made equal by. @default Math.random */
  readonly random?: () => number;
  /** Milliseconds since 1970-01-01 UTC of a time of the process's clock, which windows are numbered by. @default the same number */
  readonly toEpochMs?: (now: number) => number;
  /** What this process knows by itself says that an arm harms. */
  onHarm?(arm: string): void;
}

interface Comparison {
  readonly arm: string;
  readonly prefix: string;
  readonly guardrail: Guardrail;
  readonly test: SequentialTest;
  tally: Tally;
}

/** Makes the ledger of one process for one run of a rollout. The error rate is shared out equally. */
export function createEvidenceLedger(options: EvidenceLedgerOptions): EvidenceLedger {
  const { arms, guardrails, blockMs, maxFalsePromotionRate, random = Math.random, onHarm } = options;
  const { toEpochMs = (now) => now } = options;
  const alpha = guardrails.length === 0 ? options.alpha : shareErrorRate(options.alpha, guardrails.length, arms.length);
  const promotion = maxFalsePromotionRate === undefined ? {} : { maxFalsePromotionRate };
  const comparisons = arms.flatMap((arm) =>
    guardrails.map((guardrail): Comparison => {
      const test = createSequentialTest(guardrail, alpha, promotion);
      const prefix = `${arm}/${guardrail.name}/`;
      return { arm, prefix, guardrail, test, tally: test.start() };
    }),
  );
  let totals: Record<string, number> = {};
  const count = (name: string, value: number): void => {
    totals[name] = (totals[name] ?? 0) + value;
  };

  const pairingOfEach = () => new Map(arms.map((arm) => [arm, createPairing<Block>(random)]));
  const pairings = pairingOfEach();
  // Rewards come when they come, so their neighbours are other rewards.
  const rewardPairings = pairingOfEach();

  let known: Tally = {};
  const offered = new Map<string, number>();
  let windows: readonly WindowedTally[] = [];
  /** A pair of a time, in windows since 1970: the first one that comes early in a window may count for it. */
  const offer = (prefix: string, time: number, found: Tally): void => {
    const slot = Math.floor(time / windowPart);
    if (time - slot * windowPart >= windowPart - 1) return;
    const name = `window ${prefix}`;
    const sequence = slot + 1;
    if ((offered.get(name) ?? 0) >= sequence) return;
    offered.set(name, sequence);
    const tally = Object.fromEntries(Object.entries(found).map(([of, value]) => [prefix + of, value]));
    windows = [...windows, { name, sequence, tally }].slice(-maxWindows);
  };

  /** Compares two blocks; true where harm shows. */
  const compare = (comparison: Comparison, { challenger, control }: Pair<Block>): boolean => {
    const { guardrail, test, prefix } = comparison;
    const value = guardrail.measure(challenger);
    const partner = guardrail.measure(control);
    if (value === undefined || partner === undefined || Number.isNaN(value) || Number.isNaN(partner)) return false;
    if (guardrail.windowMs !== undefined) {
      const endedAt = toEpochMs(Math.max(challenger.endedAt, control.endedAt));
      const found = test.observe(test.start(), value, partner);
      offer(prefix, Math.max(0, endedAt) / guardrail.windowMs, found);
      return false;
    }
    comparison.tally = test.observe(comparison.tally, value, partner);
    // Only what is worse than its control can bring the evidence of harm over its bound.
    const isWorse = guardrail.harmfulWhen === 'higher' ? value > partner : value < partner;
    return isWorse && test.assess(mergeTallies(withinTally(known, prefix), comparison.tally)).verdict === 'harm';
  };

  const onBlock = (block: Block): void => {
    count(`${block.arm}/requests`, block.requests);
    count(`${block.arm}/failed`, block.failedRequests);
    pairUp(block, pairings);
  };

  const pairUp = (block: Block, among: typeof pairings): void => {
    const isControl = block.arm === championArm;
    for (const [arm, pairing] of among) {
      if (!isControl && arm !== block.arm) continue;
      const pair = pairing.add(isControl ? 'control' : 'challenger', block);
      if (pair === undefined) continue;
      const even = evenPair(pair, random);
      for (const comparison of comparisons) {
        if (comparison.arm === arm && compare(comparison, even)) onHarm?.(arm);
      }
    }
  };

  const forming = [championArm, ...arms].map((arm) => ({
    arm,
    former: createBlockFormer(arm, blockMs, onBlock, options.driftOf),
  }));
  const formers = Object.fromEntries(
    forming.map(({ arm, former }): [string, BlockFormer] => [
      arm,
      {
        add(failed, startedAt, endedAt, batches, cost) {
          // Blocks come in the order of time, whichever arm they are of: only neighbours are compared.
          for (const other of forming) if (other.former !== former) other.former.flush(endedAt);
          former.add(failed, startedAt, endedAt, batches, cost);
        },
        flush: former.flush,
      },
    ]),
  );

  const gathered = (): Tally => {
    const all: Record<string, number | readonly number[]> = { ...totals };
    for (const { prefix, tally } of comparisons) {
      if (tally.blocks === 0) continue;
      for (const [name, value] of Object.entries(tally)) all[prefix + name] = value;
    }
    return all;
  };

  return {
    formers,
    addReward(arm, reward, now) {
      if (arm !== championArm && !arms.includes(arm)) return;
      const nothing = { requests: 0, failedRequests: 0, latenciesMs: [] };
      pairUp({ arm, startedAt: now, endedAt: now, ...nothing, rewards: [reward] }, rewardPairings);
    },
    take() {
      const tally = gathered();
      if (Object.keys(tally).length === 0) return undefined;
      totals = {};
      for (const comparison of comparisons) comparison.tally = comparison.test.start();
      return tally;
    },
    get untaken() {
      return gathered();
    },
    assess(tally, present) {
      const number = (name: string): number => Number(tally[name] ?? 0);
      const evidenceOf = (arm: string): ArmEvidence => {
        const found = comparisons
          .filter((comparison) => comparison.arm === arm)
          .map(({ test, prefix }) => test.assess(mergeTallies(test.start(), withinTally(tally, prefix))));
        return {
          arm,
          requests: number(`${arm}/requests`),
          failedRequests: number(`${arm}/failed`),
          controlRequests: number(`${championArm}/requests`),
          controlFailedRequests: number(`${championArm}/failed`),
          guardrails: found,
          verdict: verdictOf(found),
        };
      };
      return { arms: Object.fromEntries(present.map((arm) => [arm, evidenceOf(arm)])) };
    },
    setKnown(sum) {
      known = sum;
    },
    flush(now) {
      for (const { former } of forming) former.flush(now);
    },
    get windows() {
      return windows;
    },
    dropWindow(window) {
      windows = windows.filter((each) => each !== window);
    },
  };
}

function verdictOf(found: readonly GuardrailEvidence[]): ArmEvidence['verdict'] {
  if (found.some(({ verdict }) => verdict === 'harm')) return 'harm';
  if (found.length > 0 && found.every(({ verdict }) => verdict === 'non-inferior')) return 'non-inferior';
  return 'inconclusive';
}
