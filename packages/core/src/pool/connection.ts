import type { Clock, ClockTimer } from '../clock';
import { abortedError, FairleadError } from '../errors';
import { checkInterchangeable } from '../runner/model-info';
import type { ModelRunner } from '../runner/runner';
import type { ModelSignature } from '../signature';
import type { Endpoint } from './endpoint';
import type { NamedEndpoint } from './options';

/** Milliseconds until an endpoint that could not be connected is tried again, at first and at most. */
const firstPauseMs = 1000;
const longestPauseMs = 30_000;

/** Connects what was not connected at once, until it succeeds. */
export interface Connections {
  /** Milliseconds until the next attempt of any; infinite where none is planned. */
  retryAfterMs(now: number): number;
  close(): void;
}

/** What connections are made for. */
export interface ConnectionSettings {
  readonly signature: ModelSignature;
  readonly clock: Clock;
  onConnect(endpoint: Endpoint, runner: ModelRunner): void;
  onFail(endpoint: Endpoint, error: unknown, retryAfterMs: number): void;
}

/** What came of the first attempt at one endpoint. */
export type FirstAttempt = { readonly runner: ModelRunner } | { readonly error: unknown };

/** Tries every endpoint once, all at a time. */
export function connectAll(
  endpoints: readonly NamedEndpoint[],
  signal: AbortSignal | undefined,
): Promise<FirstAttempt[]> {
  const attempt = async ({ runner, connect }: NamedEndpoint): Promise<FirstAttempt> => {
    try {
      return { runner: runner ?? (await connectOnce(connect, signal)) };
    } catch (error) {
      return { error };
    }
  };
  return Promise.all(endpoints.map(attempt));
}

async function connectOnce(connect: NamedEndpoint['connect'], signal: AbortSignal | undefined): Promise<ModelRunner> {
  const runner = await connect?.(signal === undefined ? {} : { signal });
  if (typeof runner?.run === 'function') {
    if (!signal?.aborted) return runner;
    await runner.close();
    throw abortedError(signal, 'Connecting');
  }
  throw new FairleadError('INVALID_OPTION', 'connect() of an endpoint: expected a runner, given something else.', {
    details: { field: 'connect', expected: 'a runner', given: String(runner) },
  });
}

/** Goes on with endpoints whose first attempt failed. */
export function keepConnecting(
  waiting: readonly { readonly endpoint: Endpoint; readonly source: NamedEndpoint; readonly error: unknown }[],
  { signature, clock, onConnect, onFail }: ConnectionSettings,
): Connections {
  const ending = new AbortController();
  const planned = new Map<Endpoint, { readonly timer: ClockTimer; readonly at: number }>();

  const connect = async (endpoint: Endpoint, source: NamedEndpoint, pauseMs: number): Promise<void> => {
    planned.delete(endpoint);
    try {
      const runner = await connectOnce(source.connect, ending.signal);
      try {
        checkInterchangeable(signature, runner.signature);
      } catch (error) {
        await runner.close();
        throw error;
      }
      if (ending.signal.aborted) await runner.close();
      else onConnect(endpoint, runner);
    } catch (error) {
      plan(endpoint, source, Math.min(pauseMs * 2, longestPauseMs), error);
    }
  };

  const plan = (endpoint: Endpoint, source: NamedEndpoint, pauseMs: number, error: unknown): void => {
    if (ending.signal.aborted) return;
    const timer = clock.setTimer(() => void connect(endpoint, source, pauseMs), pauseMs);
    planned.set(endpoint, { timer, at: clock.now() + pauseMs });
    onFail(endpoint, error, pauseMs);
  };

  for (const { endpoint, source, error } of waiting) plan(endpoint, source, firstPauseMs, error);
  return {
    retryAfterMs(now) {
      let least = Number.POSITIVE_INFINITY;
      for (const { at } of planned.values()) least = Math.min(least, Math.max(0, at - now));
      return least;
    },
    close() {
      ending.abort();
      for (const { timer } of planned.values()) timer.clear();
      planned.clear();
    },
  };
}
