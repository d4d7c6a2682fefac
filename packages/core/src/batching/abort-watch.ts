import type { Cohort } from './cohort';

interface Watched {
  readonly cohorts: Set<Cohort>;
  readonly listener: () => void;
  hasFired: boolean;
}

/** Signals that are listened to though nobody waits with them. */
const mostIdle = 1024;

/**
 * Hears of aborts. However many requests share a signal, it has one listener: platforms take many for a leak and warn of
 * them, and one costs less.
 *
 * To listen and to stop listening costs more than most of what is done for a small request, and a connection has one signal for all that
 * come on it, mostly one after the other. So a signal that nobody waits with any more keeps its listener for the next, unless
 * {@link mostIdle} others were used since.
 */
export class AbortWatch {
  readonly #onAbort: (cohort: Cohort, signal: AbortSignal) => void;
  readonly #watched = new Map<AbortSignal, Watched>();
  /** Those without cohorts, the longest unused first. */
  readonly #idle = new Map<AbortSignal, Watched>();
  #isClosed = false;

  constructor(onAbort: (cohort: Cohort, signal: AbortSignal) => void) {
    this.#onAbort = onAbort;
  }

  /** Watches a signal for a cohort, until `cohort.unlisten` is called. */
  add(cohort: Cohort, signal: AbortSignal): void {
    const watched = this.#watched.get(signal) ?? this.#listen(signal);
    watched.cohorts.add(cohort);
    cohort.unlisten = () => {
      watched.cohorts.delete(cohort);
      if (watched.cohorts.size === 0) this.#rest(signal, watched);
    };
  }

  /** Leaves alone what nobody waits with, now and from now on. */
  close(): void {
    this.#isClosed = true;
    for (const [signal, { listener }] of this.#idle) signal.removeEventListener('abort', listener);
    this.#idle.clear();
  }

  #listen(signal: AbortSignal): Watched {
    const known = this.#idle.get(signal);
    if (known !== undefined) this.#idle.delete(signal);
    const watched = known ?? this.#begin(signal);
    this.#watched.set(signal, watched);
    return watched;
  }

  #begin(signal: AbortSignal): Watched {
    const cohorts = new Set<Cohort>();
    const listener = (): void => {
      watched.hasFired = true;
      this.#idle.delete(signal);
      for (const cohort of [...cohorts]) this.#onAbort(cohort, signal);
    };
    const watched = { cohorts, listener, hasFired: false };
    signal.addEventListener('abort', listener, { once: true });
    return watched;
  }

  #rest(signal: AbortSignal, watched: Watched): void {
    this.#watched.delete(signal);
    if (watched.hasFired) return;
    if (!this.#isClosed) {
      this.#idle.set(signal, watched);
      if (this.#idle.size <= mostIdle) return;
    }
    const [[longest, { listener }] = [signal, watched]] = this.#idle;
    this.#idle.delete(longest);
    longest.removeEventListener('abort', listener);
  }
}
