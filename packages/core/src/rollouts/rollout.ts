import type { ClockTimer } from '../clock';
import { FairleadError } from '../errors';
import { createEvents } from '../events';
import { closeable } from '../lifecycle';
import { joinEvents } from '../resilience/joined-events';
import { closedError, createPending } from '../resilience/stage';
import { createHealthRecord } from '../runner/health';
import type { ModelRunner } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import { linkAlias } from './alias-link';
import { createArms } from './arms';
import type { AssignmentOptions, Slot } from './assignment/assignment';
import { createSampleRatioWatch } from './assignment/sample-ratio';
import type { Actor } from './change';
import { checkedActor, checkedKey, checkedRunOptions } from './checked-arguments';
import { championArm, type StoredRollout } from './contracts';
import { createController } from './controller';
import { dryRunOf } from './dry-run';
import { harmlessHooks } from './harmless-hooks';
import { parseRolloutOptions, type RolloutOptions, type RolloutSettings, whatHearsNothing } from './options';
import { championOr, checkedWeights, createPlan, layoutOf, type Plan, sameWeights, weightsOf } from './plan';
import { createAnswerer } from './request';
import type { RolloutDescription, RolloutEventMap, RolloutResult, RolloutRunOptions, RolloutStats } from './result';
import { checkMissingReward } from './rewards/check-missing-reward';
import type { RewardOptions } from './rewards/options';
import { printable } from './rewards/printable';
import { createRolloutRewards } from './rewards/rollout-rewards';
import { createSealKey } from './rewards/sealed-id';
import type { RolloutRunner } from './rollout-runner';
import { describeShadows } from './shadow/describe-shadows';
import { sharedSumsOf } from './shared-sums';

/**
 * Rolls out a challenger beside the champion, decides on evidence, and goes back within one request.
 *
 * - **Assignment**: a key always gets the same arm, and nobody leaves a challenger while its share grows; no replica has to ask
 *   another one.
 * - **Evidence**: challengers are compared with a slice of the champion's own traffic of the same size, block by block, by tests
 *   that may be looked at after every block. One run of a rollout is one test, over all its steps and replicas: it rolls back a
 *   challenger that is not worse with a probability of at most `maxFalseRollbackRate`.
 * - **Rollback**: the champion stays loaded; going back is another plan for the next request. Requests under way end where they are.
 * - **Breaker**: what a challenger fails at the champion answers in the same request, where there is time left, and counts
 *   against the challenger all the same. A challenger that keeps failing gets no requests for a while.
 * - **Store down**: traffic goes on by the last weights, by the champion where none are known. Nothing is decided but that an
 *   arm harms, and what somebody rolls back, aborts or pauses here; the store gets it when it is back.
 *
 * `signature`, `loaded` and the first `model` are the champion's; each answer says which model computed it, and `rollout` how it
 * was assigned. Events are those of all arms. Closing waits for requests under way and closes every arm, not the store.
 *
 * @throws FairleadError `INVALID_OPTION`, `SIGNATURE_MISMATCH` where a challenger cannot take the champion's place
 */
export async function createRollout<S extends AnySignature = AnySignature>(
  options: RolloutOptions<S>,
): Promise<RolloutRunner<S>> {
  const settings = parseRolloutOptions(options);
  const challengers = Object.keys(settings.challengers);
  const state = settings.strategy.start(challengers, settings.clock.epochMs());
  const layout = layoutOf(checkedWeights(settings.strategy.weights(state)), challengers);
  checkMissingReward(settings.strategy, state, settings.rewards?.missingReward);
  for (const sentence of whatHearsNothing(settings)) settings.logger.warn({}, `${settings.name}: ${sentence}`);
  // Inside, signatures are data: the type parameter speaks to the caller alone.
  const { rollout, controller } = rolloutOf(settings, layout, options.store !== undefined);
  await controller.look();
  return rollout as unknown as RolloutRunner<S>;
}

/** @param isShared whether others may have the store */
function rolloutOf(settings: RolloutSettings, layout: Plan['weights'], isShared: boolean) {
  const { name, champion, strategy, assignment, clock, random, logger } = settings;
  const events = joinEvents([champion.events]);
  const rolloutEvents = createEvents<RolloutEventMap>(logger, settings.on);
  const arms = createArms({
    settings,
    clock,
    logger,
    events: rolloutEvents,
    onLoad: ({ events: more }) => events.add(more),
  });
  for (const { runner } of arms.challengers) if (runner !== undefined) events.add(runner.events);
  const challengers = arms.challengers.map((arm) => arm.name);
  const health = createHealthRecord(clock);
  const pending = createPending();
  const start = Math.floor(random() * 36 ** 6).toString(36);
  // It begins the ids of decisions, which travel in headers.
  const replica = `${printable(settings.replica ?? 'replica')}.${clock.epochMs().toString(36)}.${start}`;
  const { key: keyOf, ...others } = assignment;
  const assigning = others as AssignmentOptions;
  let numbered = 0;
  let closed = false;
  /** What is told now reaches neither the store nor a strategy any more. */
  let isReleased = false;
  let timer: ClockTimer | undefined;

  const hooks = harmlessHooks(settings);
  const planParts = { name, assignment: assigning, chooses: strategy.choose !== undefined, layout, random };
  const planFor = (status: Plan['status'], weights: Plan['weights'], present: readonly string[] = []): Plan =>
    createPlan(planParts, status, weights, present);
  let plan = planFor('idle', championOr(undefined));
  let choosable: readonly string[] = [championArm];

  const sampleRatio = createSampleRatioWatch([championArm, ...challengers], replica, (found) => {
    if (rolloutEvents.listenerCount('sample-ratio-mismatch') === 0) {
      const message = `${name}: arms do not get the shares that they should have: ${JSON.stringify(found.observed)} of ${found.units}, expected ${JSON.stringify(found.expected)}.`;
      logger.warn({ ...found }, message);
    }
    rolloutEvents.emit('sample-ratio-mismatch', found);
  });

  const route = (stored: StoredRollout, isForeign: boolean): void => {
    const status = isForeign ? 'idle' : stored.status;
    const weights = isForeign ? championOr(undefined) : weightsOf(stored, strategy);
    if (status === plan.status && sameWeights(weights, plan.weights)) return;
    plan = planFor(status, weights, stored.arms);
    choosable = [championArm, ...stored.arms];
    sampleRatio.follow(plan.chooses ? {} : plan.assigner.shares);
  };

  const remembers = settings.rewards !== undefined || strategy.learn !== undefined;
  const controller = createController({
    settings: hooks.settings,
    replica,
    arms,
    events: rolloutEvents,
    shared: sharedSumsOf(settings, sampleRatio),
    secret: isShared && remembers ? createSealKey() : undefined,
    onReach: async () => rewards?.exchange(),
    onState: route,
    onSuspend() {
      plan = planFor('rolled-back', championOr(undefined));
    },
    onDecide: (entry) => link.follow(entry),
  });
  const link = linkAlias(settings, arms, controller, rolloutEvents);

  const rewards = remembers
    ? createRolloutRewards({
        name,
        replica,
        options: (settings.rewards ?? {}) as RewardOptions,
        clock,
        logger,
        store: isShared ? settings.store : undefined,
        reach: (call) => controller.record.reach(call),
        stored: () => controller.record.stored,
        isForeign: () => controller.record.isForeign,
        check: controller.check,
        learn: controller.learn,
      })
    : undefined;

  const answer = createAnswerer({
    arms,
    clock,
    fallsBack: settings.breaker.fallback,
    observers: hooks.settings.observers,
    costOf: hooks.settings.costOf,
    idOf({ arm, propensity, counted }, { context }) {
      if (rewards === undefined) return `${replica}.${(numbered++).toString(36)}`;
      const randomised = counted && (plan.chooses || propensity < 1);
      return rewards.add({ arm, propensity, randomised, ...(context === undefined ? {} : { context }) });
    },
    onEnd: pending.leave,
    onServed: sampleRatio.add,
    onFallBack: (arm, error) => rolloutEvents.emit('request-fall-back', { arm, error }),
  });

  const slotOf = (key: string | undefined, hash: number, options: RolloutRunOptions): Slot => {
    const slot = plan.assigner.assign(key, hash);
    if (!plan.chooses || !slot.counted || strategy.choose === undefined) return slot;
    const { arm, propensity } = strategy.choose(controller.record.stored.state, options.context, random, choosable);
    return { arm, propensity, counted: true, evidence: true };
  };

  const run = (inputs: InputsOf, options: RolloutRunOptions = {}): Promise<RolloutResult> => {
    if (closed) return Promise.reject(closedError('a rollout'));
    try {
      checkedRunOptions(options);
      const given = keyOf === undefined ? (options.assignmentKey ?? options.key) : keyOf(inputs, options);
      const key = checkedKey(given);
      const hash = plan.assigner.hashOf(key);
      const answered = answer(inputs, options, slotOf(key, hash, options), key === undefined ? undefined : hash);
      pending.enter();
      return answered;
    } catch (error) {
      return Promise.reject(error);
    }
  };

  const scheduleLook = (): void => {
    if (closed) return;
    timer = clock.setTimer(() => {
      link.retry();
      void controller.look().then(scheduleLook);
    }, settings.lookEveryMs);
  };
  scheduleLook();

  const serving = (): ModelRunner => {
    const { status, promoted } = controller.record.stored;
    return (
      (plan.status === 'promoted' && status === 'promoted' ? arms.get(promoted ?? '')?.runner : undefined) ?? champion
    );
  };

  const degraded = (): string[] => {
    const { downSince, isForeign, isKnown } = controller.record;
    return [
      ...(downSince === undefined ? [] : ['The store cannot be had: nothing is decided but harm.']),
      ...(isKnown ? [] : ['The store was never read: the champion serves.']),
      ...(isForeign ? ['The store has a rollout of other models or another strategy: the champion serves.'] : []),
      ...arms.challengers.flatMap(({ name: arm, runner, circuit }) => {
        if (runner === undefined) return [`${arm} is not loaded: the champion serves its share.`];
        return circuit?.state === 'open' ? [`${arm} keeps failing: the champion serves its share for a while.`] : [];
      }),
      ...hooks.failures(),
    ];
  };

  const releasing = closeable(async () => {
    timer?.clear();
    await pending.drained();
    await controller.look();
    isReleased = true;
    await link.close();
    await controller.record.close();
    try {
      await arms.close();
    } finally {
      rolloutEvents.clear();
    }
  });
  const close = (): Promise<void> => {
    closed = true;
    return releasing.close();
  };

  const whileOpen = async <A extends Actor>(
    by: A,
    work: (by: A) => Promise<void>,
    fields?: readonly string[],
  ): Promise<void> => {
    if (closed) throw closedError('a rollout');
    await work(checkedActor(by, fields));
  };

  const rollout: RolloutRunner = {
    signature: champion.signature,
    get model() {
      return serving().model;
    },
    get loaded() {
      return champion.loaded;
    },
    events,
    rolloutEvents,
    takesContext: strategy.choose !== undefined && strategy.usesContext !== false,
    run,
    health() {
      const inside = serving().health?.();
      const reasons = [...(inside?.reasons ?? []), ...degraded()];
      const status = closed ? 'closed' : (inside?.status ?? 'ready');
      const queue = inside?.queue ?? { requests: 0, rows: 0, bytes: 0, batchesInFlight: 0 };
      return health.answer(
        {
          status: status === 'ready' && reasons.length > 0 ? 'degraded' : status,
          ready: !closed && (inside?.ready ?? true),
          reasons: closed ? ['The runner was closed.'] : reasons,
        },
        serving().model,
        inside?.lanes ?? { alive: 1, total: 1 },
        queue,
      );
    },
    describe(): RolloutDescription {
      const { stored, isForeign } = controller.record;
      const evidence = controller.evidence();
      const ratio = sampleRatio.now;
      const estimates = isForeign || stored.status === 'idle' ? {} : (strategy.estimates?.(stored.state) ?? {});
      return {
        name,
        strategy: strategy.name,
        status: isForeign ? 'idle' : stored.status,
        reason: controller.reason,
        epoch: stored.epoch,
        weights: plan.weights,
        arms: arms.all.map(({ name: arm, runner, circuit }) => {
          const found = evidence.arms[arm];
          const reward = Object.hasOwn(estimates, arm) ? estimates[arm] : undefined;
          return {
            arm,
            ...(runner === undefined ? {} : { model: runner.model }),
            weight: plan.weights[arm] ?? 0,
            circuit: circuit?.state ?? 'closed',
            ...(found === undefined ? {} : { evidence: found }),
            ...(reward === undefined ? {} : { reward }),
          };
        }),
        ...(stored.promoted === undefined ? {} : { promoted: stored.promoted }),
        coolDownUntilEpochMs: stored.coolDownUntilEpochMs,
        ...(ratio === undefined ? {} : { sampleRatio: ratio }),
        shadows: describeShadows(settings.observers, arms.challengers),
        degraded: degraded(),
        trail: controller.trail,
        history: stored.history,
      };
    },
    rolloutStats(): RolloutStats {
      const { looks, ...made } = controller.counts;
      return {
        arms: Object.fromEntries(arms.all.map((arm) => [arm.name, { ...arm.counts }])),
        looks,
        decisions: made,
        storeFailures: controller.record.storeFailures,
      };
    },
    dryRun: () => dryRunOf(settings),
    reward(decisionId, value, time) {
      if (isReleased) throw closedError('a rollout');
      if (rewards !== undefined) return rewards.reward(decisionId, value, time);
      throw new FairleadError(
        'UNSUPPORTED',
        `${name}: no decision is remembered, so no reward can be told. Give createRollout "rewards: {}", or a strategy that learns.`,
        { details: { field: 'rewards', expected: 'an object', given: 'undefined' } },
      );
    },
    decisions: () => rewards?.decisions() ?? [].values(),
    rewardStats: () => rewards?.stats(),
    start: (by = {}) => whileOpen(by, controller.start),
    promote: (by = {}) => whileOpen(by, ({ arm, ...who }) => controller.promote(arm, who), ['arm']),
    rollback: (by = {}) => whileOpen(by, controller.rollback),
    abort: (by = {}) => whileOpen(by, controller.abort),
    pause: (by = {}) => whileOpen(by, controller.pause),
    resume: (by = {}) => whileOpen(by, controller.resume),
    approve: (by = {}) => whileOpen(by, controller.approve),
    look: () => controller.look(),
    close,
    [Symbol.asyncDispose]: close,
  };
  return { rollout, controller };
}
