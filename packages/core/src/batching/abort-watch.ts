import type { Cohort } from './cohort';

interface Watched {
  readonly cohorts: Set<Cohort>;
  readonly listener: () => void;
  /** Whether it is listened to though nobody waits with it. */
  readonly isLasting: boolean;
}

/** Signals that are listened to before it is looked which of them nobody waits with. */
const fewestToSweep = 1024;

/** Signals that some watch listens to though nobody waits with them. Each runner has a watch, and a signal may see many runners. */
const lasting = new WeakSet<AbortSignal>();

/**
 * Hears of aborts. However many requests share a signal, it has one listener: platforms take many for a leak and warn of
 * them, and one costs less.
 *
 * To listen and to stop listening costs more than most of what is done for a small request, and a connection has one signal for all that
 * come on it, mostly one after the other. So a signal that came back after nobody waited with it keeps its listener from then on, until
 * there are many.
 */
export class AbortWatch {
  readonly #onAbort: (cohort: Cohort, signal: AbortSignal) => void;
  readonly #watched = new Map<AbortSignal, Watched>();
  /** Signals that were left alone before. */
  readonly #known = new WeakSet<AbortSignal>();
  #sweepAt = fewestToSweep;

  constructor(onAbort: (cohort: Cohort, signal: AbortSignal) => void) {
    this.#onAbort = onAbort;
  }

  /** Watches a signal for a cohort, until `cohort.unlisten` is called. */
  add(cohort: Cohort, signal: AbortSignal): void {
    const watched = this.#watched.get(signal) ?? this.#listen(signal);
    watched.cohorts.add(cohort);
    cohort.unlisten = () => {
      watched.cohorts.delete(cohort);
      if (watched.isLasting || watched.cohorts.size > 0) return;
      this.#known.add(signal);
      this.#leave(signal, watched);
    };
  }

  /** Stops listening. Call it when nobody waits any more. */
  close(): void {
    this.#sweep();
  }

  #listen(signal: AbortSignal): Watched {
    if (this.#watched.size >= this.#sweepAt) {
      this.#sweep();
      this.#sweepAt = Math.max(fewestToSweep, this.#watched.size * 2);
    }
    const cohorts = new Set<Cohort>();
    const listener = (): void => {
      this.#watched.delete(signal);
      for (const cohort of [...cohorts]) this.#onAbort(cohort, signal);
    };
    signal.addEventListener('abort', listener, { once: true });
    const isLasting = this.#known.has(signal) && !lasting.has(signal);
    if (isLasting) lasting.add(signal);
    const watched = { cohorts, listener, isLasting };
    this.#watched.set(signal, watched);
    return watched;
  }

  #sweep(): void {
    for (const [signal, watched] of this.#watched) if (watched.cohorts.size === 0) this.#leave(signal, watched);
  }

  #leave(signal: AbortSignal, { listener, isLasting }: Watched): void {
    if (isLasting) lasting.delete(signal);
    this.#watched.delete(signal);
    signal.removeEventListener('abort', listener);
  }
}
