import type { Arrival, CallObserver, CallOutcome } from '@fairlead/core/serving';

const facts: CallOutcome['facts'] = {
  model: { name: 'digits', version: '2', digest: 'd'.repeat(64) },
  rows: 3,
  timing: { queueMs: 0.5, computeMs: 1.5 },
  batchSize: 8,
  moments: { receivedMs: 0.1, readMs: 0.2, answeredMs: 2, writtenMs: 2.25 },
};

/** A call as a service would begin it. */
export function arrivalOf(call: Partial<Arrival> = {}, headers: Readonly<Record<string, string>> = {}): Arrival {
  return {
    protocol: 'open-inference',
    operation: 'infer',
    model: 'digits',
    version: undefined,
    header: (name) => headers[name],
    peer: undefined,
    signal: undefined,
    ...call,
  };
}

/** Has an observer see a call from its arrival to its end. */
export function observe(
  observer: CallObserver,
  call: Partial<Arrival> = {},
  outcome: Partial<CallOutcome> = {},
  headers: Readonly<Record<string, string>> = {},
): void {
  const told: CallOutcome = {
    code: undefined,
    error: undefined,
    principal: { id: 'checkout', scheme: 'api-key' },
    served: 'digits',
    facts,
    durationMs: 2.25,
    ...outcome,
  };
  observer.begin(arrivalOf(call, headers))?.end(told);
}
