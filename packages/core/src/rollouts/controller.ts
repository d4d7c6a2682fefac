import { messageOf } from '../errors';
import type { EventSource } from '../events';
import type { ModelRunner } from '../runner/runner';
import type { Arms } from './arms';
import { askForApproval } from './ask-for-approval';
import { createHandControls, type HandControls } from './by-hand';
import { type Actor, type Change, stateAfter } from './change';
import type { Decision, EvidenceSummary, HistoryEntry, SharedSums, StoredRollout } from './contracts';
import { createEvidenceLedger } from './evidence/ledger';
import { createEvidenceTrail, type EvidencePoint } from './evidence/trail';
import { createEvidenceExchange, type EvidenceExchange } from './evidence-exchange';
import { createLoadNeeded } from './load-needed';
import type { RolloutSettings } from './options';
import { checkedWeights, isActive } from './plan';
import { createRecord, type RolloutRecord } from './record';
import type { RolloutEventMap } from './result';

/** Rewards that wait for the store; older ones are forgotten, as the next state that is read has them not. */
const maxUnwritten = 10_000;
/** Rewards of this process that are in the store, and are learnt again where a replica that had not heard of them gives it its state back. */
const maxWritten = 1000;

/** How often something was done in this process. */
export interface ControllerCounts {
  looks: number;
  step: number;
  promote: number;
  rollback: number;
  abort: number;
}

interface Learnt {
  readonly arm: string;
  readonly reward: number;
  readonly context: readonly number[] | undefined;
}

/** What a controller has to do with. */
export interface ControllerParts {
  readonly settings: RolloutSettings;
  /** Another one for every start of every process. */
  readonly replica: string;
  readonly arms: Arms;
  readonly events: EventSource<RolloutEventMap>;
  /** What the replicas share beside the evidence, by name. */
  readonly shared: Readonly<Record<string, SharedSums>>;
  /** What ids of decisions are sealed with where nothing was written yet; absent where they are not. */
  readonly secret: string | undefined;
  /** Gives the store what else waits for it. @throws what the store failed with */
  onReach(): Promise<void>;
  /** Route by this state from now on. */
  onState(stored: StoredRollout, isForeign: boolean): void;
  /** The champion gets everything until the next look. */
  onSuspend(): void;
  /** It was decided in this process, and not in another replica. */
  onDecide(entry: HistoryEntry): void;
}

/** Keeps the state of a rollout: looks at the evidence, decides, and agrees with the other replicas. */
export interface Controller extends HandControls {
  readonly record: RolloutRecord;
  readonly counts: Readonly<ControllerCounts>;
  /** Why it waits or stays, as the strategy said at the last look. */
  readonly reason: string;
  evidence(): EvidenceSummary;
  /** The evidence of this run as this process saw it, look by look. */
  readonly trail: readonly EvidencePoint[];
  /** Looks at store and evidence, and acts. Never rejects. */
  look(): Promise<void>;
  /** Asks the strategy about a reward. @throws where it refuses it */
  check(arm: string, reward: number, context: readonly number[] | undefined): void;
  /**
   * A reward came: evidence, and what a bandit learns by.
   * @param run the run that it was earned in; another one than the present learns nothing of it
   */
  learn(arm: string, reward: number, context: readonly number[] | undefined, run?: number): void;
  /** Ends after everything that was asked for before. */
  settled(): Promise<void>;
}

/** Makes the controller of a rollout. It does nothing before it is told to look. */
export function createController(parts: ControllerParts): Controller {
  const { settings, replica, arms, events } = parts;
  const { name, strategy, store, clock, logger } = settings;
  const challengers = arms.challengers.map((arm) => arm.name);
  const counts: ControllerCounts = { looks: 0, step: 0, promote: 0, rollback: 0, abort: 0 };
  let exchange: EvidenceExchange | undefined;
  const trail = createEvidenceTrail();
  let unwritten: Learnt[] = [];
  let written: { readonly reward: Learnt; readonly epoch: number }[] = [];
  let isStartDue = settings.autoStart;
  let isFirstRead = true;
  let reason = 'Nothing was started yet.';
  /** Why the champion was called back, in ways whose end is not known yet: until then it keeps everything. */
  let suspensions = 0;
  let tail: Promise<unknown> = Promise.resolve();

  const serial = <T>(work: () => Promise<T>): Promise<T> => {
    const done = tail.then(work);
    tail = done.catch(() => {});
    return done;
  };

  // What a runner swaps to later is still the arm that was configured.
  const digests = new Map<string, { readonly runner: ModelRunner; readonly digest: string }>();
  const rememberDigests = (): void => {
    for (const { name: arm, runner } of arms.all) {
      if (runner !== undefined && digests.get(arm)?.runner !== runner) {
        digests.set(arm, { runner, digest: runner.model.digest });
      }
    }
  };
  const models = (): Record<string, string> =>
    Object.fromEntries([...digests].map(([arm, { digest }]) => [arm, digest]));
  rememberDigests();

  const openExchange = (evidenceEpoch: number): void => {
    const ledger = createEvidenceLedger({
      arms: challengers,
      guardrails: settings.guardrails,
      alpha: settings.maxFalseRollbackRate,
      maxFalsePromotionRate: settings.maxFalsePromotionRate,
      blockMs: settings.blockMs,
      driftOf: settings.driftOf,
      random: settings.random,
      toEpochMs: (now) => clock.epochMs() - clock.now() + now,
      onHarm(arm) {
        // What was under way when an arm left tells its end here too.
        if (isActive(record.stored.status) && record.stored.arms.includes(arm)) void suspended(look);
      },
    });
    trail.restart();
    exchange = createEvidenceExchange({
      store,
      rollout: name,
      evidenceEpoch,
      replica,
      ledger,
      shared: parts.shared,
      reach: (call) => record.reach(call),
    });
    for (const arm of arms.all) arm.former = ledger.formers[arm.name];
  };

  const record = createRecord({
    name,
    strategy: strategy.name,
    store,
    storeTimeoutMs: settings.storeTimeoutMs,
    isReadable: ({ status, state }) => {
      if (!isActive(status)) return true;
      try {
        return checkedWeights(strategy.weights(state)) !== undefined;
      } catch {
        return false;
      }
    },
    models,
    challengers,
    clock,
    logger,
    events,
    onWrite: () => unwritten.length,
    onAdopt(stored, before, learnt) {
      const own = unwritten.splice(0, learnt);
      const { restored } = stored;
      if (restored?.atEpochMs !== before.restored?.atEpochMs) {
        // Who gave the store its state back knew of what was written up to an epoch; what this process wrote after it is not in there.
        const isNext = restored?.after === (before.restored?.atEpochMs ?? 0);
        const missed = isNext ? written.filter(({ epoch }) => epoch > restored.epoch) : [];
        unwritten.unshift(...missed.map(({ reward }) => reward));
        written = [];
      }
      written.push(...own.map((reward) => ({ reward, epoch: stored.epoch })));
      if (written.length > maxWritten) written.splice(0, written.length - maxWritten);
      if (stored.evidenceEpoch !== before.evidenceEpoch) {
        openExchange(stored.evidenceEpoch);
        unwritten = [];
        written = [];
      } else if (unwritten.length > 0) learnAgain();
      if (stored.history.length > 0) reason = stored.history.at(-1)?.reason ?? reason;
      show();
    },
  });

  /** Routes by the present state, unless somebody called the champion back meanwhile: a look under way must not undo that. */
  const show = (): void => {
    if (suspensions > 0) return;
    try {
      parts.onState(record.stored, record.isForeign);
    } catch (error) {
      logger.error(
        { error },
        `${name}: the strategy cannot say its weights, so they stay as they are: ${messageOf(error)}`,
      );
    }
  };

  /** Gives the champion everything at once, and until the work is done. */
  const suspended = async <T>(work: () => Promise<T>): Promise<T> => {
    suspensions++;
    parts.onSuspend();
    try {
      return await work();
    } finally {
      suspensions--;
      show();
    }
  };

  /** Rewards that another replica's state does not have yet. */
  const learnAgain = (): void => {
    let { state } = record.stored;
    for (const { arm, reward, context } of unwritten) state = strategy.learn?.(state, arm, reward, context) ?? state;
    record.setState(state);
  };

  const isLearning = (): boolean => isActive(record.stored.status) && !record.isForeign;
  const evidence = (): EvidenceSummary => exchange?.summary(record.stored.arms) ?? { arms: {} };

  /** Writes a change; false when somebody else wrote first. */
  const apply = async (change: Change): Promise<boolean> => {
    const found = evidence();
    trail.add(clock.epochMs(), found);
    const next = stateAfter(change, {
      stored: record.stored,
      strategy,
      models: models(),
      evidence: found,
      epochMs: clock.epochMs(),
      coolDownMs: settings.coolDownMs,
      secret: parts.secret,
    });
    const { to } = change;
    const leaves = (change.arms ?? record.stored.arms).length < record.stored.arms.length;
    const isSafe = to === 'rolled-back' || to === 'aborted' || to === 'paused' || (leaves && !change.startsAnew);
    if (!(await record.commit(next, isSafe))) return false;
    parts.onDecide(next.history.at(-1) as HistoryEntry);
    return true;
  };

  const beginning = (by: Actor): Change => ({
    to: 'running',
    actor: by.actor ?? 'user',
    reason: by.reason ?? 'By hand.',
    state: strategy.start(challengers, clock.epochMs()),
    arms: challengers,
    startsAnew: true,
  });

  const loadNeeded = createLoadNeeded({
    arms,
    clock,
    record: () => record,
    onEnd() {
      rememberDigests();
      show();
    },
  });

  const startIfDue = async (): Promise<void> => {
    if (isFirstRead) {
      isFirstRead = false;
      const { stored, isForeign } = record;
      isStartDue = settings.autoStart && (stored.epoch === 0 || isForeign || stored.status === 'idle');
    }
    if (!isStartDue || clock.epochMs() < record.stored.coolDownUntilEpochMs) return;
    isStartDue = false;
    try {
      await arms.load();
    } catch (error) {
      reason = `It does not start, for a challenger could not be loaded: ${messageOf(error)}`;
      return;
    }
    rememberDigests();
    if (record.stored.epoch !== 0 && !record.isForeign && record.stored.status !== 'idle') return;
    // Not before it is written: a store that only reads is no reason to give up.
    isStartDue = true;
    const isFirst = await apply(beginning({ actor: 'strategy', reason: 'It starts by itself.' }));
    isStartDue = false;
    // Another replica that was first started the same.
    if (isFirst) counts.step++;
  };

  const carryOut = async (decision: Decision, isReachable: boolean): Promise<void> => {
    const { stored } = record;
    const { action, state, arm } = decision;
    const change = { actor: 'strategy', reason: decision.reason, state };
    if (action === 'rollback') {
      const rest = arm === undefined ? [] : stored.arms.filter((other) => other !== arm);
      const to = rest.length > 0 ? stored.status : 'rolled-back';
      if (await apply({ ...change, actor: 'guardrail', to, arms: rest })) counts.rollback++;
      return;
    }
    if (!isReachable || stored.status !== 'running') return;
    if (action === 'step') {
      if (await apply({ ...change, to: 'running' })) counts.step++;
    } else if (action === 'promote') {
      const winner = arm ?? stored.arms[0];
      if (winner !== undefined && (await apply({ ...change, to: 'promoted', promoted: winner }))) counts.promote++;
    } else if (action === 'wait-for-approval') {
      if (await apply({ ...change, to: 'waiting-for-approval' })) {
        const { weights } = record.stored;
        const request = { rollout: name, reason: decision.reason, weights, evidence: evidence() };
        askForApproval(request, settings, events, controls);
      }
    } else {
      reason = decision.reason;
      if (unwritten.length === 0 && JSON.stringify(state) === JSON.stringify(stored.state)) return;
      const { epoch: _epoch, ...next } = stored;
      await record.commit({ ...next, state }, false);
    }
  };

  /** Whether the store gave and took everything. */
  const lookOnce = async (): Promise<boolean> => {
    counts.looks++;
    exchange?.ledger.flush(clock.now());
    let isReachable = true;
    try {
      await record.refresh();
      // Nobody waits for the first look but who makes the rollout; later ones must not wait until a model is loaded.
      const loading = loadNeeded();
      if (isFirstRead) await loading;
      await startIfDue();
      // Before the evidence, which the rewards are.
      await parts.onReach();
      await exchange?.exchange();
    } catch (error) {
      isReachable = false;
      // What the store failed with the record has told.
      if (record.downSince === undefined) logger.error({ error }, `${name}: a look failed: ${messageOf(error)}`);
    }
    const { stored, isForeign } = record;
    if (isForeign || !isActive(stored.status)) return isReachable;
    const time = { epochMs: clock.epochMs(), approved: false };
    const found = evidence();
    trail.add(time.epochMs, found);
    await carryOut(strategy.decide(stored.state, found, time), isReachable);
    return isReachable;
  };

  const look = (): Promise<void> =>
    serial(async () => {
      try {
        if (await lookOnce()) record.recovered();
      } catch (error) {
        if (record.downSince === undefined) logger.error({ error }, `${name}: a look failed: ${messageOf(error)}`);
      } finally {
        show();
      }
    });

  const controls = createHandControls({
    settings,
    record,
    arms,
    counts,
    serial,
    apply,
    evidence,
    beginning,
    onLoad() {
      rememberDigests();
      isStartDue = false;
    },
    show,
    suspended,
  });

  return {
    record,
    counts,
    get reason() {
      return reason;
    },
    evidence,
    get trail() {
      return trail.points;
    },
    look,
    ...controls,
    check(arm, reward, context) {
      if (isLearning()) strategy.learn?.(record.stored.state, arm, reward, context);
    },
    learn(arm, reward, context, run = record.stored.evidenceEpoch) {
      if (!isLearning() || run !== record.stored.evidenceEpoch) return;
      // First of all: a reward that the strategy refuses leaves nothing behind.
      const state = strategy.learn?.(record.stored.state, arm, reward, context);
      exchange?.ledger.addReward(arm, reward, clock.now());
      if (state === undefined) return;
      unwritten.push({ arm, reward, context });
      if (unwritten.length > maxUnwritten) unwritten.shift();
      record.setState(state);
    },
    settled: () => serial(async () => {}),
  };
}
