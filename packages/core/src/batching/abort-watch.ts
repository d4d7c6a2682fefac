import type { Cohort, Listening, WatchedSignal } from './cohort';

/** A signal that is listened to, and who waits with it: mostly one, for whom no set is made. */
interface Watched extends WatchedSignal {
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

  /**
   * What is known of a signal that is listened to, and so is not aborted; undefined for another. To ask that here takes less than to ask the
   * platform's.
   */
  find(signal: AbortSignal): WatchedSignal | undefined {
    return this.#watched.get(signal);
  }

  /** Listens to a signal that `find` does not know, for a cohort that is added next. */
  listen(signal: AbortSignal): WatchedSignal {
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

  /** Hears of a signal for a cohort, one of whose requests has it, until that ends or is parted. */
  add(cohort: Cohort, watchedSignal: WatchedSignal): void {
    const watched = watchedSignal as Watched;
    if (watched.cohort === undefined) watched.cohort = cohort;
    else if (watched.cohort !== cohort) {
      watched.others ??= new Set();
      watched.others.add(cohort);
    }
    cohort.listening = this;
  }

  leave(cohort: Cohort): void {
    cohort.listening = undefined;
    for (const watched of cohort.signals ?? []) if (watched !== undefined) this.#leave(cohort, watched as Watched);
  }

  move(whole: Cohort, parts: readonly Cohort[]): void {
    for (const part of parts)
      for (const watched of part.signals ?? []) if (watched !== undefined) this.add(part, watched);
    this.leave(whole);
  }

  #leave(cohort: Cohort, watched: Watched): void {
    if (watched.cohort === cohort) watched.cohort = undefined;
    else if (watched.others?.delete(cohort) !== true) return;
    if (watched.isLasting || isAwaited(watched)) return;
    this.#known.add(watched.signal);
    this.#forget(watched);
  }

  /** Stops listening. Call it when nobody waits any more. */
  close(): void {
    this.#sweep();
  }

  #sweep(): void {
    for (const watched of this.#watched.values()) if (!isAwaited(watched)) this.#forget(watched);
  }

  #forget(watched: Watched): void {
    const { signal, listener, isLasting } = watched;
    if (isLasting) lasting.delete(signal);
    // Of one that was aborted nothing is known any more, or another that was made since.
    if (this.#watched.get(signal) === watched) this.#watched.delete(signal);
    signal.removeEventListener('abort', listener);
  }
}

function isAwaited({ cohort, others }: Watched): boolean {
  return cohort !== undefined || (others !== undefined && others.size > 0);
}
