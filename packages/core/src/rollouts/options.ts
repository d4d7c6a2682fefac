import * as z from 'zod/mini';
import type { Clock } from '../clock';
import { parseOptions } from '../config';
import type { EventListeners } from '../events';
import type { CallOptions } from '../lifecycle';
import { guardLogger, type Logger } from '../logger';
import type { AliasControl } from '../model-source';
import { optionError } from '../option-checks';
import type { SampledFailures } from '../resilience/circuit';
import { clockField, listenersField, loggerField } from '../resilience/options';
import type { ModelRunner, RunResult } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import type { AssignmentOptions } from './assignment/assignment';
import { championArm, type Guardrail, type RolloutStore, type Strategy } from './contracts';
import { errorsGuardrail } from './evidence/guardrails';
import type { RequestObserver } from './observer';
import type { ApprovalRequest, RolloutEventMap, RolloutRunOptions } from './result';
import { type RewardOptions, rewardFields } from './rewards/options';
import { createMemoryRolloutStore } from './store/memory-rollout-store';

/**
 * A challenger: a runner, or a function that makes one. Where a function fails, or makes a runner of another signature, the
 * rollout does not start, says so, and the champion serves; `start()` asks it again.
 */
export type Challenger<S extends AnySignature = AnySignature> =
  | ModelRunner<S>
  | ((options: CallOptions) => ModelRunner<S> | Promise<ModelRunner<S>>);

/** When a challenger is left alone for a while, and what becomes of its requests. */
export interface BreakerOptions {
  /** Failures that open it: so many in a row, or a share of the last requests. @default 10 */
  readonly failures?: number | SampledFailures;
  /** Milliseconds until a request tries it again. More than 0. @default 5000 */
  readonly halfOpenAfterMs?: number;
  /**
   * Whether the champion answers what a challenger failed at, in the same request, where there is time left for it. Inputs
   * of challengers' requests are copied for it.
   * @default true
   */
  readonly fallback?: boolean;
}

/** The options of assignment with the key. */
export interface RolloutAssignmentOptions<S extends AnySignature = AnySignature> extends AssignmentOptions {
  /**
   * The unit of assignment of a request. Without one a request is assigned by chance.
   * @default options.assignmentKey, else options.key
   */
  readonly key?: (inputs: InputsOf<S>, options: RolloutRunOptions) => string | undefined;
}

/** Options of {@link createRollout}. */
export interface RolloutOptions<S extends AnySignature = AnySignature> {
  /** Names the rollout in its store, its events and its metrics, and spreads its keys. 1 to 200 characters. */
  readonly name: string;
  /** Answers whenever nothing else was decided; loaded and warm throughout. */
  readonly champion: ModelRunner<S>;
  /** What may take its place, by name; at least one. `champion` is no name for one. */
  readonly challengers: Readonly<Record<string, Challenger<S>>>;
  /** How challengers get their share. */
  readonly strategy: Strategy;
  /** What must not become worse. With none, evidence never decides. @default [errorsGuardrail()] */
  readonly guardrails?: readonly Guardrail[];
  /**
   * How often a challenger that is not worse may be rolled back all the same: the error rate of all guardrails and
   * challengers together, over the whole rollout, however often it is looked at. More than 0, less than 1. @default 0.01
   */
  readonly maxFalseRollbackRate?: number;
  /**
   * How often a challenger that is worse than its control by more than the margin of a guardrail may be called non-inferior by it all the
   * same, over the whole rollout, for each challenger: what `promoteOn: 'non-inferior'` waits for is evidence of 1 / this. It is not shared
   * among guardrails, since all of them have to agree. More than 0, less than 1. @default 0.05
   */
  readonly maxFalsePromotionRate?: number;
  readonly assignment?: RolloutAssignmentOptions<S>;
  readonly breaker?: BreakerOptions;
  /** Milliseconds after a rollback in which nothing starts. 0 or more. @default 600000 */
  readonly coolDownMs?: number;
  /** Whether it starts by itself, where its store knows nothing of it yet; else by `start()` or by its alias. @default true */
  readonly autoStart?: boolean;
  /** Where state and evidence are kept; shared by the replicas of a service. @default a memory store */
  readonly store?: RolloutStore;
  /** Milliseconds after which a store that has not answered counts as one that cannot be had. More than 0. @default 2000 */
  readonly storeTimeoutMs?: number;
  /** Names this process among the replicas; another one in each. @default by chance */
  readonly replica?: string;
  /**
   * The registry's pointer to the version that serves. It moves with promotions and rollbacks, and where somebody else moves it
   * to a challenger's version, the rollout starts.
   */
  readonly alias?: AliasControl;
  /** Asked when the strategy wants approval: true goes on, false rolls back. Without it somebody calls `approve()`. */
  readonly onApproval?: (request: ApprovalRequest) => boolean | Promise<boolean>;
  /**
   * How decisions wait for their rewards. Without it and a strategy that learns, nothing is remembered of a decision, and `reward()`
   * refuses.
   */
  readonly rewards?: RewardOptions;
  /** What an answer cost, in a unit of the user's, for `costGuardrail()`; `undefined` where that is not known. */
  readonly costOf?: (answer: RunResult, arm: string, tookMs: number) => number | undefined;
  /** What share of an arm's watched features is in alarm now, for `driftGuardrail()`; asked at the end of every block. */
  readonly driftOf?: (arm: string) => number | undefined;
  /** What sees requests beside their way. @default none */
  readonly observers?: readonly RequestObserver[];
  /** Milliseconds between two looks at the evidence; harm that shows in this process is looked at at once. @default 1000 */
  readonly lookEveryMs?: number;
  /** Milliseconds that a block of time lasts, for what tells no batch. @default 50 */
  readonly blockMs?: number;
  /** Where time comes from; that of the runners. @default systemClock */
  readonly clock?: Clock;
  /** Chance, from 0 to less than 1. @default Math.random */
  readonly random?: () => number;
  readonly logger?: Logger;
  /** Listeners that hear everything from the beginning. */
  readonly on?: EventListeners<RolloutEventMap>;
}

/** Complete by its type: a listener of a name that is none would never hear anything. */
const eventNames: Readonly<Record<keyof RolloutEventMap, true>> = {
  'rollout-change': true,
  'approval-request': true,
  'request-fall-back': true,
  'arm-open': true,
  'arm-close': true,
  'arm-load-fail': true,
  'sample-ratio-mismatch': true,
  'store-fail': true,
  'store-back': true,
  'alias-fail': true,
};

const isFunction = (value: unknown): boolean => typeof value === 'function';
/** Whether a value is a runner; what a function of a challenger answers is asked too. */
export const isRunner = (value: unknown): value is ModelRunner =>
  hasMethods(value, 'run', 'close') &&
  ['signature', 'model'].every((field) => isObject((value as Record<string, unknown>)[field]));
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const runnerField = z.custom<ModelRunner>(isRunner, 'a ModelRunner');
const challengerField = z.custom<Challenger>(
  (value) => typeof value === 'function' || isRunner(value),
  'a ModelRunner, or a function that makes one',
);
const guardrailField = z.custom<Guardrail>((value) => hasMethods(value, 'measure'), 'a guardrail');
const unit = z.number().check(z.gte(0), z.lte(1));
/** What timers of every runtime can wait for: beyond, they fire at once. */
const timerMs = z.number().check(z.gt(0), z.lte(2_147_483_647));

const breakerSchema = z.strictObject({
  failures: z._default(
    z.union([
      z.int().check(z.gte(1)),
      z.strictObject({
        share: z.number().check(z.gt(0), z.lt(1)),
        windowRequests: z.int().check(z.gte(1), z.lte(100_000)),
        minimumRequests: z.optional(z.int().check(z.gte(1))),
      }),
    ]),
    10,
  ),
  halfOpenAfterMs: z._default(z.number().check(z.gt(0)), 5000),
  fallback: z._default(z.boolean(), true),
});

const assignmentSchema = z.strictObject({
  salt: z._default(z.string(), ''),
  holdout: z._default(z.number().check(z.gte(0), z.lt(1)), 0),
  overrides: z._default(z.record(z.string(), z.string()), {}),
  layer: z.optional(
    z
      .strictObject({ name: z.string().check(z.minLength(1)), from: unit, to: unit })
      .check(z.refine(({ from, to }) => from < to, '"from" less than "to"')),
  ),
  key: z.optional(z.custom<NonNullable<RolloutAssignmentOptions['key']>>(isFunction, 'a function')),
});

const schema = z.strictObject({
  name: z.string().check(z.minLength(1), z.maxLength(200)),
  champion: runnerField,
  challengers: z.record(z.string().check(z.minLength(1), z.maxLength(200)), challengerField),
  strategy: z.custom<Strategy>(
    (value) => hasMethods(value, 'start', 'weights', 'decide', 'plan'),
    'a strategy, such as canary()',
  ),
  guardrails: z._default(z.array(guardrailField), () => [errorsGuardrail()]),
  maxFalseRollbackRate: z._default(z.number().check(z.gt(0), z.lt(1)), 0.01),
  maxFalsePromotionRate: z._default(z.number().check(z.gt(0), z.lt(1)), 0.05),
  assignment: z.prefault(assignmentSchema, {}),
  breaker: z.prefault(breakerSchema, {}),
  coolDownMs: z._default(z.number().check(z.gte(0)), 600_000),
  autoStart: z._default(z.boolean(), true),
  store: z._default(
    z.custom<RolloutStore>((value) => hasMethods(value, 'read', 'write', 'add', 'sum'), 'a rollout store'),
    createMemoryRolloutStore,
  ),
  storeTimeoutMs: z._default(timerMs, 2000),
  replica: z.optional(z.string().check(z.minLength(1), z.maxLength(200))),
  alias: z.optional(z.custom<AliasControl>((value) => hasMethods(value, 'read', 'watch', 'move'), 'an alias control')),
  onApproval: z.optional(z.custom<NonNullable<RolloutOptions['onApproval']>>(isFunction, 'a function')),
  rewards: z.optional(z.strictObject(rewardFields)),
  costOf: z.optional(z.custom<NonNullable<RolloutOptions['costOf']>>(isFunction, 'a function')),
  driftOf: z.optional(z.custom<NonNullable<RolloutOptions['driftOf']>>(isFunction, 'a function')),
  observers: z._default(
    z.array(z.custom<RequestObserver>((value) => typeof value === 'object' && value !== null, 'an observer')),
    () => [],
  ),
  lookEveryMs: z._default(timerMs, 1000),
  blockMs: z._default(z.number().check(z.gt(0)), 50),
  clock: clockField.check(
    z.refine((clock) => hasMethods(clock, 'now', 'epochMs', 'setTimer'), 'a clock: see createVirtualClock()'),
  ),
  random: z._default(z.custom<() => number>(isFunction, 'a function'), () => Math.random),
  logger: loggerField,
  on: listenersField<RolloutEventMap>(),
});

/** The options of a rollout, checked and with their defaults. */
export type RolloutSettings = z.output<typeof schema>;

/** Checks what a schema of fields cannot: names, and what refers to them. */
export function parseRolloutOptions(options: unknown): RolloutSettings {
  const { challengers } = (options ?? {}) as { readonly challengers?: unknown };
  if (isRunner(challengers) || Array.isArray(challengers))
    throw optionError('createRollout', 'challengers', 'challengers by name, such as { canary: runner }', challengers);
  const given = parseOptions(schema, options, 'createRollout');
  // What a logger throws must cost nobody an answer.
  const settings = { ...given, logger: guardLogger(given.logger) };
  const names = Object.keys(settings.challengers);
  if (names.length === 0) throw optionError('createRollout', 'challengers', 'at least one challenger', {});
  for (const name of names) {
    if (name === championArm) {
      throw optionError('createRollout', `challengers.${name}`, "another name: this one is the champion's", name);
    }
    if (name.includes('/')) throw optionError('createRollout', `challengers.${name}`, 'a name without "/"', name);
    if (name in Object.prototype) {
      throw optionError('createRollout', `challengers.${name}`, 'another name: every object has something of it', name);
    }
  }
  for (const [event, listener] of Object.entries(settings.on ?? {})) {
    if (!Object.hasOwn(eventNames, event)) {
      throw optionError('createRollout', `on.${event}`, `one of ${Object.keys(eventNames).join(', ')}`, event);
    }
    if (listener !== undefined && typeof listener !== 'function') {
      throw optionError('createRollout', `on.${event}`, 'a function', listener);
    }
  }
  for (const [field, runner] of [
    ['champion', settings.champion] as const,
    ...Object.entries(settings.challengers).map(([name, runner]) => [`challengers.${name}`, runner] as const),
  ]) {
    if (typeof runner === 'function' || runner.health?.().status !== 'closed') continue;
    throw optionError('createRollout', field, 'a runner that is open', 'one that was closed');
  }
  const seen = new Set<string>();
  settings.guardrails.forEach(({ name, margin, bounds, harmfulWhen, windowMs }, index) => {
    const field = `guardrails.${index}`;
    if (typeof name !== 'string' || name === '' || name.includes('/') || seen.has(name)) {
      throw optionError('createRollout', `${field}.name`, 'a name without "/" that no other guardrail has', name);
    }
    seen.add(name);
    if (harmfulWhen !== 'higher' && harmfulWhen !== 'lower') {
      throw optionError('createRollout', `${field}.harmfulWhen`, "'higher' or 'lower'", harmfulWhen);
    }
    if (windowMs !== undefined && !(windowMs > 0)) {
      throw optionError('createRollout', `${field}.windowMs`, 'more than 0', windowMs);
    }
    const range = bounds?.[1] - bounds?.[0];
    if (!(range > 0 && range < Infinity)) {
      throw optionError('createRollout', `${field}.bounds`, 'a least value and a greater one, both finite', bounds);
    }
    if (!(margin >= 0 && margin < range)) {
      throw optionError(
        'createRollout',
        `${field}.margin`,
        `0 or more, less than ${range}, the range of its bounds`,
        margin,
      );
    }
  });
  for (const [key, arm] of Object.entries(settings.assignment.overrides)) {
    if (arm === championArm || names.includes(arm)) continue;
    const expected = `one of ${[championArm, ...names].join(', ')}`;
    throw optionError('createRollout', `assignment.overrides.${key}`, expected, arm);
  }
  return settings;
}

function hasMethods(value: unknown, ...methods: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function');
}

/** What hears nothing of what it goes by, so that the rollout would stand still without a word. A sentence each. */
export function whatHearsNothing(settings: RolloutSettings): readonly string[] {
  const { guardrails, costOf, driftOf, observers, rewards, strategy } = settings;
  const given = { costOf, driftOf, rewards: rewards ?? strategy.learn };
  const heard: readonly object[] = observers;
  const isDeaf = strategy.hearsBy?.some((observer) => !heard.includes(observer)) === true;
  return [
    ...(isDeaf
      ? [
          `The strategy "${strategy.name}" hears of no request until its mirror is among the option observers. Give it to createRollout: observers: [mirror].`,
        ]
      : []),
    ...guardrails.flatMap(({ name, needs }) =>
      needs === undefined || given[needs] !== undefined
        ? []
        : [
            `The guardrail "${name}" hears nothing without the option ${needs}, so nothing is ever promoted by evidence.`,
          ],
    ),
  ];
}
