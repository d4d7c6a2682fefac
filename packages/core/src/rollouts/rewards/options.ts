import * as z from 'zod/mini';
import { type Clock, systemClock } from '../../clock';
import { parseOptions } from '../../config';
import type { LoggedDecision } from './logged-decision';

/** How decisions wait for their rewards. */
export interface RewardOptions {
  /**
   * Milliseconds after a decision within which a reward must have been earned to count for it. 1 or more.
   * @default 86400000 (a day)
   */
  readonly attributionWindowMs?: number;
  /**
   * Milliseconds after the end of the window in which rewards that were earned within it may still come in. 0 or more.
   * @default 3600000 (an hour)
   */
  readonly lateArrivalMs?: number;
  /**
   * What a decision earned for which no reward came in time: 0 where silence means that nothing was earned. Without it such a
   * decision says nothing, and nothing is learnt of it.
   */
  readonly missingReward?: number;
  /** Most decisions that are held; beyond, the oldest go, and their rewards are lost, and counted. 1 to 10000000. @default 100000 */
  readonly maxDecisions?: number;
}

/** Options of {@link createDecisionLog}. */
export interface DecisionLogOptions extends RewardOptions {
  /** Begins every id; another one in each process, so that ids are unique. @default by chance */
  readonly replica?: string;
  /** Called once for each decision whose reward is known, at once; also with {@link RewardOptions.missingReward}. */
  readonly onReward?: (decision: LoggedDecision & { readonly reward: number }) => void;
  /** Where time comes from. @default the clock of the process */
  readonly clock?: Clock;
}

/** Fields of {@link RewardOptions}. */
export const rewardFields = {
  attributionWindowMs: z._default(z.number().check(z.gte(1), z.lte(1e13)), 86_400_000),
  lateArrivalMs: z._default(z.number().check(z.gte(0), z.lte(1e13)), 3_600_000),
  missingReward: z.optional(z.number()),
  maxDecisions: z._default(z.int().check(z.gte(1), z.lte(10_000_000)), 100_000),
};

const schema = z.strictObject({
  ...rewardFields,
  replica: z._default(z.string().check(z.minLength(1), z.maxLength(200)), () => globalThis.crypto.randomUUID()),
  onReward: z.optional(
    z.custom<NonNullable<DecisionLogOptions['onReward']>>((value) => typeof value === 'function', 'a function'),
  ),
  clock: z._default(
    z.custom<Clock>((value) => typeof (value as Clock | undefined)?.epochMs === 'function', 'a clock'),
    () => systemClock,
  ),
});

/** The options, complete. @throws FairleadError `INVALID_OPTION` */
export function parseDecisionLogOptions(options: DecisionLogOptions): z.output<typeof schema> {
  return parseOptions(schema, options, 'createDecisionLog');
}
