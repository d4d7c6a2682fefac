import * as z from 'zod/mini';
import type { Clock } from '../../clock';
import { parseOptions } from '../../config';
import type { EventListeners } from '../../events';
import type { Logger } from '../../logger';
import { optionError } from '../../option-checks';
import { clockField, listenersField, loggerField } from '../../resilience/options';
import type { ModelRunner } from '../../runner/runner';
import type { AnySignature } from '../../signature';
import { type CompareOutputsOptions, compareField } from '../compare/compare-outputs';
import type { ShadowEventMap } from './shadow-events';

/** What a shadow may take. */
export interface ShadowBudget {
  /**
   * Share of time that it may compute, compare and ask the champion again: 0.02 is 20 ms of every second. One run may go over
   * it and is paid back before the next. More than 0, at most 1. @default 0.02
   */
  readonly timeShare?: number;
  /**
   * Share of the callers' requests that may be under way while it runs, on average. One run may go over it and is paid back before the
   * next. A shadow that shares neither cores nor a device with the champion disturbs nobody: give it 1, which sets no bound. More
   * than 0, at most 1. @default 0.005
   */
  readonly overlapShare?: number;
  /** Most requests of one run, given to the shadow at once so that they can share a batch. 1 to 1000. @default 32 */
  readonly maxRequests?: number;
  /** Bytes of copies that are kept. 1 or more. @default 16777216 */
  readonly maxBytes?: number;
}

/** Options of {@link createShadow}. */
export interface ShadowOptions<S extends AnySignature = AnySignature> {
  /** Answers the callers; here it is asked how busy it is, and now and then the same again, at the lowest priority. */
  readonly champion: ModelRunner<S>;
  /** What is tried. It stays yours, and you or a rollout close it. */
  readonly shadow: ModelRunner<S>;
  readonly budget?: ShadowBudget;
  /**
   * Of so many compared requests the champion answers one twice, for the noise that its own answers have. 0: never, then nothing
   * is known of the noise. @default 8
   */
  readonly noiseEvery?: number;
  /** Milliseconds until the shadow is given up on a request. More than 0. @default 30000 */
  readonly timeoutMs?: number;
  /** How answers are compared. */
  readonly compare?: CompareOutputsOptions;
  /** How likely any bound of a disagreement may be wrong at any time. More than 0, less than 1. @default 0.05 */
  readonly alpha?: number;
  /** Where time comes from; that of the runners. @default systemClock */
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Listeners that hear everything from the beginning. */
  readonly on?: EventListeners<ShadowEventMap>;
}

const isRunner = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && typeof (value as { run?: unknown }).run === 'function';
const runnerField = z.custom<ModelRunner>(isRunner, 'a ModelRunner');
const whole = z.int().check(z.gte(1));

const schema = z.strictObject({
  champion: runnerField,
  shadow: runnerField,
  budget: z.prefault(
    z.strictObject({
      timeShare: z._default(z.number().check(z.gt(0), z.lte(1)), 0.02),
      overlapShare: z._default(z.number().check(z.gt(0), z.lte(1)), 0.005),
      maxRequests: z._default(z.int().check(z.gte(1), z.lte(1000)), 32),
      maxBytes: z._default(whole, 16 * 2 ** 20),
    }),
    {},
  ),
  noiseEvery: z._default(z.int().check(z.gte(0)), 8),
  timeoutMs: z._default(z.number().check(z.gt(0)), 30_000),
  compare: compareField,
  alpha: z._default(z.number().check(z.gt(0), z.lt(1)), 0.05),
  clock: clockField,
  logger: loggerField,
  on: listenersField<ShadowEventMap>(),
});

/** The options of a shadow, checked and with their defaults. */
export type ShadowSettings = z.output<typeof schema>;

export function parseShadowOptions(options: unknown): ShadowSettings {
  const settings = parseOptions(schema, options, 'createShadow');
  const { scores } = settings.compare;
  const { outputs } = settings.champion.signature;
  if (typeof scores !== 'string' || outputs.some(({ name }) => name === scores)) return settings;
  const expected = `one of ${outputs.map(({ name }) => name).join(', ')}, or false`;
  throw optionError('createShadow', 'compare.scores', expected, scores);
}
