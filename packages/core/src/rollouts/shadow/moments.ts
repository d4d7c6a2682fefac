import type { Clock, ClockTimer } from '../../clock';
import { asGoodAsNone, type Traffic } from './traffic';

/** Milliseconds until it is looked whether there happens to be a good moment, where no answer brought one. */
const lookMs = 100;
/** Milliseconds without a lull after which any moment will do in which nobody waits. */
const patienceMs = 1000;
/** Milliseconds for which traffic is then taken to leave none. */
const denseMs = 10_000;

/** What good moments depend on. */
export interface MomentsParts {
  readonly clock: Clock;
  readonly traffic: Traffic;
  /** Whether a run would be in somebody's way: requests wait, or were refused a moment ago. */
  isBusy(): boolean;
  /** A moment was let pass. */
  onPostpone(): void;
}

/** Moments at which a run is in nobody's way. */
export interface Moments {
  /**
   * Resolves at the next good moment: when the last request under way has its answer, so that the whole lull lies ahead. Where traffic
   * leaves no lull for a second, any moment will do in which nobody waits.
   *
   * @returns whether there is one; false when closed
   */
  next(): Promise<boolean>;
  /** Whether so many milliseconds from now would be in nobody's way, as far as traffic of late tells. */
  isFree(ms: number): boolean;
  /** A request has ended. */
  onEnd(): void;
  close(): void;
}

/** Waits for good moments, for one run at a time. */
export function createMoments({ clock, traffic, isBusy, onPostpone }: MomentsParts): Moments {
  let resolve: ((isGood: boolean) => void) | undefined;
  let timer: ClockTimer | undefined;
  let impatientAt = 0;
  let denseUntil = Number.NEGATIVE_INFINITY;
  let closed = false;
  const settle = (isGood: boolean): void => {
    timer?.clear();
    timer = undefined;
    const settled = resolve;
    resolve = undefined;
    settled?.(isGood);
  };
  const look = (): void => {
    const now = clock.now();
    if (isBusy() || (traffic.inFlight > 0 && now < impatientAt)) {
      onPostpone();
      timer = clock.setTimer(look, lookMs);
      return;
    }
    if (traffic.inFlight > 0 && now >= denseUntil) denseUntil = now + denseMs;
    settle(true);
  };
  return {
    next() {
      if (closed) return Promise.resolve(false);
      return new Promise((found) => {
        resolve = found;
        const now = clock.now();
        impatientAt = now < denseUntil ? now : now + patienceMs;
        if (impatientAt === now) look();
        else timer = clock.setTimer(look, lookMs);
      });
    },
    isFree: (ms) => !closed && !isBusy() && (traffic.metWithin(ms) ?? 1) <= asGoodAsNone,
    onEnd() {
      if (resolve === undefined || traffic.inFlight > 0) return;
      // After the caller has heard: it may have the next request at hand.
      clock.defer(() => {
        if (resolve !== undefined && traffic.inFlight === 0 && !isBusy()) settle(true);
      });
    },
    close() {
      closed = true;
      settle(false);
    },
  };
}
