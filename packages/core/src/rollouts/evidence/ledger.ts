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
import { mergeTallies } from './tally';

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
}

export interface EvidenceLedgerOptions {
  readonly arms: readonly string[];
  readonly guardrails: readonly Guardrail[];
  /** What all guardrails of all challengers may spend together. */
  readonly alpha: number;
  readonly blockMs: number;
  /** The state of drift of an arm at this moment. */
  readonly driftOf?: ((arm: string) => number | undefined) | undefined;
  /** What blocks of different sizes are made equal by. @default Math.random */
  readonly random?: () => number;
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
  const { arms, guardrails, blockMs, random = Math.random, onHarm } = options;
  const alpha = guardrails.length === 0 ? options.alpha : shareErrorRate(options.alpha, guardrails.length, arms.length);
  const comparisons = arms.flatMap((arm) =>
    guardrails.map((guardrail): Comparison => {
      const test = createSequentialTest(guardrail, alpha);
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
  /** Compares two blocks; true where harm shows. */
  const compare = (comparison: Comparison, { challenger, control }: Pair<Block>): boolean => {
    const { guardrail, test, prefix } = comparison;
    const value = guardrail.measure(challenger);
    const partner = guardrail.measure(control);
    if (value === undefined || partner === undefined || Number.isNaN(value) || Number.isNaN(partner)) return false;
    comparison.tally = test.observe(comparison.tally, value, partner);
    // Only what is worse than its control can bring the evidence of harm over its bound.
    const isWorse = guardrail.harmfulWhen === 'higher' ? value > partner : value < partner;
    return isWorse && test.assess(mergeTallies(within(known, prefix, {}), comparison.tally)).verdict === 'harm';
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
          .map(({ test, prefix }) => test.assess(within(tally, prefix, test.start())));
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
  };
}

/** The part of a tally that belongs to one test. */
function within(tally: Tally, prefix: string, empty: Tally): Tally {
  const part = Object.entries(tally).filter(([name]) => name.startsWith(prefix));
  return mergeTallies(empty, Object.fromEntries(part.map(([name, value]) => [name.slice(prefix.length), value])));
}

function verdictOf(found: readonly GuardrailEvidence[]): ArmEvidence['verdict'] {
  if (found.some(({ verdict }) => verdict === 'harm')) return 'harm';
  if (found.length > 0 && found.every(({ verdict }) => verdict === 'non-inferior')) return 'non-inferior';
  return 'inconclusive';
}
