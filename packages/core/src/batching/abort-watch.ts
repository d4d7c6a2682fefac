import type { Cohort } from './cohort';

interface Watched {
  readonly cohorts: Set<Cohort>;
  readonly listener: () => void;
}

/**
 * Hears of aborts. However many requests share a signal, it has one listener: platforms take many for a leak and warn of
 * them, and one costs less.
 */
export class AbortWatch {
  readonly #onAbort: (cohort: Cohort, signal: AbortSignal) => void;
  readonly #watched = new Map<AbortSignal, Watched>();

  constructor(onAbort: (cohort: Cohort, signal: AbortSignal) => void) {
    this.#onAbort = onAbort;
  }

  /** Watches a signal for a cohort, until `cohort.unlisten` is called. */
  add(cohort: Cohort, signal: AbortSignal): void {
    const { cohorts, listener } = this.#watched.get(signal) ?? this.#listen(signal);
    cohorts.add(cohort);
    cohort.unlisten = () => {
      cohorts.delete(cohort);
      if (cohorts.size > 0) return;
      this.#watched.delete(signal);
      signal.removeEventListener('abort', listener);
    };
  }

  #listen(signal: AbortSignal): Watched {
    const cohorts = new Set<Cohort>();
    const listener = (): void => {
      for (const cohort of [...cohorts]) this.#onAbort(cohort, signal);
    };
    signal.addEventListener('abort', listener, { once: true });
    const watched = { cohorts, listener };
    this.#watched.set(signal, watched);
    return watched;
  }
}
