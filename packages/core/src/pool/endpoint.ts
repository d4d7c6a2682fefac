import type { Clock } from '../clock';
import { FairleadError } from '../errors';
import { Circuit, type CircuitObserver, type Outcome, type SampledFailures } from '../resilience/circuit';
import { codeOf, codesFor } from '../resilience/remedies';
import { type Settled, type StartedRun, startRun } from '../resilience/started-run';
import type { ModelRunner, RunOptions } from '../runner/runner';
import type { InputsOf } from '../signature';
import type { Candidate } from './choose';
import { PeakEwma } from './peak-ewma';
import { RecentOutcomes } from './recent-outcomes';
import type { EndpointDescription, EndpointState } from './result';

/** How an endpoint is judged. */
export interface EndpointSettings {
  readonly failures: number | SampledFailures;
  readonly halfOpenAfterMs: number;
  readonly clock: Clock;
  readonly observer: CircuitObserver;
}

/** Cost of an endpoint that has requests in flight and no answer yet: it is known to be nothing but busy. */
const unknownCost = 1e9;
/** Times that the time aside is doubled at most. */
const mostDoublings = 5;

const speaksAgainst = codesFor('circuit');

/** One runner of a pool: what is known of it, and the requests that it has. */
export class Endpoint implements Candidate {
  readonly name: string;
  readonly outcomes = new RecentOutcomes();
  runner: ModelRunner | undefined;
  readonly #clock: Clock;
  readonly #circuit: Circuit;
  readonly #latency = new PeakEwma();
  #inFlight = 0;
  #answers = 0;
  #failures = 0;
  #busyUntil = Number.NEGATIVE_INFINITY;
  #ejectedUntil = Number.NEGATIVE_INFINITY;
  #ejections = 0;

  constructor(name: string, { failures, halfOpenAfterMs, clock, observer }: EndpointSettings) {
    this.name = name;
    this.#clock = clock;
    this.#circuit = new Circuit(failures, halfOpenAfterMs, clock, observer);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  cost(now: number): number {
    const latencyMs = this.#latency.at(now);
    if (latencyMs > 0) return latencyMs * (this.#inFlight + 1);
    return this.#inFlight === 0 ? 0 : unknownCost + this.#inFlight;
  }

  /** Whether requests should go there: it is connected, its circuit is closed, and it is neither busy nor put aside. */
  isReady(now: number): boolean {
    return this.isUsable && now >= this.#busyUntil && now >= this.#ejectedUntil;
  }

  /** Whether requests may go there where no endpoint is ready. */
  get isUsable(): boolean {
    return this.runner !== undefined && this.#circuit.state === 'closed';
  }

  /** Whether it was left alone long enough for one request to find out how it is. */
  get wantsProbe(): boolean {
    return this.runner !== undefined && this.#circuit.state !== 'closed' && this.#circuit.retryAfterMs === 0;
  }

  /** Milliseconds until a request has a chance there. */
  retryAfterMs(now: number): number {
    if (this.runner === undefined) return Number.POSITIVE_INFINITY;
    const aside = Math.max(0, this.#ejectedUntil - now, this.#busyUntil - now);
    return Math.max(this.#circuit.retryAfterMs, aside);
  }

  isEjected(now: number): boolean {
    return now < this.#ejectedUntil;
  }

  /** Puts it aside, and answers for how many milliseconds. */
  eject(ejectMs: number, now: number): number {
    // Who has done well for as long as it would be put aside has its past forgiven.
    const doublings = Math.min(this.#ejections, mostDoublings);
    const lastMs = ejectMs * 2 ** Math.max(0, doublings - 1);
    if (now - this.#ejectedUntil > 2 * lastMs) this.#ejections = 0;
    const forMs = ejectMs * 2 ** Math.min(this.#ejections, mostDoublings);
    this.#ejections++;
    this.#ejectedUntil = now + forMs;
    this.outcomes.clear();
    return forMs;
  }

  /**
   * Sends a request there. Call it only where `isUsable` or `wantsProbe`.
   * @param usualMs what most answers of the pool take: who had less time than that, and was not answered in time, says
   * nothing about the endpoint
   * @param isWanted whether anybody still waits for it when it ends
   */
  start(inputs: InputsOf, options: RunOptions, usualMs: number, isWanted: () => boolean): StartedRun {
    const ticket = this.#circuit.enter();
    const { runner } = this;
    if (runner === undefined || ticket === undefined) throw new Error(`Endpoint ${this.name} takes no request now.`);
    this.#inFlight++;
    const run = startRun(runner, inputs, options, this.#clock);
    void run.settled.then((settled) => {
      this.#inFlight--;
      const outcome = this.#outcomeOf(settled, usualMs, isWanted());
      this.#circuit.leave(ticket, outcome, settled.ok ? undefined : settled.error);
    });
    return run;
  }

  #outcomeOf(settled: Settled, usualMs: number, isWanted: boolean): Outcome {
    const now = this.#clock.now();
    const { tookMs } = settled;
    if (settled.ok) {
      this.#answers++;
      this.#latency.add(tookMs, now);
      this.outcomes.addAnswer(tookMs, now);
      return 'success';
    }
    const code = codeOf(settled.error);
    if (code === 'OVERLOADED') this.#busyUntil = now + retryAfterOf(settled.error);
    const ranOut = code === 'DEADLINE_EXCEEDED' || code === 'ABORTED';
    // Who was overtaken takes at least so long.
    if (ranOut && tookMs > this.#latency.at(now)) this.#latency.add(tookMs, now);
    const failed = ranOut ? isWanted && tookMs >= usualMs : speaksAgainst.has(code) || code === 'CLOSED';
    if (!failed) return 'neutral';
    this.#failures++;
    this.outcomes.addFailure(now);
    return 'failure';
  }

  describe(now: number): EndpointDescription {
    const { runner } = this;
    const retryAfterMs = this.retryAfterMs(now);
    return {
      name: this.name,
      state: this.#state(now),
      ...(runner === undefined ? {} : { model: runner.model }),
      inFlight: this.#inFlight,
      latencyMs: this.#latency.at(now),
      retryAfterMs: Number.isFinite(retryAfterMs) ? retryAfterMs : 0,
      answers: this.#answers,
      failures: this.#failures,
    };
  }

  #state(now: number): EndpointState {
    if (this.runner === undefined) return 'connecting';
    if (this.#circuit.state !== 'closed') return this.#circuit.state;
    return this.isEjected(now) ? 'ejected' : 'ready';
  }
}

/** An endpoint is left alone for a minute at most, whatever it asks for: it may have been mistaken. */
const longestRetryAfterMs = 60_000;

function retryAfterOf(error: unknown): number {
  const retryAfterMs = FairleadError.isInstance(error) ? error.details.retryAfterMs : undefined;
  return typeof retryAfterMs === 'number' && retryAfterMs > 0 ? Math.min(retryAfterMs, longestRetryAfterMs) : 0;
}
