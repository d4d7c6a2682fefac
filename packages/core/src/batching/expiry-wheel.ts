import type { Clock, ClockTimer } from '../clock';
import type { Cohort } from './cohort';

/** A slot spans at most this fraction of the time that is left, so that far deadlines share few slots. */
const slotsPerOctave = 32;
/** Platforms run a timer of more milliseconds than this at once; a far deadline takes several. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Ends cohorts of requests at their deadline, queued or in flight, whatever the lanes do. A hierarchical timer wheel with one
 * timer: adding and removing cost the same however many requests wait. A far deadline sits in a wide slot that begins
 * before it; when that slot comes up, it moves to a narrower one.
 */
export class ExpiryWheel {
  readonly #clock: Clock;
  readonly #onExpire: (cohort: Cohort) => void;
  /** First cohort of each slot, by the slot's time in milliseconds. */
  readonly #slots = new Map<number, Cohort>();
  /** Times of the slots, in ascending order. */
  readonly #times: number[] = [];
  #timer: ClockTimer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onExpire: (cohort: Cohort) => void) {
    this.#clock = clock;
    this.#onExpire = onExpire;
  }

  /** Watches a cohort with a finite deadline. */
  add(cohort: Cohort): void {
    const time = slotOf(cohort.traits.deadline, this.#clock.now());
    cohort.expirySlot = time;
    const first = this.#slots.get(time);
    if (first === undefined) this.#insertTime(time);
    else {
      first.expiryPrevious = cohort;
      cohort.expiryNext = first;
    }
    this.#slots.set(time, cohort);
    if (time < this.#timerAt) this.#arm(time);
  }

  /** Forgets a cohort; one that is not watched is left alone. */
  remove(cohort: Cohort): void {
    const time = cohort.expirySlot;
    if (Number.isNaN(time)) return;
    const { expiryPrevious: previous, expiryNext: next } = cohort;
    if (next !== undefined) next.expiryPrevious = previous;
    if (previous !== undefined) previous.expiryNext = next;
    else if (next !== undefined) this.#slots.set(time, next);
    else this.#removeSlot(time);
    unlink(cohort);
  }

  /** Stops the timer. */
  close(): void {
    this.#timer?.clear();
    this.#timer = undefined;
  }

  #insertTime(time: number): void {
    const times = this.#times;
    let index = times.length;
    // Deadlines mostly arrive in order, so the search begins at the end.
    while (index > 0 && (times[index - 1] as number) > time) index--;
    times.splice(index, 0, time);
  }

  #removeSlot(time: number): void {
    this.#slots.delete(time);
    const index = this.#times.indexOf(time);
    if (index !== -1) this.#times.splice(index, 1);
    if (this.#times.length === 0) {
      this.close();
      this.#timerAt = Number.POSITIVE_INFINITY;
    }
  }

  #arm(time: number): void {
    this.#timer?.clear();
    this.#timerAt = time;
    const delayMs = Math.min(Math.max(0, time - this.#clock.now()), longestTimerMs);
    this.#timer = this.#clock.setTimer(() => this.#fire(), delayMs);
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    while (this.#times.length > 0 && (this.#times[0] as number) <= now) {
      // One at a time from the front: whoever hears of an expiry may end others of the same slot.
      const cohort = this.#slots.get(this.#times[0] as number) as Cohort;
      this.remove(cohort);
      if (cohort.traits.deadline <= now) this.#onExpire(cohort);
      else this.add(cohort);
    }
    const first = this.#times[0];
    if (first !== undefined && first < this.#timerAt) this.#arm(first);
  }
}

function slotOf(deadline: number, now: number): number {
  const left = deadline - now;
  if (left <= slotsPerOctave) return Math.ceil(deadline);
  const span = 2 ** Math.floor(Math.log2(left / slotsPerOctave));
  return span <= 1 ? Math.ceil(deadline) : Math.floor(deadline / span) * span;
}

function unlink(cohort: Cohort): void {
  cohort.expiryPrevious = undefined;
  cohort.expiryNext = undefined;
  cohort.expirySlot = Number.NaN;
}
