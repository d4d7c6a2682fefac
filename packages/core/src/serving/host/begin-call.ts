import type { Clock } from '../../clock';
import { FairleadError, messageOf } from '../../errors';
import type { Logger } from '../../logger';
import type { Arrival, Call, CallFacts, CallObserver, CallOutcome, CallWatch, Guard, Principal } from './call';

/** Of whatever maker: one that is not waited for would let everybody in. */
function isPromise<T>(value: T | PromiseLike<T> | undefined): value is PromiseLike<T> {
  return typeof (value as Partial<PromiseLike<T>> | undefined)?.then === 'function';
}

/** Begins calls. */
export type BeginCall = (arrival: Arrival) => Call;

/** What calls have in common. */
export interface CallSettings {
  readonly guard: Guard | undefined;
  readonly observers: readonly CallObserver[];
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createBeginCall({ guard, observers, clock, logger }: CallSettings): BeginCall {
  const failed = (error: unknown): void => {
    logger.error({ error }, `An observer of calls failed: ${messageOf(error)}`);
  };

  const watch = (arrival: Arrival): readonly CallWatch[] => {
    const watches: CallWatch[] = [];
    for (const observer of observers) {
      try {
        const found = observer.begin(arrival);
        if (found !== undefined) watches.push(found);
      } catch (error) {
        failed(error);
      }
    }
    return watches;
  };

  const tell = (watches: readonly CallWatch[], outcome: CallOutcome): void => {
    for (const each of watches) {
      try {
        each.end(outcome);
      } catch (error) {
        failed(error);
      }
    }
  };

  return (arrival) => {
    const arrivedAt = clock.now();
    let watches = observers.length === 0 ? undefined : watch(arrival);
    let principal: Principal | undefined;
    let facts: CallFacts | undefined;
    let served: string | undefined;
    return {
      ...arrival,
      arrivedAt,
      get principal() {
        return principal;
      },
      admit() {
        if (guard === undefined) return;
        const found = guard.admit(arrival);
        if (isPromise(found)) {
          return Promise.resolve(found).then((known) => {
            principal = known;
          });
        }
        principal = found;
      },
      reach(name) {
        served = name;
      },
      note(known) {
        facts = known;
      },
      within<T>(work: () => T): T {
        let inner = work;
        for (const each of watches ?? []) {
          const next = inner;
          if (each.within !== undefined) inner = () => each.within?.(next) as T;
        }
        return inner();
      },
      end(error) {
        if (watches === undefined) return;
        const told = watches;
        watches = undefined;
        const code =
          error === undefined ? undefined : FairleadError.isInstance(error) ? error.code : ('RUN_FAILED' as const);
        tell(told, { code, error, principal, served, facts, durationMs: clock.now() - arrivedAt });
      },
    };
  };
}
