import { context, propagation } from '@opentelemetry/api';

/**
 * The headers by which a trace goes on at another server: of the span that is active where this is called, by OpenTelemetry's global
 * propagator, which is W3C's `traceparent` and `tracestate` unless you set another. Without a span there are none.
 *
 * Give it to a remote runner as its `headers`, or spread what it answers among headers of your own:
 * `headers: () => ({ authorization, ...traceHeaders() })`.
 */
export function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(context.active(), headers);
  return headers;
}
