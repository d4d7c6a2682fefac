import { ConsecutiveBreaker, CountBreaker, CircuitState as CountingState, type IBreaker } from 'cockatiel';
import type { Clock } from '../clock';

/*
 * Of cockatiel the circuit takes the rules that count (ConsecutiveBreaker, CountBreaker). The states are ours: its
 * CircuitBreakerPolicy reads Date.now, lets callers wait without a bound while a probe runs, takes a probe that its caller
 * aborted for a recovery, and lets requests that began before the circuit opened speak about it afterwards.
 */

/** Whether requests pass: all, none, or one to see how the runner is. */
export type CircuitState = 'closed' | 'open' | 'half-open';

/** Failures in a share of the last requests. */
export interface SampledFailures {
  /** The circuit opens when more than this share of the window failed. More than 0, less than 1. */
  readonly share: number;
  /** Requests that the window looks back over. 1 to 100000. */
  readonly windowRequests: number;
  /** Requests that must have ended before the share means anything, at most `windowRequests`. @default windowRequests */
  readonly minimumRequests?: number;
}

/** How a request ended, as far as the health of the runner goes. */
export type Outcome = 'success' | 'failure' | 'neutral';

/** What those who come while a probe is under way are told to wait at least, in milliseconds. */
const leastProbeMs = 100;

/** Who is told when the state changes. */
export interface CircuitObserver {
  onOpen(error: unknown): void;
  onProbe(): void;
  /** @param openMs since it opened first */
  onClose(openMs: number): void;
}

/** What a request takes with it through the circuit, so that its end counts for the state in which it began. */
export type Ticket = number;

/**
 * A circuit breaker without timers: it looks at the clock when a request comes. A request that began in another state
 * than the present one says nothing about it, and does not count.
 */
export class Circuit {
  readonly #rule: IBreaker;
  readonly #halfOpenAfterMs: number;
  readonly #clock: Clock;
  readonly #observer: CircuitObserver;
  #state: CircuitState = 'closed';
  #ticket: Ticket = 0;
  #openedAt = 0;
  #halfOpenAt = 0;
  /** When the probe in flight is taken for lost; undefined when none is. */
  #probeLapsesAt: number | undefined;

  constructor(failures: number | SampledFailures, halfOpenAfterMs: number, clock: Clock, observer: CircuitObserver) {
    this.#rule = ruleOf(failures);
    this.#halfOpenAfterMs = halfOpenAfterMs;
    this.#clock = clock;
    this.#observer = observer;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** Milliseconds after which a request has a chance again; 0 when one may pass now. */
  get retryAfterMs(): number {
    const now = this.#clock.now();
    if (this.#state === 'open') return Math.max(0, this.#halfOpenAt - now);
    if (this.#probeLapsesAt === undefined) return 0;
    // How long the probe will take nobody knows; what has taken so long may take as long again.
    const leftMs = Math.max(0, this.#probeLapsesAt - now);
    return Math.min(leftMs, Math.max(leastProbeMs, this.#halfOpenAfterMs - leftMs));
  }

  /** Lets a request through, or answers undefined. */
  enter(): Ticket | undefined {
    if (this.#state === 'closed') return this.#ticket;
    if (this.retryAfterMs > 0) return undefined;
    const before = this.#state;
    this.#state = 'half-open';
    this.#probeLapsesAt = this.#clock.now() + this.#halfOpenAfterMs;
    const ticket = ++this.#ticket;
    if (before === 'open') this.#observer.onProbe();
    return ticket;
  }

  /** A request that was let through has ended. */
  leave(ticket: Ticket, outcome: Outcome, error?: unknown): void {
    if (ticket !== this.#ticket || this.#state === 'open') return;
    const probing = this.#state === 'half-open';
    const counting = probing ? CountingState.HalfOpen : CountingState.Closed;
    if (outcome === 'neutral') {
      // The next request is the probe: this one found out nothing.
      this.#probeLapsesAt = undefined;
    } else if (outcome === 'success') {
      this.#rule.success(counting);
      if (probing) this.#close();
    } else if (this.#rule.failure(counting) || probing) {
      this.#open(error);
    }
  }

  #open(error: unknown): void {
    const now = this.#clock.now();
    if (this.#state === 'closed') this.#openedAt = now;
    this.#state = 'open';
    this.#ticket++;
    this.#probeLapsesAt = undefined;
    this.#halfOpenAt = now + this.#halfOpenAfterMs;
    this.#observer.onOpen(error);
  }

  #close(): void {
    this.#state = 'closed';
    this.#ticket++;
    this.#probeLapsesAt = undefined;
    this.#observer.onClose(this.#clock.now() - this.#openedAt);
  }
}

function ruleOf(failures: number | SampledFailures): IBreaker {
  if (typeof failures === 'number') return new ConsecutiveBreaker(failures);
  const { share, windowRequests, minimumRequests = windowRequests } = failures;
  return new CountBreaker({ threshold: share, size: windowRequests, minimumNumberOfCalls: minimumRequests });
}
