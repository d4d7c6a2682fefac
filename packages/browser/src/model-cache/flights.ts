import { abortedError, type EventSource } from '@fairlead/core';
import type { ModelCacheEventMap } from './cache-events';

/** Those who hear of a flight. */
export type Audience = Set<EventSource<ModelCacheEventMap>>;

/** Work that is done once for all who ask for it meanwhile. It is given up when the last of them leaves. */
export interface Flights<T> {
  /** @throws FairleadError `ABORTED`, or what the work throws */
  join(
    key: string,
    caller: { readonly events: EventSource<ModelCacheEventMap>; readonly signal?: AbortSignal | undefined },
    work: (signal: AbortSignal, audience: Audience) => Promise<T>,
  ): Promise<T>;
}

interface Flight<T> {
  readonly controller: AbortController;
  readonly audience: Audience;
  readonly result: Promise<T>;
  callers: number;
}

/** Makes an empty set of flights. */
export function createFlights<T>(): Flights<T> {
  const flights = new Map<string, Flight<T>>();

  const start = (key: string, work: Parameters<Flights<T>['join']>[2]): Flight<T> => {
    const controller = new AbortController();
    const audience: Audience = new Set();
    // The work begins when its first caller has joined, so that he hears of everything.
    const result = Promise.resolve().then(() => work(controller.signal, audience));
    const flight: Flight<T> = { controller, audience, result, callers: 0 };
    flights.set(key, flight);
    const land = (): void => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    result.then(land, land);
    return flight;
  };

  return {
    join(key, { events, signal }, work) {
      if (signal?.aborted) return Promise.reject(abortedError(signal, 'Loading the model'));
      const flight = flights.get(key) ?? start(key, work);
      flight.audience.add(events);
      flight.callers += 1;
      return new Promise<T>((resolve, reject) => {
        const leave = (): void => {
          flight.callers -= 1;
          reject(abortedError(signal as AbortSignal, 'Loading the model'));
          if (flight.callers > 0) return;
          // Who comes now begins anew, and does not meet an end that is not his own.
          if (flights.get(key) === flight) flights.delete(key);
          flight.controller.abort((signal as AbortSignal).reason);
        };
        signal?.addEventListener('abort', leave, { once: true });
        flight.result.then(resolve, reject).finally(() => signal?.removeEventListener('abort', leave));
      });
    },
  };
}
