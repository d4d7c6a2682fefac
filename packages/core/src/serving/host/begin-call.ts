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

export function createBeginCall(settings: CallSettings): BeginCall {
  return (arrival) => new HostCall(arrival, settings);
}

const nobody: readonly CallWatch[] = [];

/** A call of a host; a class, since one is made for each request. */
class HostCall implements Call {
  readonly protocol: Arrival['protocol'];
  readonly operation: Arrival['operation'];
  readonly model: Arrival['model'];
  readonly version: Arrival['version'];
  readonly header: Arrival['header'];
  readonly peer: Arrival['peer'];
  readonly signal: Arrival['signal'];
  readonly delay: Arrival['delay'];
  readonly arrivedAt: number;
  principal: Principal | undefined = undefined;
  decisionId: string | undefined = undefined;
  readonly #arrival: Arrival;
  readonly #settings: CallSettings;
  #watches: readonly CallWatch[];
  #facts: CallFacts | undefined = undefined;
  #served: string | undefined = undefined;

  constructor(arrival: Arrival, settings: CallSettings) {
    const { protocol, operation, model, version, header, peer, signal, delay } = arrival;
    this.protocol = protocol;
    this.operation = operation;
    this.model = model;
    this.version = version;
    this.header = header;
    this.peer = peer;
    this.signal = signal;
    this.delay = delay;
    this.arrivedAt = settings.clock.now() - (delay?.beforeMs ?? 0);
    this.#arrival = arrival;
    this.#settings = settings;
    this.#watches = settings.observers.length === 0 ? nobody : watch(arrival, settings);
  }

  get isWatched(): boolean {
    return this.#watches.length > 0;
  }

  admit(): void | Promise<void> {
    const { guard } = this.#settings;
    if (guard === undefined) return;
    const found = guard.admit(this.#arrival);
    if (isPromise(found)) {
      return Promise.resolve(found).then((known) => {
        this.principal = known;
      });
    }
    this.principal = found;
  }

  reach(served: string): void {
    this.#served = served;
  }

  decide(decisionId: string): void {
    this.decisionId = decisionId;
  }

  note(facts: CallFacts): void {
    this.#facts = facts;
  }

  within<T>(work: () => T): T {
    let inner = work;
    for (const each of this.#watches) {
      const next = inner;
      if (each.within !== undefined) inner = () => each.within?.(next) as T;
    }
    return inner();
  }

  end(error?: unknown): void {
    const watches = this.#watches;
    if (watches.length === 0) return;
    this.#watches = nobody;
    tell(watches, this.#settings, {
      code: codeOf(error),
      error,
      principal: this.principal,
      served: this.#served,
      facts: this.#facts,
      durationMs: this.#settings.clock.now() - this.arrivedAt,
    });
  }
}

function watch(arrival: Arrival, { observers, logger }: CallSettings): readonly CallWatch[] {
  const watches: CallWatch[] = [];
  for (const observer of observers) {
    try {
      const found = observer.begin(arrival);
      if (found !== undefined) watches.push(found);
    } catch (error) {
      tellFailure(logger, error);
    }
  }
  return watches;
}

function tell(watches: readonly CallWatch[], { logger }: CallSettings, outcome: CallOutcome): void {
  for (const each of watches) {
    try {
      each.end(outcome);
    } catch (error) {
      tellFailure(logger, error);
    }
  }
}

function codeOf(error: unknown): CallOutcome['code'] {
  if (error === undefined) return undefined;
  return FairleadError.isInstance(error) ? error.code : 'RUN_FAILED';
}

function tellFailure(logger: Logger, error: unknown): void {
  logger.error({ error }, `An observer of calls failed: ${messageOf(error)}`);
}
