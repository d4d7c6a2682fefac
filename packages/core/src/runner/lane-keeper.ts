import type { Session } from '../backend';
import type { Clock, ClockTimer } from '../clock';
import type { Lane } from './lane';

/** What a keeper of lanes is made of. */
export interface LaneKeeperParts {
  readonly clock: Clock;
  /** Opens a new worker for a lane. */
  readonly reopen: (slot: Lane) => Promise<Session>;
  readonly onLost: (slot: Lane, error: unknown) => void;
  readonly onRestart: (slot: Lane) => void;
  /** A lane could not be had again. `last`: it was the last hope; none is alive and none is being replaced. */
  readonly onGivenUp: (slot: Lane, error: unknown, last: boolean) => void;
}

/** Replaces the workers of lanes that die. */
export interface LaneKeeper {
  /** A worker died. Before `start`, it is only noted: a model that does not come up is not kept alive. */
  lost(slot: Lane, error: unknown): void;
  /** From now on, lost workers are replaced: those of `slots` that were lost already, too. */
  start(slots: readonly Lane[]): void;
  /** Stops replacing; resolves when no worker is left that was on its way. */
  close(): Promise<void>;
}

/** Tries to replace a lost worker, and the milliseconds before each. */
const restartDelaysMs = [0, 100, 400, 1600];

/** Makes the keeper of one deployment's lanes. */
export function createLaneKeeper(parts: LaneKeeperParts): LaneKeeper {
  const { clock, reopen, onLost, onRestart, onGivenUp } = parts;
  let slots: readonly Lane[] | undefined;
  let closed = false;
  const early = new Map<Lane, unknown>();
  /** Lanes that are being replaced, with the timer of their next try. */
  const timers = new Map<Lane, ClockTimer | undefined>();
  const openings = new Set<Promise<void>>();

  const retry = (slot: Lane, attempt: number, error: unknown): void => {
    const delayMs = restartDelaysMs[attempt];
    if (delayMs === undefined) {
      timers.delete(slot);
      const last = timers.size === 0 && slots?.some(({ alive }) => alive) !== true;
      onGivenUp(slot, error, last);
      return;
    }
    const timer = clock.setTimer(() => {
      timers.set(slot, undefined);
      const opening = open(slot, attempt);
      openings.add(opening);
      void opening.then(() => openings.delete(opening));
    }, delayMs);
    timers.set(slot, timer);
  };

  const open = async (slot: Lane, attempt: number): Promise<void> => {
    let session: Session;
    try {
      session = await reopen(slot);
    } catch (error) {
      if (!closed) retry(slot, attempt + 1, error);
      return;
    }
    if (closed) {
      // Nobody waits for this worker any more, nor for how it goes.
      await session.close().catch(() => undefined);
      return;
    }
    timers.delete(slot);
    slot.session = session;
    slot.alive = true;
    onRestart(slot);
  };

  const lost = (slot: Lane, error: unknown): void => {
    slot.alive = false;
    if (closed) return;
    if (slots === undefined) {
      early.set(slot, error);
      return;
    }
    onLost(slot, error);
    if (!timers.has(slot)) retry(slot, 0, error);
  };

  return {
    lost,
    start(all) {
      slots = all;
      // What was only tried and died then is not missed.
      for (const [slot, error] of early) if (all.includes(slot)) lost(slot, error);
      early.clear();
    },
    async close() {
      closed = true;
      for (const timer of timers.values()) timer?.clear();
      timers.clear();
      await Promise.all(openings);
    },
  };
}
