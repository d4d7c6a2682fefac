import {
  type Block,
  createPairing,
  createSequentialTest,
  evenPair,
  type Guardrail,
  type SequentialTestOptions,
  type Tally,
} from '@fairlead/core/rollouts';
import { createRandom } from '../lib/random';
import type { BlockStream } from './streams';

/** The evidence of one canary, looked at after every pair of blocks. */
export interface Canary {
  observe(block: Block): void;
  /** Requests of the challenger so far, paired or not. */
  readonly requests: number;
  /** Requests of the challenger when it was rolled back, at each of the levels; `undefined` where it was not. */
  readonly harmAt: readonly (number | undefined)[];
  /** Requests of the challenger when it was promoted. */
  readonly promotedAt: number | undefined;
}

export interface CanaryOptions {
  /** Made anew for each canary, since some remember. */
  readonly guardrails: readonly Guardrail[];
  /** Error rates, each of which is shared by all guardrails. */
  readonly levels: readonly number[];
  readonly test?: SequentialTestOptions;
  /** Whether to look for a promotion too, at the first level. @default false */
  readonly promotes?: boolean;
}

/** What draws requests from the larger block of a pair, and blocks of the more frequent arm. */
const seed = 20_269;

/** Watches a canary as a rollout does: pairs of neighbours, equally large, a test for each guardrail, a look after every pair. */
export function createCanary({ guardrails, levels, test = {}, promotes = false }: CanaryOptions): Canary {
  const random = createRandom(seed);
  const pairing = createPairing<Block>(random);
  const watched = guardrails.map((guardrail) => {
    const tests = levels.map((level) => createSequentialTest(guardrail, level / guardrails.length, test));
    return { guardrail, tests, tally: tests[0]?.start() as Tally, verdict: 'inconclusive' };
  });
  const harmAt: (number | undefined)[] = levels.map(() => undefined);
  let requests = 0;
  let promotedAt: number | undefined;
  return {
    observe(block) {
      const isChallenger = block.arm !== 'champion';
      if (isChallenger) requests += block.requests;
      const pair = pairing.add(isChallenger ? 'challenger' : 'control', block);
      if (pair === undefined) return;
      const { challenger, control } = evenPair(pair, random);
      for (const one of watched) {
        const value = one.guardrail.measure(challenger);
        const partner = one.guardrail.measure(control);
        if (value === undefined || partner === undefined) continue;
        one.tally = (one.tests[0] as (typeof one.tests)[number]).observe(one.tally, value, partner);
        one.tests.forEach((sequential, level) => {
          // Harm can begin only with a pair in which the challenger did worse: looking at the others cannot find any.
          const harmMayBegin = value > partner && harmAt[level] === undefined;
          if (!harmMayBegin && !(promotes && level === 0)) return;
          const { verdict } = sequential.assess(one.tally);
          if (verdict === 'harm') harmAt[level] ??= requests;
          if (level === 0) one.verdict = verdict;
        });
      }
      if (watched.every(({ verdict }) => verdict === 'non-inferior')) promotedAt ??= requests;
    },
    get requests() {
      return requests;
    },
    harmAt,
    get promotedAt() {
      return promotedAt;
    },
  };
}

/** Feeds a canary until it is over at every level, or has had so many requests. */
export function runCanary(canary: Canary, stream: BlockStream, mostRequests: number, isOver = allHarmed): void {
  while (canary.requests < mostRequests && !isOver(canary)) canary.observe(stream());
}

function allHarmed({ harmAt }: Canary): boolean {
  return harmAt.every((at) => at !== undefined);
}
