import { FairleadError } from '../errors';
import type { Arms } from './arms';
import type { Actor, Change } from './change';
import { championArm, type EvidenceSummary, type RolloutStatus } from './contracts';
import type { RolloutSettings } from './options';
import { isActive } from './plan';
import type { RolloutRecord } from './record';

/** Tries of what somebody asks for, where other replicas keep writing first. */
const maxTries = 10;

/** What somebody can ask a rollout for. */
export interface HandControls {
  /** @param version that of the challenger, where it has to be another one than is loaded */
  start(by: Actor, version?: string): Promise<void>;
  promote(arm: string | undefined, by: Actor): Promise<void>;
  rollback(by: Actor): Promise<void>;
  abort(by: Actor): Promise<void>;
  pause(by: Actor): Promise<void>;
  resume(by: Actor): Promise<void>;
  approve(by: Actor): Promise<void>;
}

export interface HandControlsParts {
  readonly settings: Pick<RolloutSettings, 'name' | 'strategy' | 'clock'>;
  readonly record: RolloutRecord;
  readonly arms: Arms;
  readonly counts: { step: number; promote: number; rollback: number; abort: number };
  /** Runs after what was asked for before. */
  serial(work: () => Promise<void>): Promise<void>;
  /** Writes a change; false when somebody else wrote first. */
  apply(change: Change): Promise<boolean>;
  evidence(): EvidenceSummary;
  /** What begins a run. */
  beginning(by: Actor): Change;
  /** Challengers are loaded now. */
  onLoad(): void;
  /** Routes by the present state. */
  show(): void;
  /** Gives the champion everything at once, and until the work is done. */
  suspended(work: () => Promise<void>): Promise<void>;
}

const active: readonly RolloutStatus[] = ['running', 'paused', 'waiting-for-approval'];

/** Makes what somebody can ask a rollout for. */
export function createHandControls(parts: HandControlsParts): HandControls {
  const { settings, record, arms, counts, serial, apply } = parts;
  const { name, strategy, clock } = settings;
  const challengers = arms.challengers.map((arm) => arm.name);

  const refused = (verb: string, expected: string, extra: object = {}): FairleadError => {
    const given = record.isForeign ? 'of other models' : record.stored.status;
    return new FairleadError('CONFLICT', `${name}: ${verb} needs ${expected}; the rollout is ${given}.`, {
      details: { field: 'status', expected, given, ...extra },
    });
  };

  const checkCoolDown = (): void => {
    const leftMs = record.stored.coolDownUntilEpochMs - clock.epochMs();
    if (leftMs <= 0) return;
    throw refused('start()', `that the cool-down is over, in ${leftMs} ms`, { retryAfterMs: leftMs });
  };

  /** Does it on whatever state the store has by then. */
  const ask = (verb: string, allowed: readonly RolloutStatus[], change: () => Change): Promise<void> =>
    serial(async () => {
      try {
        await record.refresh();
      } catch {
        // The record has told it; what is safe is done all the same.
      }
      try {
        for (let attempt = 0; attempt < maxTries; attempt++) {
          if (record.isForeign && verb !== 'start()') throw refused(verb, 'its own models');
          if (!record.isForeign && !allowed.includes(record.stored.status)) {
            throw refused(verb, `a rollout that is ${allowed.join(' or ')}`);
          }
          if (await apply(change())) return;
        }
        throw refused(verb, 'that nobody else writes at the same time');
      } finally {
        parts.show();
      }
    });

  const changeTo = (to: RolloutStatus, by: Actor): Change => ({
    to,
    actor: by.actor ?? 'user',
    reason: by.reason ?? 'By hand.',
  });

  const resumed = (by: Actor): Change => {
    const { state, history } = record.stored;
    // An arm that left meanwhile made an entry too.
    const pausedAt = history[history.findLastIndex(({ to }) => to !== 'paused') + 1]?.atEpochMs ?? clock.epochMs();
    const changed = strategy.afterPause?.(state, Math.max(0, clock.epochMs() - pausedAt));
    return { ...changeTo('running', by), ...(changed === undefined ? {} : { state: changed }) };
  };

  const approved = (by: Actor): Change => {
    const { stored } = record;
    const time = { epochMs: clock.epochMs(), approved: true };
    const { action, state, arm } = strategy.decide(stored.state, parts.evidence(), time);
    const winner = arm ?? stored.arms[0];
    if (action === 'promote' && winner !== undefined) return { ...changeTo('promoted', by), state, promoted: winner };
    // What harms by now the next look takes back, with its reason.
    return action === 'rollback' ? changeTo('running', by) : { ...changeTo('running', by), state };
  };

  return {
    async start(by, version) {
      checkCoolDown();
      if (version === undefined) await arms.load();
      else await arms.loadVersion(version);
      parts.onLoad();
      await ask('start()', ['idle', 'rolled-back', 'aborted'], () => {
        // Another replica may have rolled back meanwhile.
        checkCoolDown();
        return parts.beginning(by);
      });
      counts.step++;
    },
    async promote(arm, by) {
      const winner = arm ?? record.stored.arms[0] ?? challengers[0];
      if (winner === undefined || !challengers.includes(winner)) {
        const expected = `one of ${challengers.join(', ')}`;
        const given = winner ?? championArm;
        throw new FairleadError('INVALID_ARGUMENT', `promote: arm: expected ${expected}, given ${given}.`, {
          details: { field: 'arm', expected, given },
        });
      }
      if (arms.get(winner)?.runner === undefined) {
        const expected = 'a challenger that is loaded';
        const message = `${name}: promote() needs ${expected}, and ${winner} is not. See what its loading failed with: "arm-load-fail" tells it.`;
        throw new FairleadError('CONFLICT', message, { details: { field: 'arm', expected, given: winner } });
      }
      await ask('promote()', active, () => ({ ...changeTo('promoted', by), promoted: winner }));
      counts.promote++;
    },
    async rollback(by) {
      const work = () => ask('rollback()', [...active, 'promoted'], () => changeTo('rolled-back', by));
      const { status } = record.stored;
      await (isActive(status) || status === 'promoted' ? parts.suspended(work) : work());
      counts.rollback++;
    },
    async abort(by) {
      const work = () => ask('abort()', active, () => changeTo('aborted', by));
      await (isActive(record.stored.status) ? parts.suspended(work) : work());
      counts.abort++;
    },
    pause: (by) => ask('pause()', ['running', 'waiting-for-approval'], () => changeTo('paused', by)),
    resume: (by) => ask('resume()', ['paused'], () => resumed(by)),
    approve: (by) => ask('approve()', ['waiting-for-approval'], () => approved(by)),
  };
}
