import type { Guardrail } from '../contracts';

/** Options of {@link errorsGuardrail}. */
export interface ErrorsGuardrailOptions {
  /** What share of its requests a challenger may fail beyond what its control does. 0 or more, less than 1. @default 0.01 */
  readonly margin?: number;
}

/** Guards the share of requests that fail: of every block, failed requests by requests. */
export function errorsGuardrail({ margin = 0.01 }: ErrorsGuardrailOptions = {}): Guardrail {
  return {
    name: 'errors',
    harmfulWhen: 'higher',
    margin,
    bounds: [0, 1],
    measure: ({ requests, failedRequests }) => (requests === 0 ? undefined : failedRequests / requests),
  };
}
