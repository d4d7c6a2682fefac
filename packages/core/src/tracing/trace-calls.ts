import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api';
import { messageOf } from '../errors';
import type { Arrival, CallFacts, CallObserver, CallOutcome } from '../serving/host/call';
import { statusOf } from '../serving/http-error';
import { own, standard } from './attributes';
import { parseTracingOptions, type TracingOptions } from './options';
import { addPhase, addRunPhases, type PhasedRequest } from './request-phases';

/** Reads what a propagator asks for out of the headers of a call. */
const headers: TextMapGetter<Arrival> = {
  get: (call, name) => call.header(name.toLowerCase()) ?? undefined,
  // Headers are asked for one by one; none of the usual propagators looks through them.
  keys: () => ['traceparent', 'tracestate', 'baggage'],
};

/**
 * Traces the calls of a service, for the option `observers` of `createHandler`, `serve` and the like. A call continues the trace that its
 * headers name (by OpenTelemetry's global propagator, which is W3C's `traceparent` unless you set another), as a server's span
 * `infer digits` with its phases `receive`, `decode`, `queue`, `compute` and `encode` below it. A batch is shared, so it is nobody's
 * child: each has a span of its own, `batch digits`, with links to the requests that it held, and `compute` has a link to it.
 *
 * While a call is answered its span is the active one, where OpenTelemetry has a context manager: what `traced()` and `remote()` with
 * {@link traceHeaders} do on its behalf is below it.
 *
 * An error has its code in `error.type`; it is the status of the span only where it is this server's fault and not the caller's, as the
 * semantic conventions have it.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function traceCalls(options?: TracingOptions): CallObserver {
  const { tracer: tracerNow, clock, operations } = parseTracingOptions(options, 'traceCalls');
  return {
    begin(call) {
      const { operation, protocol, model, peer } = call;
      if (!operations.includes(operation)) return undefined;
      const tracer = tracerNow();
      const arrivedAtEpochMs = clock.epochMs();
      const userAgent = call.header('user-agent');
      const attributes = {
        [own.protocol]: protocol,
        [own.operation]: operation,
        ...(model !== undefined && { [own.modelName]: model }),
        ...(peer?.address !== undefined && { [standard.clientAddress]: peer.address }),
        ...(typeof userAgent === 'string' && { [standard.userAgent]: userAgent }),
      };
      const parent = propagation.extract(ROOT_CONTEXT, call, headers);
      // The name the client gave may be anything, so it is no part of the span's until a model of that name was found.
      const span = tracer.startSpan(
        operation,
        { kind: SpanKind.SERVER, startTime: arrivedAtEpochMs, attributes },
        parent,
      );
      const inside = trace.setSpan(parent, span);
      return {
        within: (work) => context.with(inside, work),
        end(outcome) {
          if (span.isRecording()) describe({ tracer, clock, span, context: inside }, call, outcome, arrivedAtEpochMs);
          span.end(arrivedAtEpochMs + outcome.durationMs);
        },
      };
    },
  };
}

function describe(
  request: PhasedRequest,
  { operation }: Arrival,
  { code, error, facts, principal, served }: CallOutcome,
  arrivedAtEpochMs: number,
): void {
  const { span } = request;
  if (served !== undefined) span.updateName(`${operation} ${served}`);
  if (principal !== undefined) span.setAttribute(standard.userId, principal.id);
  if (facts !== undefined) addPhases(request, facts, arrivedAtEpochMs);
  if (code === undefined) return;
  span.setAttribute(standard.errorType, code);
  if (statusOf(code) < 500) return;
  span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
}

function addPhases(request: PhasedRequest, facts: CallFacts, arrivedAtEpochMs: number): void {
  const { moments, rows } = facts;
  const at = (afterMs: number): number => arrivedAtEpochMs + afterMs;
  request.span.setAttribute(own.rows, rows);
  addPhase(request, 'receive', arrivedAtEpochMs, at(moments.receivedMs));
  addPhase(request, 'decode', at(moments.receivedMs), at(moments.readMs));
  addRunPhases(request, { ...facts, askedAtEpochMs: at(moments.readMs) });
  addPhase(request, 'encode', at(moments.answeredMs), at(moments.writtenMs));
}
