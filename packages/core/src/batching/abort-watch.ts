import type { Cohort, Listening } from './cohort';

/** A signal that is listened to, and who waits with it: mostly one, for whom no set is made. */
interface Watched {
  readonly signal: AbortSignal;
  readonly listener: () => void;
  /** Whether it is listened to though nobody waits with it. */
  readonly isLasting: boolean;
  cohort: Cohort | undefined;
  others: Set<Cohort> | undefined;
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
export class AbortWatch implements Listening {
  readonly #onAbort: (cohort: Cohort, signal: AbortSignal) => void;
  readonly #watched = new Map<AbortSignal, Watched>();
  /** Signals that were left alone before. */
  readonly #known = new WeakSet<AbortSignal>();
  #sweepAt = fewestToSweep;

  /** @param onAbort called for each cohort that has requests with a signal that is aborted */
  constructor(onAbort: (cohort: Cohort, signal: AbortSignal) => void) {
    this.#onAbort = onAbort;
  }

  /** Watches a signal for a cohort, one of whose requests has it, until that ends or is parted. */
  add(cohort: Cohort, signal: AbortSignal): void {
    const watched = this.#watched.get(signal) ?? this.#listen(signal);
    if (watched.cohort === undefined) watched.cohort = cohort;
    else if (watched.cohort !== cohort) {
      watched.others ??= new Set();
      watched.others.add(cohort);
    }
    cohort.listening = this;
  }

  leave(cohort: Cohort): void {
    cohort.listening = undefined;
    for (const signal of cohort.signals ?? []) {
      const watched = signal && this.#watched.get(signal);
      if (watched === undefined) continue;
      if (watched.cohort === cohort) watched.cohort = undefined;
      else if (watched.others?.delete(cohort) !== true) continue;
      if (watched.isLasting || isAwaited(watched)) continue;
      this.#known.add(watched.signal);
      this.#forget(watched);
    }
  }

  move(whole: Cohort, parts: readonly Cohort[]): void {
    for (const part of parts) {
      // One that is aborted is heard of no more.
      for (const signal of part.signals ?? []) if (signal?.aborted === false) this.add(part, signal);
    }
    this.leave(whole);
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
    const isLasting = this.#known.has(signal) && !lasting.has(signal);
    if (isLasting) lasting.add(signal);
    const listener = (): void => {
      this.#watched.delete(signal);
      const { cohort, others = [] } = watched;
      for (const each of [...(cohort === undefined ? [] : [cohort]), ...others]) this.#onAbort(each, signal);
    };
    const watched: Watched = { signal, listener, isLasting, cohort: undefined, others: undefined };
    signal.addEventListener('abort', listener, { once: true });
    this.#watched.set(signal, watched);
    return watched;
  }

  #sweep(): void {
    for (const watched of this.#watched.values()) if (!isAwaited(watched)) this.#forget(watched);
  }

  #forget({ signal, listener, isLasting }: Watched): void {
    if (isLasting) lasting.delete(signal);
    this.#watched.delete(signal);
    signal.removeEventListener('abort', listener);
  }
}

function isAwaited({ cohort, others }: Watched): boolean {
  return cohort !== undefined || (others !== undefined && others.size > 0);
}
